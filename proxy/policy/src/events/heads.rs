//! The events that we read whole: heads, blocks, reorgs and finality.
//!
//! They feed the view, so their fields are typed; all other events pass as they came. Reading is tolerant (any order of
//! keys, numbers as strings or bare, unknown keys skipped), writing is exact (the order of the Beacon API, numbers as
//! strings, no spaces), because validator clients differ in what they forgive.
//!
//! `head` and `head_v2` say the same of a block, under other names: `previous_duty_dependent_root` is
//! `current_epoch_dependent_root` and `current_duty_dependent_root` is `next_epoch_dependent_root`; the values are not
//! swapped. `head_v2` adds whether the block's payload is there. Before Gloas the payload is inside the block, so it is
//! always `full`; from Gloas on a `head` cannot become a `head_v2`, and the caller has to wait for a node that says it.
//!
//! A head read from a block header (after a stream was lost) has no dependent roots. It may move the view, but it
//! cannot be written as an event: a validator client would recompute its duties from a root that nobody gave.

use serde::{Deserialize, Serialize};

use crate::chain::{Clock, Epoch, Root, Slot};

/// A head, as event `head` tells it or as a block header does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Slot of the head block.
    pub slot: Slot,
    /// Root of the head block.
    pub block: Root,
    /// State root of the head block.
    pub state: Root,
    /// Whether this is the first head of its epoch; recomputed for the caller by [`Head::after`].
    #[serde(default)]
    pub epoch_transition: bool,
    /// The root that the attester duties of the head's epoch depend on; `None` if not told.
    #[serde(default, alias = "current_epoch_dependent_root")]
    pub previous_duty_dependent_root: Option<Root>,
    /// The root that the attester duties of the next epoch depend on; `None` if not told.
    #[serde(default, alias = "next_epoch_dependent_root")]
    pub current_duty_dependent_root: Option<Root>,
    /// Whether the execution client has not verified it; `None` if the node does not say.
    #[serde(default)]
    pub execution_optimistic: Option<bool>,
}

/// Whether the payload of a head block is there (Gloas).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadStatus {
    /// Not decided yet.
    Pending,
    /// The block stands without its payload.
    Empty,
    /// The block stands with its payload.
    Full,
}

/// A head, as event `head_v2` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadV2 {
    /// Name of the fork at the head's slot, as in `Eth-Consensus-Version`; at most 32 letters and digits.
    pub version: String,
    /// Whether its payload is there.
    pub payload_status: PayloadStatus,
    /// All that `head` says too.
    pub head: Head,
}

/// A block that a node imported, as event `block` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Block {
    /// Its slot.
    pub slot: Slot,
    /// Its root.
    pub block: Root,
    /// Whether the execution client has not verified it; `None` if the node does not say.
    #[serde(default)]
    pub execution_optimistic: Option<bool>,
}

/// A finalized checkpoint, as event `finalized_checkpoint` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Finalized {
    /// Root of the checkpoint's block.
    pub block: Root,
    /// State root of that block.
    pub state: Root,
    /// The epoch that is final.
    pub epoch: Epoch,
    /// Whether the execution client has not verified it; `None` if the node does not say.
    #[serde(default)]
    pub execution_optimistic: Option<bool>,
}

/// A reorganisation, as event `chain_reorg` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reorg {
    /// Slot of the new head.
    pub slot: Slot,
    /// How many slots back the branches parted; nodes with other old heads rightly say other depths.
    #[serde(deserialize_with = "crate::chain::decimal")]
    pub depth: u64,
    /// Root of the head that was left.
    pub old_head_block: Root,
    /// Root of the head that was taken.
    pub new_head_block: Root,
    /// State root of the head that was left.
    pub old_head_state: Root,
    /// State root of the head that was taken.
    pub new_head_state: Root,
    /// Epoch of the new head.
    pub epoch: Epoch,
    /// Whether the execution client has not verified it; `None` if the node does not say.
    #[serde(default)]
    pub execution_optimistic: Option<bool>,
}

/// The forks whose blocks carry their payload inside. A later fork, known to us or not, is not one of them.
const PAYLOAD_INSIDE: [&str; 7] = ["phase0", "altair", "bellatrix", "capella", "deneb", "electra", "fulu"];

