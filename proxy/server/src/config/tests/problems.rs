//! Everything that can be wrong, with the lines that are printed for it.
//!
//! A row is what was typed and what is printed: the number of lines must be the same, each printed line begins as said
//! and holds what stands behind `…`.

use rangelight_policy::quorum::{OnDisagreement, Quorum, Settings};

use super::{lines, typed};
use crate::config::GuardStore;

/// A node that is good, four lines long.
const NODE: &str = "[[node]]\nname = \"attic\"\nurl = \"http://attic:5052\"\n\n";

#[track_caller]
fn expect(name: &str, text: &str, expected: &[&str]) {
    let (folder, result) = typed(text, &[]);
    let printed = lines(&folder, &result);
    let fits = |(line, wanted): (&String, &&str)| {
        let (begins, holds) = wanted.split_once('…').unwrap_or((wanted, ""));
        line.starts_with(begins) && line.contains(holds)
    };
    let all = printed.len() == expected.len() && printed.iter().zip(expected).all(fits);
    assert!(all, "{name}\n{text}\nexpected:\n  {}\nprinted:\n  {}", expected.join("\n  "), printed.join("\n  "));
    let printed = printed.join("\n");
    assert!(!printed.contains("s3cret"), "{name}: a secret is printed: {printed}");
}

#[test]
fn whole_files() {
    expect("nothing", "", &["configuration: node: there is no node; write a [[node]]…config.toml"]);
    expect("no TOML", "mode = \"guarded\"\nx = [", &["config.toml:2: this is not TOML…correct the line"]);
    expect(
        "no quotes",
        "[[node]]\nurl = http://u:s3cret@a\n",
        &["config.toml:2: this is not TOML at column 7 (`url = …`): invalid"],
    );
    expect("a key twice", "mode = \"guarded\"\nmode = \"observe\"", &["config.toml:2: this is not TOML…duplicate"]);
    expect("endless brackets", &format!("x = {}", "[".repeat(100_000)), &["config.toml:1: this is not TOML"]);
    expect(
        "two nodes in single brackets",
        "[node]\nname = \"a\"\n[node]\nname = \"b\"\n",
        &[
            "config.toml:3: this is not TOML…duplicate key `node` in document root; of several tables each has double brackets: write [[node]]",
        ],
    );
    expect("good", NODE, &[]);
    expect("empty tables ask for nothing", &format!("{NODE}[attestation]\n[block]\n[guard]\n"), &[]);
}

#[test]
fn unknown_and_mistyped() {
    expect(
        "unknown everywhere, all at once",
        &format!(
            "nodes = 1\nurl = \"x\"\n\"bad\\nkey\" = 1\n[listen]\nport = 5\n[admin]\nadress = \"x\"\n[guard]\nx = 1\n{NODE}tokn = 5\n"
        ),
        &[
            "config.toml:3: bad\\nkey: unknown option; this table knows network, state, mode, listen",
            "config.toml:1: nodes: unknown option; did you mean \"node\"?",
            "config.toml:2: url: unknown option here; it belongs into node.url",
            "config.toml:5: listen.port: unknown option; this table knows address, hosts",
            "config.toml:7: admin.adress: unknown option; did you mean \"address\"?",
            "config.toml:9: guard.x: unknown option",
            "config.toml:14: node.attic.tokn: unknown option; this table knows name, url",
        ],
    );
    expect(
        "wrong types",
        &format!(
            "network = 1\nmode = [\"guarded\"]\n[listen]\naddress = 5055\nhosts = \"a\"\nbudget = 2\n[admin]\norigins = [1]\n\
             {NODE}headers = \"x\"\ntrust = true\n"
        ),
        &[
            "config.toml:1: network: a number is not what is expected here; write text in quotes",
            "config.toml:2: mode: a list is not…write one of \"guarded\", \"pass-through\", \"observe\"",
            "config.toml:4: listen.address: a number is not",
            "config.toml:5: listen.hosts: a text is not…write a list of texts",
            "config.toml:6: listen.budget: a number is not…\"250ms\"",
            "config.toml:8: admin.origins: a list is not",
            "config.toml:14: node.attic.trust: true or false is not…\"own\", \"friend\"",
            "config.toml:13: node.attic.headers: a text is not…{ X-Api-Key",
        ],
    );
    expect(
        "tables that are none",
        "listen = 1\nadmin = [1]\nnode = [1, 2]\n",
        &[
            "config.toml:1: listen: a table is expected",
            "config.toml:2: admin: a table is expected",
            "config.toml:3: node.1: a table is expected",
            "config.toml:3: node.2: a table is expected",
            "configuration: node: there is no node",
        ],
    );
    expect("two admins", &format!("[[admin]]\n[[admin]]\n{NODE}"), &["config.toml:2: admin: there is one [admin]"]);
}

