//! Which network it is.
//!
//! The configuration names it, by name or by genesis validators root; else it is what the own nodes say, by majority of
//! those that answered. A tie has no answer that could not be wrong, so it ends the start, naming both sides. Friends'
//! nodes are never asked: a friend who moved to a test network must not take our validators with him, not even at boot
//! when nobody else has answered yet.
//!
//! Own nodes are counted by whether they are foreign to each other, so that a difference in a preset divides them as a
//! difference in genesis does, and an upgraded node and one that is not stay together.

use std::str::FromStr;

use super::{Genesis, Served, Spec, compare};
use crate::chain::{Malformed, Moment, Root};

/// A network known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its genesis validators root, in hex.
    pub root: &'static str,
}

/// The networks known by name. Their roots stand in the `metadata` folders of `github.com/eth-clients/{mainnet,sepolia,
/// holesky,hoodi}` and in `github.com/gnosischain/configs`; each was checked against several clients' sources.
pub const KNOWN: [Known; 6] = [
    Known { name: "mainnet", root: "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95" },
    Known { name: "sepolia", root: "0xd8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078" },
    Known { name: "holesky", root: "0x9143aa7c615a7f7115e2b6aac319c03529df8242ae705fba9df39b79c59fa8b1" },
    Known { name: "hoodi", root: "0x212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f" },
    Known { name: "gnosis", root: "0xf5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47" },
    Known { name: "chiado", root: "0x9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e" },
];

/// The network that the configuration names, by its genesis validators root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkChoice(pub Root);

/// What an own node says of its network.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its genesis.
    pub genesis: &'a Genesis,
    /// Its spec.
    pub spec: &'a Spec,
}

/// Why there is no network yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// Nobody has said anything; ask again later.
    #[error("no own node has told its genesis and spec yet")]
    Silent,
    /// The configuration names one network and every own node that answered is on another.
    #[error(
        "network is configured as {wanted}, but {found}; point the nodes' URLs at nodes of that network, or correct `network`"
    )]
    Elsewhere {
        /// What the configuration says.
        wanted: String,
        /// Who is where.
        found: String,
    },
    /// As many own nodes on one side as on another.
    #[error("own nodes are on different networks, as many on each: {sides}; set `network`, or correct the nodes")]
    Tie {
        /// Who is where.
        sides: String,
    },
}

impl Known {
    fn of(root: Root) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.root.parse() == Ok(root))
    }
}

/// Reads a name, or a root in hex.
impl FromStr for NetworkChoice {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let root = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(text)).map_or(text, |known| known.root);
        root.parse().map(Self).map_err(|_| {
            Malformed::new(
                "a network (mainnet, sepolia, holesky, hoodi, gnosis, chiado, or a genesis validators root)",
                text,
            )
        })
    }
}

/// The network, out of the configuration and what the own nodes said, in configured order.
///
/// # Errors
///
/// See [`Undefined`].
pub fn define(choice: Option<NetworkChoice>, own: &[Told<'_>], now: Moment) -> Result<Served, Undefined> {
    if own.is_empty() {
        return Err(Undefined::Silent);
    }
    let wanted = |told: &&Told<'_>| choice.is_none_or(|choice| told.genesis.validators_root == choice.0);
    let candidates: Vec<_> = own.iter().filter(wanted).collect();
    if let (Some(choice), true) = (choice, candidates.is_empty()) {
        return Err(Undefined::Elsewhere {
            wanted: described(choice.0),
            found: sides(&own.iter().collect::<Vec<_>>()),
        });
    }
    let picture = |told: &Told<'_>| Served { genesis: told.genesis.clone(), spec: told.spec.clone() };
    let side_of = |of: &Told<'_>| {
        let epoch = picture(of).epoch(now);
        let agrees =
            |with: &&&Told<'_>| compare((of.genesis, of.spec), (with.genesis, with.spec), epoch).foreign.is_empty();
        candidates.iter().filter(agrees).map(|told| told.node).collect::<Vec<_>>()
    };
    let groups: Vec<_> = candidates.iter().map(|told| side_of(told)).collect();
    let most = groups.iter().map(Vec::len).max().unwrap_or(0);
    // `max_by_key` would take the last of equals; the first configured one is to win.
    let winner = groups.iter().position(|group| group.len() == most).ok_or(Undefined::Silent)?;
    let rival =
        candidates.iter().zip(&groups).any(|(told, group)| group.len() == most && !groups[winner].contains(&told.node));
    if rival { Err(Undefined::Tie { sides: sides(&candidates) }) } else { Ok(picture(candidates[winner])) }
}

fn described(root: Root) -> String {
    Known::of(root).map_or_else(|| format!("genesis validators root {root}"), |known| known.name.to_owned())
}

/// Who is where, for an operator to see which one is wrong.
fn sides(own: &[&Told<'_>]) -> String {
    let side = |told: &&Told<'_>| {
        let Genesis { time, validators_root, fork_version } = told.genesis;
        let config = told.spec.text("CONFIG_NAME").unwrap_or_default();
        let config: String = config.chars().filter(|it| !it.is_control()).take(40).collect();
        format!(
            "{} is on {} (CONFIG_NAME {config:?}, genesis time {time}, fork version {fork_version}, {} ms slots)",
            told.node,
            described(*validators_root),
            told.spec.slot_ms,
        )
    };
    own.iter().map(side).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