macro_rules! read {
    ($name:ident, $topic:literal) => {
        impl $name {
            #[doc = concat!("Reads the JSON of event `", $topic, "`; `None` if it is something else.")]
            #[must_use]
            pub fn read(json: &str) -> Option<Self> {
                serde_json::from_str(json).ok()
            }
        }
    };
}

read!(Head, "head");
read!(Block, "block");
read!(Finalized, "finalized_checkpoint");
read!(Reorg, "chain_reorg");

impl Head {
    /// The head with `epoch_transition` as it is for a caller who was last told `previous`.
    ///
    /// A merged stream may skip the head for which a node said `true`, or tell two of them. For the first head of a
    /// stream the node's own word stands.
    #[must_use]
    pub fn after(mut self, previous: Option<Slot>, clock: &Clock) -> Self {
        if let Some(previous) = previous {
            self.epoch_transition = clock.epoch(self.slot) > clock.epoch(previous);
        }
        self
    }

    /// The same head as `head_v2`; `None` from Gloas on, because `head` does not say whether the payload is there.
    #[must_use]
    pub fn to_v2(&self, fork: &str) -> Option<HeadV2> {
        PAYLOAD_INSIDE.contains(&fork).then(|| HeadV2 {
            version: fork.to_owned(),
            payload_status: PayloadStatus::Full,
            head: self.clone(),
        })
    }

    /// The JSON of event `head`; `None` if a dependent root is not known.
    #[must_use]
    pub fn write(&self) -> Option<String> {
        let (previous, current) = (self.previous_duty_dependent_root?, self.current_duty_dependent_root?);
        Some(format!(
            r#"{{"slot":"{}","block":"{}","state":"{}","epoch_transition":{},"previous_duty_dependent_root":"{previous}","current_duty_dependent_root":"{current}","execution_optimistic":{}}}"#,
            self.slot,
            self.block,
            self.state,
            self.epoch_transition,
            self.execution_optimistic.unwrap_or(false),
        ))
    }
}

impl PayloadStatus {
    /// The word of the Beacon API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Empty => "empty",
            Self::Full => "full",
        }
    }
}

impl HeadV2 {
    /// Reads the JSON of event `head_v2`; `None` if it is something else.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire {
            version: String,
            data: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            payload_status: PayloadStatus,
            #[serde(flatten)]
            head: Head,
        }

        let Wire { version, data } = serde_json::from_str(json).ok()?;
        let version = version.to_ascii_lowercase();
        let sound = (1..=32).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
        sound.then_some(Self { version, payload_status: data.payload_status, head: data.head })
    }

    /// The JSON of event `head_v2`; `None` if a dependent root is not known.
    #[must_use]
    pub fn write(&self) -> Option<String> {
        let head = &self.head;
        let (current, next) = (head.previous_duty_dependent_root?, head.current_duty_dependent_root?);
        Some(format!(
            r#"{{"version":"{}","data":{{"slot":"{}","block":"{}","state":"{}","payload_status":"{}","epoch_transition":{},"current_epoch_dependent_root":"{current}","next_epoch_dependent_root":"{next}","execution_optimistic":{}}}}}"#,
            self.version,
            head.slot,
            head.block,
            head.state,
            self.payload_status.name(),
            head.epoch_transition,
            head.execution_optimistic.unwrap_or(false),
        ))
    }
}

impl Finalized {
    /// The JSON of event `finalized_checkpoint`.
    #[must_use]
    pub fn write(&self) -> String {
        format!(
            r#"{{"block":"{}","state":"{}","epoch":"{}","execution_optimistic":{}}}"#,
            self.block,
            self.state,
            self.epoch,
            self.execution_optimistic.unwrap_or(false),
        )
    }
}

impl Reorg {
    /// The JSON of event `chain_reorg`.
    #[must_use]
    pub fn write(&self) -> String {
        format!(
            r#"{{"slot":"{}","depth":"{}","old_head_block":"{}","new_head_block":"{}","old_head_state":"{}","new_head_state":"{}","epoch":"{}","execution_optimistic":{}}}"#,
            self.slot,
            self.depth,
            self.old_head_block,
            self.new_head_block,
            self.old_head_state,
            self.new_head_state,
            self.epoch,
            self.execution_optimistic.unwrap_or(false),
        )
    }
}

#[cfg(test)]
mod tests;
