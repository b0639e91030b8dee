//! Client families, and how they are told from version strings.
//!
//! Diversity is counted in families: two nodes of one family fall to the same bug. A beacon node tells its own family
//! in `node/version`, and since v2 also its execution client's, in the engine API's words (a two-letter code and a
//! name). A node that says nothing, or something newer than this table, is `unknown`; the configuration can label it.
//! Labels, metrics and pages all use [`ConsensusFamily::name`] and [`ExecutionFamily::name`].
//!
//! Version strings are shown and logged, so they lose control characters and are cut at [`MAX_VERSION`] characters.

use std::str::FromStr;

use serde::Deserialize;

use crate::chain::Malformed;

/// A consensus client implementation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsensusFamily {
    /// Erigon's built-in consensus client.
    Caplin,
    /// Obol's DVT middleware, when it is used as a beacon node.
    Charon,
    /// Grandine.
    Grandine,
    /// Lighthouse.
    Lighthouse,
    /// Lodestar.
    Lodestar,
    /// Nimbus.
    Nimbus,
    /// Prysm.
    Prysm,
    /// Another Rangelight.
    Rangelight,
    /// Teku.
    Teku,
    /// Not told, or not known to this version.
    #[default]
    Unknown,
}

/// An execution client implementation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionFamily {
    /// Besu.
    Besu,
    /// Erigon.
    Erigon,
    /// EthereumJS.
    EthereumJs,
    /// Geth.
    Geth,
    /// Nethermind.
    Nethermind,
    /// Nimbus' execution client.
    NimbusEl,
    /// Reth.
    Reth,
    /// Not told, or not known to this version.
    #[default]
    Unknown,
}

/// What a node says of its software.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Family of the beacon node.
    pub consensus: ConsensusFamily,
    /// Version of the beacon node, such as `v8.0.1`; the whole text if it names no version.
    pub consensus_version: String,
    /// Family of its execution client; unknown to v1, and to nodes that do not know it just now.
    pub execution: ExecutionFamily,
    /// Version of its execution client; empty if not told.
    pub execution_version: String,
}

/// The most characters kept of a version.
pub const MAX_VERSION: usize = 96;

/// Label, engine API code, and how the name in a version string begins, of every consensus family.
const CONSENSUS: [(ConsensusFamily, &str, &str, &[&str]); 9] = [
    // Caplin reports under Erigon's name and code.
    (ConsensusFamily::Caplin, "caplin", "EG", &["caplin", "erigon"]),
    (ConsensusFamily::Charon, "charon", "", &["charon"]),
    (ConsensusFamily::Grandine, "grandine", "GR", &["grandine"]),
    (ConsensusFamily::Lighthouse, "lighthouse", "LH", &["lighthouse"]),
    (ConsensusFamily::Lodestar, "lodestar", "LS", &["lodestar"]),
    (ConsensusFamily::Nimbus, "nimbus", "NB", &["nimbus"]),
    (ConsensusFamily::Prysm, "prysm", "PM", &["prysm"]),
    (ConsensusFamily::Rangelight, "rangelight", "", &["rangelight"]),
    (ConsensusFamily::Teku, "teku", "TK", &["teku"]),
];

/// As [`CONSENSUS`], of every execution family.
const EXECUTION: [(ExecutionFamily, &str, &str, &[&str]); 7] = [
    (ExecutionFamily::Besu, "besu", "BU", &["besu", "hyperledger besu"]),
    (ExecutionFamily::Erigon, "erigon", "EG", &["erigon"]),
    (ExecutionFamily::EthereumJs, "ethereumjs", "EJ", &["ethereumjs"]),
    (ExecutionFamily::Geth, "geth", "GE", &["geth", "go-ethereum"]),
    (ExecutionFamily::Nethermind, "nethermind", "NM", &["nethermind"]),
    (ExecutionFamily::NimbusEl, "nimbus-el", "NB", &["nimbus"]),
    (ExecutionFamily::Reth, "reth", "RH", &["reth"]),
];

