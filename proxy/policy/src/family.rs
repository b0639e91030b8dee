//! Client families, read from version strings.

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
