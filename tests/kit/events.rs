//! Readers of an event stream.
//!
//! [`Events`] reads one frame after another and takes exactly what the specification writes: `event: TOPIC`, `data:
//! JSON`, an empty line; or a comment and an empty line. With opinions, anything else fails the test; without, as when
//! reading a node, it is taken in every family's spelling.
//!
//! [`Tape`] reads in the background and keeps everything, up to [`LONGEST_TAPE`] frames, for tests that look back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// Frames that a tape holds; at the bound the oldest goes.
pub const LONGEST_TAPE: usize = 100_000;

/// The longest frame that is read.
const LONGEST_FRAME: usize = 1 << 20;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its topic.
    pub topic: String,
    /// What it says.
    pub data: Value,
    /// The bytes of its `data` line, as they came.
    pub raw: String,
    /// When it was read.
    pub at: Instant,
}

/// What comes out of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// An event.
    Event(Event),
    /// A comment, without its colon.
    Comment(String),
}

/// An open event stream.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    text: VecDeque<u8>,
    strict: bool,
}

/// A stream that is read in the background.
#[derive(Debug)]
pub struct Tape {
    kept: Arc<Mutex<Kept>>,
    reader: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Kept {
    frames: VecDeque<Frame>,
    ended: Option<String>,
}

impl Events {
    /// Reads a stream that was just opened.
    ///
    /// # Panics
    ///
    /// If it was not opened with 200, or, when strict, with other headers than a stream has.
    #[must_use]
    pub(crate) fn new(response: Response<Incoming>, strict: bool) -> Self {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(response.status(), 200, "the event stream was refused");
        if strict {
            assert_eq!(header("content-type"), Some("text/event-stream"), "the stream's type");
            assert_eq!(header("x-accel-buffering"), Some("no"), "nginx must not collect events");
            assert_eq!(header("cache-control"), Some("no-cache"), "nobody may keep a stream");
            assert_eq!(header("content-encoding"), None, "an event stream is never compressed");
        }
        Self { body: response.into_body(), text: VecDeque::new(), strict }
    }

    /// The next frame; `None` = the stream ended at the end of a frame.
    ///
    /// # Panics
    ///
    /// If nothing comes within [`PATIENCE`], or something that is no frame.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = timeout(PATIENCE, self.read()).await.unwrap_or_else(|_| panic!("no event for {PATIENCE:?}"));
        frame.unwrap_or_else(|why| panic!("{why}"))
    }

    /// The next event of a topic, passing over everything else.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next), and if the stream ends.
    pub async fn event(&mut self, topic: &str) -> Event {
        loop {
            match self.next().await {
                Some(Frame::Event(event)) if event.topic == topic => return event,
                Some(_) => {}
                None => panic!("the stream ended before an event of {topic}"),
            }
        }
    }

    /// Reads to the stream's end; the frames until then.
    ///
    /// # Panics
    ///
    /// If it goes on longer than [`PATIENCE`].
    pub async fn rest(mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        let read = async {
            while let Ok(Some(frame)) = self.read().await {
                frames.push(frame);
            }
        };
        timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("the stream goes on for {PATIENCE:?}"));
        frames
    }

    /// Whether nothing at all comes for so long. For the few tests where silence is the fact.
    pub async fn silent_for(&mut self, long: Duration) -> bool {
        timeout(long, self.read()).await.is_err()
    }

    /// Goes on reading in the background.
    #[must_use]
    pub fn taped(mut self) -> Tape {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let into = Arc::clone(&kept);
        let reader = tokio::spawn(async move {
            loop {
                let read = self.read().await;
                let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
                match read {
                    Ok(Some(frame)) => {
                        if kept.frames.len() >= LONGEST_TAPE {
                            kept.frames.pop_front();
                        }
                        kept.frames.push_back(frame);
                    }
                    Ok(None) => return kept.ended = Some("it ended".to_owned()),
                    Err(why) => return kept.ended = Some(why),
                }
            }
        });
        Tape { kept, reader }
    }

    async fn read(&mut self) -> Result<Option<Frame>, String> {
        loop {
            let end = self.text.make_contiguous().windows(2).position(|two| two == b"\n\n");
            if let Some(end) = end {
                let frame: Vec<u8> = self.text.drain(..end + 2).collect();
                let text = String::from_utf8(frame).map_err(|_| "a frame is not text".to_owned())?;
                match frame_of(&text[..end], self.strict)? {
                    Some(frame) => return Ok(Some(frame)),
                    None => continue,
                }
            }
            if self.text.len() > LONGEST_FRAME {
                return Err(format!("a frame of more than {LONGEST_FRAME} bytes"));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.text.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(format!("the stream was cut: {error}")),
                None if self.text.is_empty() => return Ok(None),
                None => return Err("the stream ended inside a frame".to_owned()),
            }
        }
    }
}