macro_rules! family {
    ($name:ident, $table:ident, $what:literal) => {
        impl $name {
            /// The lower-case label used in configuration, metrics and pages.
            #[must_use]
            pub fn name(self) -> &'static str {
                $table.iter().find(|row| row.0 == self).map_or("unknown", |row| row.1)
            }

            /// Every label, for messages that list them.
            pub fn labels() -> impl Iterator<Item = &'static str> + Clone {
                $table.iter().map(|row| row.1)
            }

            /// By engine API code, else by the beginning of its name.
            fn told(code: &str, name: &str) -> Self {
                let name = name.trim().to_ascii_lowercase();
                let by_code = || $table.iter().find(|row| !code.is_empty() && row.2.eq_ignore_ascii_case(code.trim()));
                let by_name = || $table.iter().find(|row| row.3.iter().any(|lead| name.starts_with(lead)));
                by_code().or_else(by_name).map_or(Self::Unknown, |row| row.0)
            }
        }

        /// Reads a label, in any case.
        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(label: &str) -> Result<Self, Malformed> {
                if label.eq_ignore_ascii_case("unknown") {
                    return Ok(Self::Unknown);
                }
                let row = $table.iter().find(|row| row.1.eq_ignore_ascii_case(label));
                row.map(|row| row.0).ok_or_else(|| Malformed::new($what, label))
            }
        }
    };
}

family!(ConsensusFamily, CONSENSUS, "a consensus client, such as \"lighthouse\"");
family!(ExecutionFamily, EXECUTION, "an execution client, such as \"geth\"");

#[derive(Deserialize)]
struct Body<T> {
    data: T,
}

impl Versions {
    /// Reads the version string of `GET /eth/v1/node/version`, such as `Lighthouse/v5.3.0-d6ba8c3/x86_64-linux`.
    #[must_use]
    pub fn from_v1(text: &str) -> Self {
        let text = shown(text);
        // Charon writes `obolnetwork/charon/v1…`.
        let rest = text.strip_prefix("obolnetwork/").unwrap_or(&text);
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let version = rest.split(['/', ' ']).next().unwrap_or_default();
        Self {
            consensus: ConsensusFamily::told("", name),
            consensus_version: if version.is_empty() { text.clone() } else { version.to_owned() },
            ..Self::default()
        }
    }

    /// Reads the body of `GET /eth/v1/node/version`.
    ///
    /// # Errors
    ///
    /// Anything but a version string in its place.
    pub fn from_v1_body(body: &[u8]) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        struct V1 {
            version: String,
        }

        let body: Body<V1> = read(body)?;
        Ok(Self::from_v1(&body.data.version))
    }

    /// Reads the body of `GET /eth/v2/node/version`: the beacon node and, if it knows it, its execution client.
    ///
    /// # Errors
    ///
    /// Anything without a beacon node in its place. A field of the two that is missing is empty.
    pub fn from_v2_body(body: &[u8]) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        struct V2 {
            beacon_node: Software,
            #[serde(default)]
            execution_client: Option<Software>,
        }

        /// The engine API's `ClientVersionV1`, without its commit.
        #[derive(Default, Deserialize)]
        struct Software {
            #[serde(default)]
            code: String,
            #[serde(default)]
            name: String,
            #[serde(default)]
            version: String,
        }

        let V2 { beacon_node, execution_client } = read::<Body<V2>>(body)?.data;
        let execution = execution_client.unwrap_or_default();
        Ok(Self {
            consensus: ConsensusFamily::told(&beacon_node.code, &beacon_node.name),
            consensus_version: shown(&beacon_node.version),
            execution: ExecutionFamily::told(&execution.code, &execution.name),
            execution_version: shown(&execution.version),
        })
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(body).map_err(|_| Malformed::new("a version", &String::from_utf8_lossy(body)))
}

fn shown(text: &str) -> String {
    text.trim().chars().filter(|it| !it.is_control()).take(MAX_VERSION).collect()
}

#[cfg(test)]
mod tests;
