//! The root that a validator signs when it attests.
//!
//! Messages are known by their signatures, but an import names them by their signing roots. For an attestation that root
//! is a small tree: the data, and the domain made of the fork's version and the network. A block's would need its whole
//! body, so an imported block of the same slot is simply another block.

use sha2::{Digest, Sha256};

use super::AttestationData;
use crate::chain::{Checkpoint, Root};
use crate::network::ForkVersion;

/// `DOMAIN_BEACON_ATTESTER` (consensus-specs, phase0 beacon-chain).
const DOMAIN_BEACON_ATTESTER: [u8; 4] = [1, 0, 0, 0];

/// `compute_signing_root` of an attestation. `fork_version` is the one in force in the epoch of its target.
#[must_use]
pub fn signing_root(data: &AttestationData, fork_version: ForkVersion, genesis_validators_root: Root) -> Root {
    join(data_root(data), domain(fork_version, genesis_validators_root))
}

/// `compute_domain` for attestations: the domain's type, and the first 28 bytes of the fork's root.
fn domain(fork_version: ForkVersion, genesis_validators_root: Root) -> Root {
    let mut version = [0; 32];
    version[..4].copy_from_slice(&fork_version.0);
    let fork = join(Root(version), genesis_validators_root);
    let mut domain = [0; 32];
    domain[..4].copy_from_slice(&DOMAIN_BEACON_ATTESTER);
    domain[4..].copy_from_slice(&fork.0[..28]);
    Root(domain)
}

/// `hash_tree_root` of the data: five leaves, filled up to eight.
fn data_root(data: &AttestationData) -> Root {
    let empty = Root::default();
    let left =
        join(join(leaf(data.slot.0), leaf(data.index)), join(data.beacon_block_root, checkpoint_root(&data.source)));
    let right = join(join(checkpoint_root(&data.target), empty), join(empty, empty));
    join(left, right)
}

fn checkpoint_root(checkpoint: &Checkpoint) -> Root {
    join(leaf(checkpoint.epoch.0), checkpoint.root)
}

fn leaf(number: u64) -> Root {
    let mut leaf = [0; 32];
    leaf[..8].copy_from_slice(&number.to_le_bytes());
    Root(leaf)
}

fn join(left: Root, right: Root) -> Root {
    Root(Sha256::new().chain_update(left.0).chain_update(right.0).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Root {
        text.parse().expect("a root")
    }

    #[test]
    fn the_datas_root_is_the_one_a_real_node_knew() {
        let text = r#"{"slot":"66","index":"0",
            "beacon_block_root":"0x300042fe0a8e04385a8d4b32a6981a8d46a38eb45f5871f193b5e1d60e2d29c5",
            "source":{"epoch":"7","root":"0xd224a0c10af29e446ecb84befd1fad6ffdc71d9ae042e2f75f1ced60e2f146fc"},
            "target":{"epoch":"8","root":"0x3f0151d7de0fb033d80ce050402ca2957c532e4ab45fcd6ee80392a587eb56be"}}"#;
        let data: AttestationData = serde_json::from_str(text).expect("recorded data");
        let known = "0x330d6df5c6f011cee30a9429761d88c7583dbef03256de68bb777f18a5700a51";
        assert_eq!(data_root(&data), root(known));
        let signed = signing_root(&data, ForkVersion([0; 4]), Root::default());
        assert_ne!(
            signed,
            signing_root(&data, ForkVersion([1, 0, 0, 0]), Root::default()),
            "another fork, another root"
        );
        assert_ne!(signed, signing_root(&data, ForkVersion([0; 4]), Root([1; 32])), "another network, another root");
    }

    #[test]
    fn the_domain_is_mainnets() {
        let mainnet = root("0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95");
        let known = root("0x01000000b5303f2ad2010d699a76c8e62350947421a3e4a979779642cfdb0f66");
        assert_eq!(domain(ForkVersion([0; 4]), mainnet), known);
    }
}