#[test]
fn top_level() {
    expect("unknown network", &format!("network = \"minnet\"\n{NODE}"), &["config.toml:1: network: …\"mainnet\"?"]);
    expect("far network", &format!("network = \"goerli\"\n{NODE}"), &["config.toml:1: network: …write one of mainnet"]);
    expect("short root", &format!("network = \"0x12\"\n{NODE}"), &["config.toml:1: network: …64 hex digits"]);
    expect("mode", &format!("mode = \"guard\"\n{NODE}"), &["config.toml:1: mode: \"guard\" is not…\"guarded\"?"]);
    expect("tilde", &format!("state = \"~/x\"\n{NODE}"), &["config.toml:1: state: a path is expected"]);
    expect("no path", &format!("state = \"\"\n{NODE}"), &["config.toml:1: state: a path is expected"]);
}

#[test]
fn listeners() {
    expect(
        "addresses, names and times",
        &format!(
            "[listen]\naddress = \"localhost:5055\"\nhosts = [\"a.b\", \"*.x\", \"http://a\", \"\"]\norigins = [\"null\", \"https://a/\", \
             \"https://a/b\"]\nbudget = \"250\"\ntoken_file = \"empty.token\"\n[admin]\naddress = \"5\"\n{NODE}"
        ),
        &[
            "config.toml:2: listen.address: \"localhost:5055\" is no address",
            "config.toml:3: listen.hosts: \"*.x\" is no host name",
            "config.toml:3: listen.hosts: \"http://a\" is no host name",
            "config.toml:3: listen.hosts: \"\" is no host name",
            "config.toml:4: listen.origins: an origin is",
            "config.toml:4: listen.origins: an origin is",
            "config.toml:6: listen.token_file: …empty.token is empty",
            "config.toml:5: listen.budget: \"250\" is no time; write a number with its unit",
            "config.toml:8: admin.address: \"5\" is no address",
        ],
    );
    expect(
        "no time at all",
        &format!("listen.budget = \"0s\"\n{NODE}"),
        &["config.toml:1: listen.budget: a time of nothing"],
    );
    expect(
        "taken twice, also by the admin listener and by a default",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"0.0.0.0:1\"\ntoken_file = \"good.token\"\n[[listen]]\n[admin]\naddress = \"127.0.0.1:5055\"\n{NODE}"
        ),
        &[
            "config.toml:4: listen.2.address: 0.0.0.0:1 is taken by listen.1.address (",
            "config.toml:8: admin.address: 127.0.0.1:5055 is taken by listen.3.address (default)",
        ],
    );
    expect(
        "an admin listener for everybody",
        &format!("[admin]\naddress = \"0.0.0.0:5056\"\n{NODE}"),
        &["config.toml:2: admin.address: others than this machine…admin.token_file"],
    );
    let many = "[[listen]]\naddress = \"127.0.0.1:0\"\n".repeat(17);
    expect("too many", &format!("{many}{NODE}"), &["config.toml:34: listen.17.address: there are more than 16"]);
    expect("a list that is empty is no listener typed", &format!("listen = []\n{NODE}"), &[]);
}