impl Tape {
    /// All frames so far.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).frames.iter().cloned().collect()
    }

    /// All events of a topic so far.
    #[must_use]
    pub fn events(&self, topic: &str) -> Vec<Event> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let event = |frame: &Frame| match frame {
            Frame::Event(event) if event.topic == topic => Some(event.clone()),
            Frame::Event(_) | Frame::Comment(_) => None,
        };
        kept.frames.iter().filter_map(event).collect()
    }

    /// Why the stream ended; `None` while it goes on.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).ended.clone()
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// A frame without its empty line; `Ok(None)` = nothing in it.
fn frame_of(text: &str, strict: bool) -> Result<Option<Frame>, String> {
    let mut topic = None;
    let mut raw = None;
    let mut comment = None;
    for line in text.split('\n') {
        let (name, value) = match line.split_once(':') {
            Some((name, value)) if strict && !name.is_empty() => {
                (name, value.strip_prefix(' ').ok_or_else(|| format!("no space after the colon: {line:?}"))?)
            }
            Some((name, value)) => (name, value.trim()),
            None if strict => return Err(format!("a line without a colon in {text:?}")),
            None => continue,
        };
        let place = match name {
            "" => &mut comment,
            "event" => &mut topic,
            "data" => &mut raw,
            _ if strict => return Err(format!("a field that nobody asked for in {text:?}")),
            _ => continue,
        };
        if place.replace(value.to_owned()).is_some() && strict {
            return Err(format!("a field twice in {text:?}"));
        }
    }
    match (topic, raw, comment) {
        (Some(topic), Some(raw), None) => {
            let data = serde_json::from_str(&raw).map_err(|error| format!("{error} in {raw:?}"))?;
            Ok(Some(Frame::Event(Event { topic, data, raw, at: Instant::now() })))
        }
        (None, None, Some(comment)) => Ok(Some(Frame::Comment(comment))),
        _ if strict => Err(format!("neither an event nor a comment: {text:?}")),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_framing_is_taken() {
        for (name, good, text) in [
            ("an event", true, "event: head\ndata: {}"),
            ("a comment", true, ":"),
            ("no space", false, "event:head\ndata: {}"),
            ("no topic", false, "data: {}"),
            ("no content", false, "event: head"),
            ("two contents", false, "event: head\ndata: {}\ndata: {}"),
            ("an id", false, "id: 1\nevent: head\ndata: {}"),
            ("a comment inside", false, ":\nevent: head\ndata: {}"),
            ("not JSON", false, "event: head\ndata: x"),
            ("a carriage return", false, "event: head\r\ndata: {}\r"),
            ("nothing", false, ""),
        ] {
            let read = frame_of(text, true).is_ok_and(|frame| {
                !matches!(&frame, Some(Frame::Event(event)) if event.topic != "head") && frame.is_some()
            });
            assert_eq!(read, good, "{name}");
        }
        assert!(
            matches!(frame_of("event:head\ndata:{}", false), Ok(Some(Frame::Event(event))) if event.topic == "head")
        );
    }
}
