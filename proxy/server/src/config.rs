//! The configuration: what it means, once everything that was typed has been read and found good.
//!
//! Two levels. What was typed (files, environment, flags, with the origin of every value) never leaves this folder;
//! what it means are the types of this file, which can be used without asking again whether they are sane. Between the
//! two every problem is collected, so that one run shows all of them.
//!
//! All types compare by value: a reload changes only what differs. A file whose path stays and whose content changes
//! (a renewed certificate) makes a different value too, through [`TlsConfig::digest`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use rangelight_policy::block::Address;
use rangelight_policy::chain::Root;
use rangelight_policy::family::{ConsensusFamily, ExecutionFamily};
use rangelight_policy::node::{Participation, Trust};
pub use rangelight_policy::race::plan::Mode;

use self::files::Seen;
use self::typed::Sheet;

pub use self::address::ListenAddress;
pub use self::change::{NodeChanges, waiting};
pub use self::problem::{Origin, Problem, Problems};
pub use self::secret::Secret;
pub use self::sources::{Overrides, Sources};
pub use self::typed::Setting;
pub use self::url::SafeUrl;

pub mod address;
pub mod options;
pub mod problem;
pub mod secret;
pub mod sources;
pub mod typed;
pub mod url;
pub mod watch;

mod change;
mod files;
mod meaning;
mod mistake;
mod node;
pub(crate) mod pem;
mod spelling;

/// A configuration that was read, with all that a page about it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What it means.
    pub config: Config,
    /// The file it came from; `None` when the environment and flags said everything.
    pub file: Option<Arc<Path>>,
    /// Every setting with its origin, secrets masked.
    pub effective: Vec<Setting>,
    /// What is allowed and should be known.
    pub warnings: Vec<Problem>,
}

/// Everything an operator decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The network; `None` = that of the own nodes.
    pub network: Option<NetworkChoice>,
    /// The state directory, absolute; not necessarily there yet.
    pub state: PathBuf,
    /// How far the rules may go.
    pub mode: Mode,
    /// Where validator clients connect; never empty.
    pub listens: Vec<ListenConfig>,
    /// Where status, metrics and evidence are.
    pub admin: AdminConfig,
    /// The only addresses that a block for own validators may pay; empty = by request and preparation.
    pub fee_recipients: Vec<Address>,
    /// Where the slashing guard remembers.
    pub guard: GuardStore,
    /// The nodes in the order of the file; never empty, names and URLs unique.
    pub nodes: Vec<NodeConfig>,
    /// How nodes must agree on a vote.
    pub attestation: rangelight_policy::quorum::Settings,
}

/// Where the slashing guard remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardStore {
    /// There is no guard.
    Off,
    /// In a redb file of this path, meant from the state directory.
    Redb(PathBuf),
}

/// The network as it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkChoice {
    /// A well-known network by its name, lower case.
    Named(Arc<str>),
    /// The network with this genesis validators root.
    Root(Root),
}

/// One listener for validator clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// Where it is bound.
    pub address: ListenAddress,
    /// Further names allowed in `Host`, lower case, without port.
    pub hosts: Vec<Arc<str>>,
    /// Web origins allowed to call, lower case (`https://example.org`).
    pub origins: Vec<Arc<str>>,
    /// The bearer token that callers must show; `None` = none is asked for.
    pub token: Option<Secret>,
    /// Caps the time of every answer; never zero.
    pub budget: Option<Duration>,
}

/// The admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where it is bound.
    pub address: ListenAddress,
    /// Further names allowed in `Host`, lower case, without port.
    pub hosts: Vec<Arc<str>>,
    /// Web origins allowed to call, lower case.
    pub origins: Vec<Arc<str>>,
    /// The bearer token that callers must show; always there when others than this machine can reach the address.
    pub token: Option<Secret>,
}

/// One EC/BN pair, reached through its beacon node's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its unique name: `[a-z0-9._-]`, at most 32 characters, fit for a header and a metric label.
    pub name: Arc<str>,
    /// Its base URL.
    pub url: SafeUrl,
    /// Whose it is.
    pub trust: Trust,
    /// What it may be asked.
    pub participation: Participation,
    /// Its consensus family by label.
    pub consensus: Option<ConsensusFamily>,
    /// Its execution family by label.
    pub execution: Option<ExecutionFamily>,
    /// Who runs it.
    pub operator: Option<Arc<str>>,
    /// The ready `Authorization` value: `Basic …` or `Bearer …`.
    pub authorization: Option<Secret>,
    /// Further headers sent to it; the values are valid header values.
    pub headers: Vec<(HeaderName, Secret)>,
    /// How it is spoken to over TLS; all absent for `http://`.
    pub tls: TlsConfig,
}

/// The TLS settings of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificates (PEM) trusted for this node instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the public key (DER SubjectPublicKeyInfo) in the node's certificate, trusted whoever signed it.
    pub fingerprint: Option<[u8; 32]>,
    /// Our certificate chain (PEM); there exactly when the key is.
    pub client_cert_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub client_key_file: Option<PathBuf>,
    /// Changes when the content of any of these files does, so that a renewed certificate is a change.
    pub digest: u64,
}

/// Reads the configuration.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    read(sources).0
}

/// Where the admin listener is, as far as the configuration says, and what is wrong with the whole.
///
/// With a file that cannot be read at all this is the default address, without a token.
#[must_use]
pub fn admin(sources: &Sources) -> (AdminConfig, Option<Problems>) {
    let mut seen = Seen::default();
    let (layers, problems) = match sources.layers(&mut seen) {
        Ok(read) => read,
        Err(problem) => return (meaning::usual_admin(), Some(Problems(vec![problem]))),
    };
    let mut sheet = Sheet::new(layers, seen, problems);
    let config = meaning::config(&mut sheet, sources);
    let admin = config.map_or_else(meaning::usual_admin, |config| config.admin);
    (admin, (!sheet.problems.is_empty()).then_some(Problems(sheet.problems)))
}

/// Reads the configuration, and says which files were looked at whether or not it is good.
fn read(sources: &Sources) -> (Result<Loaded, Problems>, Seen) {
    let mut seen = Seen::default();
    let (layers, problems) = match sources.layers(&mut seen) {
        Ok(read) => read,
        Err(problem) => return (Err(Problems(vec![problem])), seen),
    };
    let mut sheet = Sheet::new(layers, seen, problems);
    let config = meaning::config(&mut sheet, sources);
    let result = match config {
        Some(config) if sheet.problems.is_empty() => {
            Ok(Loaded { config, file: sheet.layers.file, effective: sheet.settings, warnings: sheet.warnings })
        }
        _ => Err(Problems(sheet.problems)),
    };
    (result, sheet.seen)
}

#[cfg(test)]
pub(crate) mod tests;
