//! The event stream as a validator client reads it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::Value;

use super::Core;
use super::network::Network;
use crate::digest::Root;
use crate::vote::number;

/// The longest line read; a longer one is dropped with the stream, as real clients do.
const MAX_LINE: usize = 64 << 10;

/// The head of the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) slot: u64,
    pub(super) root: Root,
    /// Dependent root of the duties of this epoch.
    pub(super) current: Root,
    /// Dependent root of the duties of the next.
    pub(super) next: Root,
}

/// Reads the stream for as long as the client lives; opens it again when it ends.
pub(super) async fn follow(core: Arc<Core>, network: Arc<Network>) {
    let path = format!("/eth/v1/events?{}", core.spec.profile.topics);
    loop {
        match core.wire.stream(&path).await {
            Ok(body) => {
                let why = read(&core, body).await;
                core.complain(Some(&network), "event stream", &why);
            }
            Err((status, why)) => {
                core.complain(Some(&network), "event stream", &why);
                if core.spec.profile.stream_is_final && matches!(status, Some(400 | 500)) {
                    return core.complain(Some(&network), "event stream", "closed for good");
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(network.clock.part_ms(2500))).await;
    }
}

/// Reads one stream to its end, and says why it ended.
async fn read(core: &Core, mut body: hyper::body::Incoming) -> String {
    let mut text = Vec::new();
    let mut topic = String::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => text.extend(frame.into_data().unwrap_or_default()),
            Err(error) => return error.to_string(),
        }
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            take(core, String::from_utf8_lossy(&line).trim_end(), &mut topic);
        }
        if text.len() > MAX_LINE {
            return "a line is too long".into();
        }
    }
    "it ended".into()
}

fn take(core: &Core, line: &str, topic: &mut String) {
    if let Some(name) = line.strip_prefix("event:") {
        name.trim_start().clone_into(topic);
    } else if let Some(value) = line.strip_prefix("data:") {
        if topic == "head" {
            match serde_json::from_str::<Value>(value).ok().as_ref().and_then(head) {
                Some(head) => _ = core.head.send_replace(head),
                None => core.complain(None, "event stream", "a head event cannot be read, or is optimistic"),
            }
        }
    } else if line.is_empty() {
        topic.clear();
    }
}

fn head(value: &Value) -> Option<Head> {
    let root = |key: &str| value[key].as_str().and_then(Root::parse);
    if value["execution_optimistic"].as_bool()? {
        return None;
    }
    Some(Head {
        slot: number(&value["slot"])?,
        root: root("block")?,
        current: root("previous_duty_dependent_root")?,
        next: root("current_duty_dependent_root")?,
    })
}
