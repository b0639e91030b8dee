//! Can a node be spared? What an operator must know before he stops one.
//!
//! A node can be spared if another one is ready and does the duties meanwhile. That is asked of the snapshot alone, so
//! the answer is true for this moment and no longer: the other node may fail a minute later. Three things are not enough.
//! A publish-only node is never read from; a cordoned one is perhaps the next to be stopped; a doubtful one has just
//! failed, and two slots of patience show whether it holds.
//!
//! Friends' nodes are enough for no duty to be lost, but who stops his last own node lets friends decide what his
//! validators sign, and should read that first.

use std::fmt;

use super::{NodeId, NodeState, Participation, Snapshot, Tier, Trust};

/// Whether a node can be spared, and because of whom. Nodes stand in configured order and never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spare<'a> {
    /// These own nodes carry on.
    Yes(Vec<&'a NodeState>),
    /// Only these friends' nodes carry on.
    ByFriends(Vec<&'a NodeState>),
    /// These are ready and doubtful; wait and ask again.
    NotYet(Vec<&'a NodeState>),
    /// These are ready and cordoned; one of them has to take part again first.
    AllCordoned(Vec<&'a NodeState>),
    /// No other node is ready.
    No,
}

impl Snapshot {
    /// Whether duties can be done without this node now.
    #[must_use]
    pub fn safe_without(&self, id: NodeId) -> Spare<'_> {
        let ready = || self.nodes.iter().filter(move |node| node.profile.id != id && node.is_ready_to_read());
        let some = |found: Vec<_>| (!found.is_empty()).then_some(found);
        let those = |fits: fn(&NodeState) -> bool| some(ready().filter(|node| fits(node)).collect());
        those(|node| !node.cordoned && !node.doubtful && node.profile.trust == Trust::Own)
            .map(Spare::Yes)
            .or_else(|| those(|node| !node.cordoned && !node.doubtful).map(Spare::ByFriends))
            .or_else(|| those(|node| !node.cordoned).map(Spare::NotYet))
            .or_else(|| some(ready().collect()).map(Spare::AllCordoned))
            .unwrap_or(Spare::No)
    }

    /// Whether a node is ready that may be read from, cordoned or not: duties can be done now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.nodes.iter().any(NodeState::is_ready_to_read)
    }
}

impl NodeState {
    fn is_ready_to_read(&self) -> bool {
        self.tier == Tier::Ready && self.profile.participation != Participation::PublishOnly
    }
}

impl Spare<'_> {
    /// Whether no duty is lost if the node stops now.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        match self {
            Self::Yes(_) | Self::ByFriends(_) => true,
            Self::NotYet(_) | Self::AllCordoned(_) | Self::No => false,
        }
    }
}

/// Why, and what to do if it is not safe.
impl fmt::Display for Spare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes(nodes) => write!(f, "{} ready meanwhile", are(nodes)),
            Self::ByFriends(nodes) => {
                let whose = if nodes.len() == 1 { "not your own" } else { "none of them your own" };
                write!(f, "{} ready meanwhile, {whose}, so friends decide what your validators sign", are(nodes))
            }
            Self::NotYet(nodes) => {
                write!(f, "of the others only {} ready, and doubtful: ", are(nodes))?;
                f.write_str(
                    nodes.iter().find_map(|node| node.reasons.first()).map_or("it failed just now", String::as_str),
                )?;
                f.write_str("; wait two slots and ask again")
            }
            Self::AllCordoned(nodes) => {
                let which = if nodes.len() == 1 { "it" } else { "one of them" };
                write!(f, "of the others only {} ready, and cordoned; uncordon {which} first", are(nodes))
            }
            Self::No => f.write_str("no other node is ready; bring one up first"),
        }
    }
}

