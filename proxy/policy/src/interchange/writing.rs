//! Writing a file.
//!
//! Watermarks are written as messages of their own, without signing roots: whoever reads them must refuse what is not
//! later, which is what they mean. Signing roots are not known of what went out, and the format allows them to be absent;
//! a validator client that reads the file will then not sign the same message again, which costs nothing but a retry.
//! Two records of one deed (an import of what went out here, or a watermark put on a message) are one entry, because a
//! reader would take two for a slashable pair.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Pubkey, VERSION};
use crate::chain::Root;
use crate::slashing::{Deed, Named, Record, Validator};

/// A file of these records, which come validator by validator, and the validators that have no known key and so are not in
/// it.
///
/// Memory: the whole text, some 60 bytes a record.
pub fn write(
    records: impl IntoIterator<Item = Record>,
    genesis_validators_root: Root,
    pubkey: impl Fn(Validator) -> Option<Pubkey>,
) -> (String, Vec<Validator>) {
    let mut text = format!(
        r#"{{"metadata":{{"interchange_format_version":"{VERSION}","genesis_validators_root":"{genesis_validators_root}"}},"data":["#
    );
    let mut unknown = Vec::new();
    let mut records = records.into_iter().peekable();
    let mut between = "";
    while let Some(&Record { validator, .. }) = records.peek() {
        let mut deeds: BTreeMap<Deed, Named> = BTreeMap::new();
        while let Some(record) = records.next_if(|record| record.validator == validator) {
            let name = deeds.entry(record.deed).or_insert(record.named);
            *name = together(*name, record.named);
        }
        match pubkey(validator) {
            None => unknown.push(validator),
            Some(pubkey) => {
                let (blocks, votes) = lists(&deeds);
                let entry =
                    format!(r#"{{"pubkey":"{pubkey}","signed_blocks":[{blocks}],"signed_attestations":[{votes}]}}"#);
                text.extend([between, &entry]);
                between = ",";
            }
        }
    }
    text.push_str("]}");
    (text, unknown)
}

/// What two records of one deed are known by. A watermark adds nothing; two names that differ cannot be told to be one.
fn together(one: Named, two: Named) -> Named {
    match (one, two) {
        (Named::Watermark, other) | (other, Named::Watermark) => other,
        _ if one == two => one,
        _ => Named::Unknown,
    }
}

/// The two lists of an entry.
fn lists(deeds: &BTreeMap<Deed, Named>) -> (String, String) {
    let (mut blocks, mut votes) = (String::new(), String::new());
    for (deed, named) in deeds {
        let list = if matches!(deed, Deed::Block { .. }) { &mut blocks } else { &mut votes };
        if !list.is_empty() {
            list.push(',');
        }
        // Writing to a text cannot fail.
        let _ = match deed {
            Deed::Block { slot } => write!(list, r#"{{"slot":"{slot}""#),
            Deed::Vote { source, target } => write!(list, r#"{{"source_epoch":"{source}","target_epoch":"{target}""#),
        };
        if let Named::Root(root) = named {
            let _ = write!(list, r#","signing_root":"{root}""#);
        }
        list.push('}');
    }
    (blocks, votes)
}