#[test]
fn nodes_among_each_other() {
    expect(
        "names and URLs twice",
        &format!("{NODE}[[node]]\nname = \"attic\"\nurl = \"HTTP://ATTIC:5052/\"\n"),
        &[
            "config.toml:6: node.attic.name: another node has this name already (…config.toml:2)",
            "config.toml:7: node.attic.url: another node has this URL already (…config.toml:3)",
        ],
    );
    expect(
        "names that fit no label, names and URLs that are missing",
        &format!(
            "[[node]]\nname = \"At tic\"\nurl = \"http://a\"\n[[node]]\n[[node]]\nname = \"{}\"\nurl = \"http://b\"\n",
            "x".repeat(33)
        ),
        &[
            "config.toml:2: node.At tic.name: a name has 1 to 32",
            "config.toml:4: node.2.name: a node needs a name",
            "config.toml:4: node.2.url: a node needs a url",
            &format!("config.toml:6: node.{}.name: a name has", "x".repeat(33)),
        ],
    );
    let many: String = (0..65).map(|n| format!("[[node]]\nname = \"n{n}\"\nurl = \"http://n{n}\"\n")).collect();
    expect("too many", &many, &["config.toml:194: node.n64.name: there are more than 64"]);
    expect(
        "ourselves",
        "[[node]]\nname = \"a\"\nurl = \"http://localhost:5055\"\n[[node]]\nname = \"b\"\nurl = \"http://127.0.0.1:5056/x\"\n",
        &[
            "config.toml:3: node.a.url: this is Rangelight's own address (listen.address)",
            "config.toml:6: node.b.url: this is Rangelight's own address (admin.address)",
        ],
    );
    expect(
        "only friends and no network",
        &format!("{NODE}trust = \"friend\"\n"),
        &["configuration: node: no node is your own…set network"],
    );
    expect("only friends", &format!("network = \"mainnet\"\n{NODE}trust = \"friend\"\n"), &[]);
    expect(
        "nobody to read from",
        &format!("{NODE}participation = \"publish-only\"\n"),
        &["configuration: node: every node is publish-only"],
    );
}

#[test]
fn one_node() {
    expect(
        "words, files and headers",
        &format!(
            "{NODE}trust = \"mine\"\nparticipation = \"publish\"\nconsensus = \"lighhouse\"\nexecution = \"gth\"\n\
             operator = \"Alice B\"\ntoken_file = \"none.token\"\n[node.headers]\nHost = \"x\"\n\"a b\" = \"s3cret\"\nX-Key = \"s3cret\\n\"\n\
             x-a = \"1\"\nX-A = \"2\"\nX-Empty = \"\"\n"
        ),
        &[
            "config.toml:5: node.attic.trust: \"mine\" is not known here; write one of own, friend",
            "config.toml:6: node.attic.participation: …did you mean \"publish-only\"?",
            "config.toml:7: node.attic.consensus: …did you mean \"lighthouse\"?",
            "config.toml:8: node.attic.execution: …did you mean \"geth\"?",
            "config.toml:9: node.attic.operator: a name has",
            "config.toml:10: node.attic.token_file: …none.token cannot be read: No such file",
            "config.toml:11: node.attic.headers.Host: this header belongs",
            "config.toml:11: node.attic.headers.X-Empty: the value is empty",
            "config.toml:11: node.attic.headers.X-Key: the value is empty or has",
            "config.toml:11: node.attic.headers.a b: this is no header name",
            "config.toml:11: node.attic.headers.x-a: this header is there twice",
        ],
    );
    for (file, message) in [
        ("empty.token", "is empty"),
        ("two.token", "must hold one line"),
        ("binary.token", "is no text"),
        ("", "a path is expected"),
        (".", "cannot be read: it is not a file"),
    ] {
        let text = format!("{NODE}token_file = \"{file}\"\n");
        expect(file, &text, &[&format!("config.toml:5: node.attic.token_file: …{message}")]);
    }
    expect(
        "two authorisations",
        "[[node]]\nname = \"a\"\nurl = \"http://u:s3cret@a\"\ntoken_file = \"good.token\"\nheaders = { Authorization = \"s3cret\" }",
        &[
            "config.toml:4: node.a.token_file: the URL has a user part already",
            "config.toml:5: node.a.headers: a request has one authorisation",
        ],
    );
    expect(
        "a bad URL shows no secret",
        "[[node]]\nname = \"a\"\nurl = \"ftp://u:s3cret@a\"\n",
        &["config.toml:3: node.a.url: only http:// and https://"],
    );
}

#[test]
fn a_url_is_the_base() {
    for path in ["/eth/v1", "/eth/v1/", "/proxy/eth/v2", "/eth/v1/node/syncing", "/eth/very/eth/v3"] {
        let text = NODE.replace(":5052", &format!(":5052{path}"));
        expect(path, &text, &["config.toml:3: node.attic.url: …give the base URL, without /eth/v"]);
    }
    for path in ["/eth", "/eth/vault", "/beacon"] {
        expect(path, &NODE.replace(":5052", &format!(":5052{path}")), &[]);
    }
}

