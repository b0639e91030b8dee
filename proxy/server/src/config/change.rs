//! What a reading changed: the nodes, which are taken over at once, and the options that wait for the next start.
//!
//! Nodes are told apart by name, as everywhere: one that is renamed is one removed and one added. The waiting options
//! are measured against the start and not against the last reading, because that is what still runs: an option that was
//! changed and changed back waits for nothing.

use std::fmt;
use std::sync::Arc;

use super::{Config, ListenConfig, NodeConfig};

/// How the nodes of two configurations differ, by name, in the order of the newer one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChanges {
    /// Only in the newer one.
    pub added: Vec<Arc<str>>,
    /// Only in the older one.
    pub removed: Vec<Arc<str>>,
    /// In both, with other options.
    pub changed: Vec<Arc<str>>,
    /// Those that stayed stand in another order, which decides between equals.
    pub reordered: bool,
}

impl NodeChanges {
    /// What became of the nodes.
    #[must_use]
    pub fn between(before: &[NodeConfig], after: &[NodeConfig]) -> Self {
        let find = |among: &[NodeConfig], name: &Arc<str>| among.iter().position(|node| node.name == *name);
        let names = |nodes: &[NodeConfig], fits: &dyn Fn(&NodeConfig) -> bool| {
            nodes.iter().filter(|node| fits(node)).map(|node| Arc::clone(&node.name)).collect()
        };
        let places: Vec<usize> = after.iter().filter_map(|node| find(before, &node.name)).collect();
        Self {
            added: names(after, &|node| find(before, &node.name).is_none()),
            removed: names(before, &|node| find(after, &node.name).is_none()),
            changed: names(after, &|node| find(before, &node.name).is_some_and(|place| before[place] != *node)),
            reordered: !places.is_sorted(),
        }
    }
}

impl fmt::Display for NodeChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, changed, reordered } = self;
        let mut parts: Vec<String> = [("added", added), ("removed", removed), ("changed", changed)]
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(word, names)| format!("{word} {}", names.join(", ")))
            .collect();
        if *reordered {
            parts.push("their order changed".to_owned());
        }
        match parts.is_empty() {
            true => f.write_str("the same as before"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}

/// The keys of the options that differ from those of the start and count only at the next one.
#[must_use]
pub fn waiting(started: &Config, now: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    let mut differs = |differ: bool, key: &str| {
        if differ {
            keys.push(key.to_owned());
        }
    };
    differs(started.network != now.network, "network");
    differs(started.state != now.state, "state");
    differs(started.mode != now.mode, "mode");
    let (ours, theirs) = (&started.listens, &now.listens);
    let several = ours.len() > 1 || theirs.len() > 1;
    for place in 0..ours.len().max(theirs.len()) {
        let table = if several { format!("listen.{}", place + 1) } else { "listen".to_owned() };
        match (ours.get(place), theirs.get(place)) {
            (Some(one), Some(other)) => {
                let ListenConfig { address, hosts, origins, token, budget } = one;
                differs(*address != other.address, &format!("{table}.address"));
                differs(*hosts != other.hosts, &format!("{table}.hosts"));
                differs(*origins != other.origins, &format!("{table}.origins"));
                differs(*token != other.token, &format!("{table}.token_file"));
                differs(*budget != other.budget, &format!("{table}.budget"));
            }
            _ => differs(true, &table),
        }
    }
    let (one, other) = (&started.admin, &now.admin);
    differs(one.address != other.address, "admin.address");
    differs(one.hosts != other.hosts, "admin.hosts");
    differs(one.origins != other.origins, "admin.origins");
    differs(one.token != other.token, "admin.token_file");
    keys
}

#[cfg(test)]
mod tests {
    use super::super::tests::typed;
    use super::*;

    fn config(text: &str) -> Config {
        typed(text, &[]).1.expect("a good file").config
    }

    fn node(name: &str, more: &str) -> String {
        format!("[[node]]\nname = \"{name}\"\nurl = \"http://{name}:5052\"\n{more}\n")
    }

    #[test]
    fn nodes_that_come_go_and_change_are_named() {
        let two = format!("{}{}", node("a", ""), node("b", ""));
        for (name, after, said) in [
            ("nothing", two.clone(), "the same as before"),
            ("one more", format!("{two}{}", node("c", "")), "added c"),
            ("one less", node("b", ""), "removed a"),
            ("renamed", format!("{}{}", node("x", ""), node("b", "")), "added x; removed a"),
            ("another trust", format!("{}{}", node("a", ""), node("b", "trust = \"friend\"")), "changed b"),
            ("another token", format!("{}{}", node("a", "token_file = \"good.token\""), node("b", "")), "changed a"),
            ("turned round", format!("{}{}", node("b", ""), node("a", "")), "their order changed"),
        ] {
            let changes = NodeChanges::between(&config(&two).nodes, &config(&after).nodes);
            assert_eq!(changes.to_string(), said, "{name}");
        }
    }

    #[test]
    fn options_that_wait_are_named_by_key() {
        let a = node("a", "");
        let started = config(&format!("mode = \"observe\"\n[listen]\naddress = \"127.0.0.1:1\"\n{a}"));
        for (name, now, keys) in [
            ("nothing", format!("mode = \"observe\"\n[listen]\naddress = \"127.0.0.1:1\"\n{a}"), &[][..]),
            (
                "the top",
                format!("network = \"hoodi\"\nstate = \"/x\"\n[listen]\naddress = \"127.0.0.1:1\"\n{a}"),
                &["network", "state", "mode"],
            ),
            (
                "the listener",
                format!(
                    "mode = \"observe\"\n[listen]\naddress = \"127.0.0.1:2\"\nhosts = [\"x.y\"]\norigins = [\"http://o\"]\n\
                     token_file = \"good.token\"\nbudget = \"1s\"\n{a}"
                ),
                &["listen.address", "listen.hosts", "listen.origins", "listen.token_file", "listen.budget"],
            ),
            (
                "another listener",
                format!(
                    "mode = \"observe\"\n[[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"127.0.0.1:3\"\n{a}"
                ),
                &["listen.2"],
            ),
            (
                "the admin listener",
                format!(
                    "mode = \"observe\"\n[listen]\naddress = \"127.0.0.1:1\"\n[admin]\naddress = \"127.0.0.1:9\"\n\
                     hosts = [\"x.y\"]\norigins = [\"http://o\"]\ntoken_file = \"good.token\"\n{a}"
                ),
                &["admin.address", "admin.hosts", "admin.origins", "admin.token_file"],
            ),
            (
                "nodes wait for nothing",
                format!("mode = \"observe\"\n[listen]\naddress = \"127.0.0.1:1\"\n{}", node("b", "")),
                &[],
            ),
        ] {
            assert_eq!(waiting(&started, &config(&now)), keys, "{name}");
        }
    }
}
