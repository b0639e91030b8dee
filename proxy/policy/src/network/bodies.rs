//! The bodies that we serve of the network: genesis, spec, fork schedule, deposit contract.
//!
//! They are made from the served picture and nothing else, so they are the same bytes as long as it is. The first two
//! are also the form in which the picture is kept in the state directory: `Genesis::read` and `Spec::read` read them.

use serde_json::json;

use super::{Genesis, Served};

impl Served {
    /// The body of `GET /eth/v1/beacon/genesis`.
    #[must_use]
    pub fn genesis_body(&self) -> String {
        let Genesis { time, validators_root, fork_version } = self.genesis;
        format!(
            r#"{{"data":{{"genesis_time":"{time}","genesis_validators_root":"{validators_root}","genesis_fork_version":"{fork_version}"}}}}"#
        )
    }

    /// The body of `GET /eth/v1/config/spec`, keys sorted.
    #[must_use]
    pub fn spec_body(&self) -> String {
        json!({ "data": self.spec.values }).to_string()
    }

    /// The body of `GET /eth/v1/config/fork_schedule`: all forks that we know of, those without an epoch included.
    #[must_use]
    pub fn fork_schedule_body(&self) -> String {
        let mut previous = self.spec.forks.first().map(|fork| fork.version);
        let mut entries = Vec::new();
        for fork in &self.spec.forks {
            let before = previous.replace(fork.version).unwrap_or(fork.version);
            entries.push(format!(
                r#"{{"previous_version":"{before}","current_version":"{}","epoch":"{}"}}"#,
                fork.version, fork.epoch,
            ));
        }
        format!(r#"{{"data":[{}]}}"#, entries.join(","))
    }

    /// The body of `GET /eth/v1/config/deposit_contract`; `None` if the spec does not tell it.
    #[must_use]
    pub fn deposit_contract_body(&self) -> Option<String> {
        let chain = self.spec.number("DEPOSIT_CHAIN_ID")?;
        let address = self.spec.text("DEPOSIT_CONTRACT_ADDRESS")?;
        Some(json!({ "data": { "chain_id": chain.to_string(), "address": address } }).to_string())
    }
}