#[test]
fn certificates_that_cannot_be_used_are_problems_all_at_once() {
    let https = NODE.replace("http:", "https:");
    let (folder, _) = typed("", &[]);
    let (ours, other) = (super::ours(), super::Signed::new());
    let broken = |kind: &str| format!("-----BEGIN {kind}-----\ns3cret!\n-----END {kind}-----\n");
    let empty = |kind: &str| format!("-----BEGIN {kind}-----\nAA==\n-----END {kind}-----\n");
    for (name, ca, cert, key, expected) in [
        ("all good", ours.certificate.clone(), ours.certificate.clone(), ours.key.clone(), &[][..]),
        (
            "nothing is what it says",
            broken("CERTIFICATE"),
            broken("CERTIFICATE"),
            broken("PRIVATE KEY"),
            &[
                "node.attic.ca_file: ca.pem cannot be used: its PEM form is broken",
                "node.attic.client_cert_file: cert.pem cannot be used: its PEM form is broken",
                "node.attic.client_key_file: key.pem cannot be used: its PEM form is broken",
            ],
        ),
        (
            "an authority that nobody can read",
            empty("CERTIFICATE"),
            ours.certificate.clone(),
            ours.key.clone(),
            &["node.attic.ca_file: ca.pem cannot be used: it holds no usable certificate"],
        ),
        (
            "another's key",
            ours.certificate.clone(),
            ours.certificate.clone(),
            other.key.clone(),
            &["node.attic.client_key_file: certificate and key cannot be used together"],
        ),
        (
            "a certificate that is none",
            ours.certificate.clone(),
            empty("CERTIFICATE"),
            ours.key.clone(),
            &["node.attic.client_key_file: certificate and key cannot be used together"],
        ),
        (
            "a key with a passphrase",
            ours.certificate.clone(),
            ours.certificate.clone(),
            empty("ENCRYPTED PRIVATE KEY"),
            &["node.attic.client_key_file: key.pem cannot be used: it holds no key without a passphrase"],
        ),
    ] {
        folder.write("ca.pem", &ca);
        folder.write("cert.pem", &cert);
        folder.write("key.pem", &key);
        let lines_of = "ca_file = \"ca.pem\"\nclient_cert_file = \"cert.pem\"\nclient_key_file = \"key.pem\"\n";
        folder.write("config.toml", &format!("{https}{lines_of}"));
        let printed = lines(&folder, &crate::config::load(&folder.sources(&[])));
        assert_eq!(printed.len(), expected.len(), "{name}: {printed:#?}");
        for (line, wanted) in printed.iter().zip(expected) {
            assert!(line.contains(wanted) && !line.contains("s3cret"), "{name}: {line}");
        }
    }
}

#[test]
fn tls_of_a_node() {
    let https = NODE.replace("http:", "https:");
    expect(
        "no effect on http",
        &format!("{NODE}ca_file = \"ca.pem\"\nclient_cert_file = \"ca.pem\"\nclient_key_file = \"key.pem\"\n"),
        &[
            "config.toml:5: node.attic.ca_file: this has no effect on http://",
            "config.toml:6: node.attic.client_cert_file: this has no effect",
            "config.toml:7: node.attic.client_key_file: this has no effect",
        ],
    );
    expect(
        "files that hold something else",
        &format!("{https}ca_file = \"key.pem\"\nclient_cert_file = \"none.pem\"\nclient_key_file = \"ca.pem\"\n"),
        &[
            "config.toml:5: node.attic.ca_file: …CERTIFICATE-----",
            "config.toml:6: node.attic.client_cert_file: …cannot be read",
            "config.toml:7: node.attic.client_key_file: …PRIVATE KEY-----",
        ],
    );
    expect(
        "what openssl prints for nothing",
        &format!("{https}fingerprint = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n"),
        &["config.toml:5: node.attic.fingerprint: this is the SHA-256 of nothing"],
    );
    expect(
        "halves and doubles",
        &format!("{https}ca_file = \"ca.pem\"\nfingerprint = \"ab:cd\"\nclient_key_file = \"key.pem\"\n"),
        &[
            "config.toml:6: node.attic.fingerprint: a fingerprint is",
            "config.toml:6: node.attic.fingerprint: a fingerprint is trusted",
            "config.toml:7: node.attic.client_key_file: client_cert_file is missing",
        ],
    );
}