/// Who is, as a sentence begins: `a is`, `a and b are`, `a, b and c are`.
fn are(nodes: &[&NodeState]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| &*node.profile.name).collect();
    match names.split_last() {
        Some((last, [])) => format!("{last} is"),
        Some((last, others)) => format!("{} and {last} are", others.join(", ")),
        None => "nobody is".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Profile;
    use super::*;

    /// A node written as `name:marks`: `f`riend, `p`ublish-only, `s`tandby, `c`ordoned, `d`oubtful, `a`way.
    fn node(id: u16, written: &str) -> NodeState {
        let (name, marks) = written.split_once(':').unwrap_or((written, ""));
        let has = |mark| marks.contains(mark);
        let profile = Profile {
            id: NodeId(id),
            name: name.into(),
            trust: if has('f') { Trust::Friend } else { Trust::Own },
            participation: match (has('p'), has('s')) {
                (true, _) => Participation::PublishOnly,
                (_, true) => Participation::Standby,
                _ => Participation::Full,
            },
            operator: None,
            consensus: Default::default(),
            execution: Default::default(),
        };
        NodeState {
            profile: Arc::new(profile),
            tier: if has('a') { Tier::Away } else { Tier::Ready },
            compared: true,
            cordoned: has('c'),
            doubtful: has('d'),
            head: None,
            hedge_after_ms: 300,
            reasons: if has('d') { Arc::from(["it was slow".to_owned()]) } else { Arc::from([]) },
        }
    }

    #[test]
    fn who_can_be_spared() {
        // Asked of the first node, which is as good as any unless marked.
        for (name, nodes, safe, why) in [
            ("the only node", &["a"][..], false, "no other node is ready; bring one up first"),
            ("two own", &["a", "b"], true, "b is ready meanwhile"),
            ("itself cordoned changes nothing", &["a:c", "b"], true, "b is ready meanwhile"),
            ("itself away and nobody else", &["a:a"], false, "no other node is ready; bring one up first"),
            ("a standby does duties", &["a", "b:s"], true, "b is ready meanwhile"),
            ("the other is away", &["a", "b:a"], false, "no other node is ready; bring one up first"),
            ("the other is never read from", &["a", "b:p"], false, "no other node is ready; bring one up first"),
            (
                "the other is cordoned",
                &["a", "b:c"],
                false,
                "of the others only b is ready, and cordoned; uncordon it first",
            ),
            (
                "the other failed just now",
                &["a", "b:d"],
                false,
                "of the others only b is ready, and doubtful: it was slow; wait two slots and ask again",
            ),
            ("own ones are named before friends", &["a", "b:f", "c", "d"], true, "c and d are ready meanwhile"),
            (
                "several friends alone",
                &["a", "b:f", "c:f", "d:f"],
                true,
                "b, c and d are ready meanwhile, none of them your own, so friends decide what your validators sign",
            ),
            (
                "several are cordoned",
                &["a", "b:c", "c:c"],
                false,
                "of the others only b and c are ready, and cordoned; uncordon one of them first",
            ),
            (
                "friends alone",
                &["a", "b:f", "c:a"],
                true,
                "b is ready meanwhile, not your own, so friends decide what your validators sign",
            ),
            (
                "a good friend before a doubtful own one",
                &["a", "b:f", "c:d"],
                true,
                "b is ready meanwhile, not your own, so friends decide what your validators sign",
            ),
        ] {
            let nodes = nodes.iter().zip(0..).map(|(written, id)| node(id, written)).collect();
            let snapshot = Snapshot { nodes, ..Snapshot::default() };
            let spare = snapshot.safe_without(NodeId(0));
            assert_eq!((spare.is_safe(), spare.to_string().as_str()), (safe, why), "{name}");
        }
    }

    #[test]
    fn ready_to_be_read_from() {
        for (nodes, ready) in
            [(&[][..], false), (&["a:a"], false), (&["a:p"], false), (&["a:a", "b:c"], true), (&["a:f"], true)]
        {
            let nodes = nodes.iter().zip(0..).map(|(written, id)| node(id, written)).collect();
            assert_eq!(Snapshot { nodes, ..Snapshot::default() }.is_ready(), ready);
        }
    }
}
