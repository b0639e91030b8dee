//! Which topics a node is asked for.
//!
//! A node that does not know one topic refuses the whole stream. Some say which one it was, most do not: then the set
//! that is known to hold an unknown topic is halved until the topic is found, about six connections a topic. What was
//! learnt holds until the node's version changes.
//!
//! A `400` can also mean something else (a gateway before the node, a node that is starting). So a topic counts as
//! unknown only when the node named it, or refused it beside topics that it had just accepted or as the only one. And
//! every node has `head`: one that refuses it refuses for another reason, so all that was learnt is forgotten and the
//! next try begins anew. The pace of tries is the caller's.

use super::{Topic, Topics};

/// What is known of the topics of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPlan {
    version: String,
    known: Topics,
    refused: Topics,
    /// At least one of these is unknown to the node; empty when there is nothing to look for.
    suspects: Topics,
}

/// The topic that a node refused, read from its error message; `None` if the message does not say, or does not name a
/// topic that was asked for.
///
/// Only wordings that are known to name the culprit are read: a message that lists the topics a node *has* must not
/// cost us one of them.
#[must_use]
pub fn refused_topic(message: &str, asked: &Topics) -> Option<Topic> {
    let text = message.to_ascii_lowercase();
    // Lodestar and the Beacon API's example; serde's wording; Prysm before 2022.
    let after = ["invalid topic: ", "unknown variant `", "topic "].iter().find_map(|lead| {
        let rest = &text[text.find(lead)? + lead.len()..];
        let end = rest.find(|it| !is_name(it)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        // A list is not a name, and only one of the wordings goes on in a known way.
        let fits = if *lead == "topic " { rest.starts_with(" not allowed") } else { !rest.starts_with(',') };
        (fits && !name.is_empty()).then(|| name.to_owned())
    });
    // Prysm: `head_v2: invalid topic name`.
    let name = after.or_else(|| {
        let before = &text[..text.find(": invalid topic")?];
        let start = before.rfind(|it| !is_name(it)).map_or(0, |at| at + 1);
        Some(before[start..].to_owned())
    })?;
    Topic::from_name(&name).filter(|topic| asked.contains(topic))
}

fn is_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '_'
}

impl TopicPlan {
    /// What to ask for, out of the wanted topics.
    ///
    /// Called again after an accepted stream, it gives the same set if there is nothing more to find out, and a greater
    /// or another one if the stream should be opened anew with it. Never empty while heads are wanted.
    #[must_use]
    pub fn ask(&self, wanted: &Topics) -> Topics {
        if !self.suspects.is_empty() && self.suspects.is_subset(wanted) {
            let half = self.suspects.iter().take(self.suspects.len().div_ceil(2));
            return self.known.intersection(wanted).chain(half).copied().collect();
        }
        wanted.difference(&self.refused).copied().collect()
    }

    /// Topics that the node is known to refuse.
    #[must_use]
    pub fn refused(&self) -> &Topics {
        &self.refused
    }

    /// The node opened a stream for these topics.
    pub fn on_accepted(&mut self, asked: &Topics) {
        self.known.extend(asked);
        self.refused.retain(|topic| !asked.contains(topic));
        self.suspects.retain(|topic| !asked.contains(topic));
    }

    /// The node answered `400` with this message when asked for these topics.
    pub fn on_refused(&mut self, asked: &Topics, message: &str) {
        if let Some(topic) = refused_topic(message, asked) {
            return self.refuse(topic);
        }
        let unproven: Topics = asked.difference(&self.known).copied().collect();
        // If it refuses what it accepted before, that is no longer proven.
        self.suspects = if unproven.is_empty() { asked.clone() } else { unproven };
        self.known.retain(|topic| !self.suspects.contains(topic));
        if self.suspects.len() == 1
            && let Some(topic) = self.suspects.pop_first()
        {
            self.refuse(topic);
        }
    }

    /// The node tells its version. Another than before may know other topics: all that was learnt is forgotten.
    pub fn on_version(&mut self, version: &str) {
        if self.version != version {
            *self = Self { version: version.to_owned(), ..Self::default() };
        }
    }

    fn refuse(&mut self, topic: Topic) {
        if topic == Topic::Head {
            *self = Self { version: std::mem::take(&mut self.version), ..Self::default() };
            return;
        }
        self.refused.insert(topic);
        self.known.remove(&topic);
        // This topic explains the refusal; whether another is unknown too, the next try shows.
        self.suspects.clear();
    }
}

#[cfg(test)]
mod tests;