#[test]
fn fee_recipients() {
    let good = format!("0x{}", "aB".repeat(20));
    let zero = format!("0x{}", "00".repeat(20));
    let with = |list: &str| format!("{NODE}[block]\nfee_recipients = {list}\n");
    let key = "config.toml:6: block.fee_recipients: ";
    expect("one, in capitals, and again", &with(&format!("[\"{good}\", \"{}\"]", good.to_lowercase())), &[]);
    expect("none", &with("[]"), &[&format!("{key}the list is empty")]);
    expect("no list", &with("5"), &[&format!("{key}…write a list of texts")]);
    expect("the zero address", &with(&format!("[\"{zero}\"]")), &[&format!("{key}…lost; write your own")]);
    expect(
        "a short one and a name",
        &with(&format!("[\"{}\", \"me.eth\", \"{good}\"]", &good[..41])),
        &[&format!("{key}a 20-byte address in hex expected"), &format!("{key}…\"me.eth\"; write 0x and 40 hex digits")],
    );
    let many: Vec<String> = (1..=65).map(|n| format!("\"0x{n:040x}\"")).collect();
    expect("too many", &with(&format!("[{}]", many.join(","))), &[&format!("{key}there are more than 64")]);
    let (_folder, result) = typed(&with(&format!("[\"{good}\"]")), &[]);
    let pins = result.expect("it is good").config.fee_recipients;
    assert_eq!(pins, [good.parse().expect("an address")]);
}

#[test]
fn agreement() {
    let typed_as = |lines: &str| typed(&format!("{NODE}[attestation]\n{lines}\n"), &[]).1;
    let settings = |lines: &str| typed_as(lines).unwrap_or_else(|problems| panic!("{problems}")).config.attestation;
    for (lines, quorum, on_disagreement) in [
        ("", Quorum::Auto, OnDisagreement::Halt),
        ("quorum = \"auto\"\non_disagreement = \"halt\"", Quorum::Auto, OnDisagreement::Halt),
        ("quorum = \"all\"", Quorum::All, OnDisagreement::Halt),
        ("quorum = 3\non_disagreement = \"majority\"", Quorum::Of(3), OnDisagreement::Majority),
        ("quorum = \"2\"\non_disagreement = \"warn\"", Quorum::Of(2), OnDisagreement::Warn),
    ] {
        assert_eq!(settings(lines), Settings { quorum, on_disagreement }, "{lines}");
    }
    expect(
        "numbers and words that mean nothing",
        &format!("{NODE}[attestation]\nquorum = 0\non_disagreement = \"stop\"\n"),
        &[
            "config.toml:6: attestation.quorum: …write 1",
            "config.toml:7: attestation.on_disagreement: …write one of halt",
        ],
    );
    for lines in ["quorum = -1", "quorum = 1.5", "quorum = \"most\"", "quorum = true"] {
        assert!(typed_as(lines).is_err(), "{lines}");
    }
}

#[test]
fn what_is_not_there_yet_is_refused() {
    expect(
        "every option of a later version",
        &format!("{NODE}[share]\naddress = \"x\"\n"),
        &["config.toml:5: share: sharing with other stakers is not in this version yet"],
    );
}

#[test]
fn where_the_guard_remembers() {
    for wrong in ["", "on", "redb:", "redb:folder/", "redb:~/guard.redb", "/var/lib/guard.redb", "sqlite:guard.db"] {
        let text = format!("{NODE}[guard]\nstore = \"{wrong}\"\n");
        expect(wrong, &text, &["config.toml:6: guard.store: write \"redb:\" and a file name"]);
    }
    for (text, wanted, warnings) in [
        ("", GuardStore::Redb("guard.redb".into()), 0),
        ("[guard]\nstore = \"redb:/var/lib/guard.redb\"\n", GuardStore::Redb("/var/lib/guard.redb".into()), 0),
        ("[guard]\nstore = \"off\"\n", GuardStore::Off, 1),
    ] {
        let (_folder, result) = typed(&format!("{NODE}{text}"), &[]);
        let loaded = result.expect("it is right");
        assert_eq!((loaded.config.guard, loaded.warnings.len()), (wanted, warnings), "{text}");
    }
}

#[test]
fn the_list_of_problems_has_an_end() {
    let text: String = (0..500).map(|n| format!("zzz{n} = 1\n")).collect();
    let (folder, result) = typed(&text, &[]);
    let printed = lines(&folder, &result);
    assert_eq!(printed.len(), 101);
    assert!(printed[100].contains("more than 100 problems"), "{}", printed[100]);
}
