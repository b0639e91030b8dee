//! The example file and the reference page are run and compared, so that neither can say what is not so.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Folder, lines, ours, typed};
use crate::config::options::{self, NOT_YET, Place, ROWS};
use crate::config::{Loaded, Problems, load};

const EXAMPLE: &str = include_str!("../../../../../config.toml.example");

/// The example with every option that is commented out written in.
pub(super) fn everything_said() -> String {
    let option = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(name, _)| ROWS.iter().any(|row| row.name == name))
    };
    let line = |line: &'static str| line.strip_prefix("# ").filter(|said| option(said)).unwrap_or(line);
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn example(text: &str) -> (Folder, Result<Loaded, Problems>) {
    let folder = Folder::new();
    folder.write("config.toml", text);
    for token in ["vc.token", "admin.token", "bob.token"] {
        folder.write(token, "only-an-example\n");
    }
    for pem in ["bob-ca.pem", "me.pem"] {
        folder.write(pem, &ours().certificate);
    }
    folder.write("me.key", &ours().key);
    let result = load(&folder.sources(&[]));
    (folder, result)
}

#[test]
fn the_example_loads_as_it_is() {
    let (folder, result) = typed(EXAMPLE, &[]);
    let loaded = result.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.nodes.len(), 1, "{}", folder.path().display());
}

#[test]
fn the_example_with_everything_said_has_only_what_is_not_there_yet_as_problems() {
    let (folder, result) = example(&everything_said());
    let printed = lines(&folder, &result);
    // The options that this version accepts as they stand in the example are not in the list.
    let later: Vec<_> = NOT_YET.iter().filter(|later| later.harmless.is_none() && later.early.is_none()).collect();
    assert_eq!(printed.len(), later.len(), "{printed:#?}");
    for (line, later) in printed.iter().zip(later) {
        assert!(line.contains(later.key) && line.contains("not in this version yet"), "{line}");
    }
}

#[test]
fn the_example_names_every_option_and_its_default() {
    let mut place = Place::Top;
    let mut said = BTreeSet::new();
    for line in everything_said().lines() {
        if let Some(table) = line.strip_prefix('[') {
            let name = table.trim_matches(['[', ']']);
            place = *Place::ALL.iter().find(|place| place.name() == name).expect("every table is known");
        } else if let Some((name, value)) = line.split_once(" = ").filter(|(name, _)| !name.starts_with('#')) {
            let row = options::row(place, name);
            // The first mention shows the default; further nodes show what else there is.
            if let Some(default) = row.default
                && !said.contains(&row.key())
            {
                assert_eq!(value, format!("\"{default}\""), "{}", row.key());
            }
            said.insert(row.key());
        }
    }
    let missing: Vec<String> = ROWS.iter().map(options::Row::key).filter(|key| !said.contains(key)).collect();
    assert!(missing.is_empty(), "the example does not name {missing:?}");
}

#[test]
fn every_option_of_the_table_is_read() {
    let (_folder, result) = example(EXAMPLE);
    let loaded = result.expect("the example loads");
    let shown: BTreeSet<String> =
        loaded.effective.iter().map(|setting| setting.key.replace("node.attic.", "node.")).collect();
    let never = |later: &&options::NotYet| later.harmless.is_none() && later.early.is_none();
    let later: BTreeSet<&str> = NOT_YET.iter().filter(never).map(|later| later.key).collect();
    let unread: Vec<String> =
        ROWS.iter().map(options::Row::key).filter(|key| !shown.contains(key) && !later.contains(&**key)).collect();
    assert!(unread.is_empty(), "in the table, but nobody reads {unread:?}");
    assert_eq!(shown.len(), loaded.effective.len(), "no setting is listed twice");
}

/// `RANGELIGHT_BLESS=1` writes the page anew, and fails, so that it cannot stay set unnoticed.
#[test]
fn the_reference_page_is_current() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    if std::env::var_os("RANGELIGHT_BLESS").is_some() {
        std::fs::create_dir_all(page.parent().expect("it has a folder")).expect("the folder can be made");
        std::fs::write(&page, options::reference()).expect("the page can be written");
        panic!("{} was written; run again without RANGELIGHT_BLESS", page.display());
    }
    let there = std::fs::read_to_string(&page).expect("docs/reference/configuration.md is there");
    assert!(there == options::reference(), "docs/reference/configuration.md is stale; run with RANGELIGHT_BLESS=1");
}

/// The sample of the contract with users; what is commented out there is commented out here.
const CONTRACT: &str = r#"
network = "mainnet"               # or a genesis validators root; absent = the own nodes'
state = "/var/lib/rangelight"     # default: $STATE_DIRECTORY, else the XDG state home; relative paths resolve there
mode = "guarded"                  # guarded | pass-through | observe

[listen]                          # or several [[listen]]
address = "127.0.0.1:5055"        # the validator client connects here; IPv6 and unix:/path too
# hosts, origins, token_file, budget = "1.8s" (caps every answer; for Charon)
[admin]
address = "127.0.0.1:5056"        # dashboard at /, /metrics, /health, /status, /evidence
[[node]]
name = "attic"
url = "http://127.0.0.1:5052"
trust = "own"                     # own | friend
participation = "full"            # full | publish-only | standby
# consensus = "lighthouse", execution = "nethermind"   # labels, when the node cannot tell or must be overridden
# operator = "alice"
# token_file, headers, ca_file, fingerprint, client_cert_file, client_key_file
[attestation]
quorum = "auto"                   # independent families; auto | all | a number
on_disagreement = "halt"          # halt | majority | warn
[block]
# fee_recipients = ["0x…"]        # pin
[guard]
store = "redb:guard.redb"         # or "off"
"#;

#[test]
fn the_contract_loads_and_says_what_does_not_hold_yet() {
    let (folder, result) = typed(CONTRACT, &[]);
    let loaded = result.unwrap_or_else(|problems| panic!("{problems}"));
    let prefix = format!("{}/", folder.path().display());
    let warnings: Vec<String> =
        loaded.warnings.iter().map(|warning| warning.to_string().replace(&prefix, "")).collect();
    let expected: [&str; 0] = [];
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    for (warning, expected) in warnings.iter().zip(expected) {
        let rest = warning.strip_prefix(expected).unwrap_or_else(|| panic!("{warning}"));
        assert!(rest.starts_with(": until then "), "what it means is said: {warning}");
    }
    for (key, value) in [("attestation.quorum", "auto"), ("guard.store", "redb:guard.redb")] {
        let shown = loaded.effective.iter().find(|setting| setting.key == key).map(|setting| &*setting.value);
        assert_eq!(shown, Some(value), "{key}");
    }
}
