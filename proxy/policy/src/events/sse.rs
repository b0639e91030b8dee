//! The wire of the event stream, both ways.
//!
//! *In.* Nodes frame differently: `event:head` and `event: head`, `\n`, `\r\n` or `\r`, comments or none, bytes cut
//! anywhere. [`Framing`] takes bytes as they arrive and gives whole events. A node can send a line that never ends, so
//! an event has [`MAX_EVENT`] bytes; one that grows over it is dropped and counted, and the stream goes on with the
//! next. So is an event that is not UTF-8. An event that the connection cut in half is forgotten with the framing.
//!
//! *Out.* [`frame`] writes what every known validator client reads: the event line first, one space after the colon,
//! the JSON on one line, no `id`, no `retry`, a blank line. Some read one chunk as one event, so a frame is to be
//! flushed on its own.

use super::Topic;

/// The most bytes that one line, and all data lines of one event together, may have. The greatest event known, an
/// attester slashing of two full Electra committees, is about half of it.
pub const MAX_EVENT: usize = 1 << 20;

/// The comment that keeps a silent stream alive.
pub const KEEP_ALIVE: &str = ":\n\n";

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The event line's value, a topic's name if the node is sound; empty if there was none.
    pub event: String,
    /// The data lines, joined by line feeds.
    pub json: String,
}

/// Bytes of one stream, on their way to events.
#[derive(Debug, Default)]
pub struct Framing {
    line: Vec<u8>,
    /// The line being read is over the bound; what was kept of it is given back.
    overlong: bool,
    event: String,
    json: Option<String>,
    /// The event being read is not to be given: too long, or not UTF-8.
    spoilt: bool,
    /// The last line ended with a carriage return; a line feed that follows belongs to it.
    after_return: bool,
    begun: bool,
    dropped: u64,
}

/// One event for the caller.
#[must_use]
pub fn frame(topic: Topic, json: &str) -> String {
    let name = topic.name();
    let mut text = String::with_capacity(name.len() + json.len() + 16);
    text.push_str("event: ");
    text.push_str(name);
    text.push_str("\ndata: ");
    // A line break inside JSON is spacing; inside a string it would be escaped.
    text.extend(json.chars().map(|it| if it == '\n' || it == '\r' { ' ' } else { it }));
    text.push_str("\n\n");
    text
}

impl Framing {
    /// The events that these bytes complete.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (part, end) = (&bytes[..at], bytes[at]);
            bytes = &bytes[at + 1..];
            if std::mem::take(&mut self.after_return) && part.is_empty() && end == b'\n' {
                continue;
            }
            self.after_return = end == b'\r';
            self.extend(part);
            let line = std::mem::take(&mut self.line);
            frames.extend(self.end_line(&line));
        }
        if !bytes.is_empty() {
            self.after_return = false;
            self.extend(bytes);
        }
        frames
    }

    /// How many events were dropped since the stream began.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn extend(&mut self, part: &[u8]) {
        if self.overlong || self.line.len() + part.len() > MAX_EVENT {
            self.overlong = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Frame> {
        let first = !std::mem::replace(&mut self.begun, true);
        if std::mem::take(&mut self.overlong) {
            self.spoilt = true;
            return None;
        }
        let line = if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.end_event();
        }
        let Ok(line) = std::str::from_utf8(line) else {
            self.spoilt = true;
            return None;
        };
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.json {
                Some(json) if json.len() + value.len() >= MAX_EVENT => {
                    self.spoilt = true;
                    self.json = None;
                }
                Some(json) => {
                    json.push('\n');
                    json.push_str(value);
                }
                None => self.json = Some(value.to_owned()),
            },
            // A comment (no field name), `id`, `retry`, or something newer.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Frame> {
        let event = std::mem::take(&mut self.event);
        let json = self.json.take();
        if std::mem::take(&mut self.spoilt) {
            self.dropped += 1;
            return None;
        }
        json.map(|json| Frame { event, json })
    }
}

#[cfg(test)]
mod tests;
