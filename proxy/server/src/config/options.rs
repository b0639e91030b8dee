//! Every option there is: one table, from which the reader, the "did you mean" and the reference page are made.
//!
//! An option that is not in the table cannot be read ([`row`] would not find it) and is refused when somebody types
//! it. An option whose rule this version does not have yet stands in [`NOT_YET`] too: typing it is a problem and not a
//! no-op, because a staker who wrote `quorum = "all"` and saw the program start would believe that he is protected.
//! The value that will be the default is the exception: whoever writes it asks for what he would get by saying nothing,
//! and his file should load in this version and the next. It is accepted with a warning that says what does not hold.

use std::fmt::Write;

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file's top level.
    Top,
    /// `[listen]` or `[[listen]]`.
    Listen,
    /// `[admin]`.
    Admin,
    /// `[[node]]`.
    Node,
    /// `[attestation]`.
    Attestation,
    /// `[block]`.
    Block,
    /// `[guard]`.
    Guard,
    /// `[share]`.
    Share,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text in quotes.
    Text,
    /// One of these words in quotes.
    Word(&'static [&'static str]),
    /// One of these words in quotes, or a number.
    WordOrNumber(&'static [&'static str]),
    /// A URL in quotes; shown without its secrets.
    Url,
    /// A path in quotes.
    Path,
    /// A number with its unit in quotes.
    Duration,
    /// A list of texts.
    Texts,
    /// A table of texts that are secret; shown without them.
    Headers,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The table it stands in.
    pub place: Place,
    /// Its name there.
    pub name: &'static str,
    /// How its value is written.
    pub form: Form,
    /// What holds when nobody says anything, as it would be typed; `None` = absent, the meaning says what follows.
    pub default: Option<&'static str>,
    /// What it does and what follows from it, for the reference page.
    pub meaning: &'static str,
}

/// An option whose rule this version does not have yet.
#[derive(Clone, Copy, Debug)]
pub struct NotYet {
    /// Its key, or the name of a whole table.
    pub key: &'static str,
    /// The value that asks for nothing and is therefore accepted.
    pub harmless: Option<&'static str>,
    /// The value that will be the default; accepted with a warning.
    pub early: Option<Early>,
    /// What is missing, as the subject of "… is not in this version yet".
    pub missing: &'static str,
}

/// A value that is accepted before its rule is there.
#[derive(Clone, Copy, Debug)]
pub struct Early {
    /// The value.
    pub value: &'static str,
    /// What happens without the rule.
    pub until_then: &'static str,
}

/// What cannot be had yet. When a rule arrives, its line goes.
pub const NOT_YET: &[NotYet] =
    &[NotYet { key: "share", harmless: None, early: None, missing: "sharing with other stakers" }];

const TRUSTS: &[&str] = &["own", "friend"];
const PARTICIPATIONS: &[&str] = &["full", "publish-only", "standby"];
const QUORUMS: &[&str] = &["auto", "all"];
const DISAGREEMENTS: &[&str] = &["halt", "majority", "warn"];
const MODES: &[&str] = &["guarded", "pass-through", "observe"];
const HOSTS: &str = "Further names that callers may use for this listener. IP addresses, `localhost`, names without a \
                     dot, `*.local`, `*.internal`, `*.lan`, `*.home.arpa`, `*.localhost` and this machine's own name \
                     are always allowed; any other name is refused, because a web page could point its own name here.";
const ORIGINS: &str = "Web pages that may call this listener, like `https://dash.example.org`. Every other page in a \
                       browser is refused.";

/// The options in the order of the file.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    Row { place: Place::Top, name: "network", form: Form::Text, default: None,
        meaning: "The network: `mainnet`, `sepolia`, `holesky`, `hoodi`, `gnosis`, `chiado`, or a genesis validators root \
                  (`0x` and 64 hex digits). Absent: that of your own nodes. A node of another network is never asked." },
    Row { place: Place::Top, name: "state", form: Form::Path, default: None,
        meaning: "The folder for what must survive a restart; created for its owner only, used by one Rangelight at a time. \
                  Absent: `$STATE_DIRECTORY` (systemd sets it), else `$XDG_STATE_HOME/rangelight`, else \
                  `~/.local/state/rangelight`. A relative path is meant from the folder of the configuration file." },
    Row { place: Place::Top, name: "mode", form: Form::Word(MODES), default: Some("guarded"),
        meaning: "`guarded`: every rule applies. `pass-through`: failover only. `observe`: everything is judged and \
                  recorded, but the answers served are those of your first own node, to try Rangelight before trusting it." },
    Row { place: Place::Listen, name: "address", form: Form::Text, default: Some("127.0.0.1:5055"),
        meaning: "Where the validator client connects: `IP:PORT`, `[IPV6]:PORT` or `unix:/path`. Names are not looked up. \
                  Whoever reaches it can set your fee recipients, so another address than loopback wants a `token_file`. \
                  A relative socket path lies in the state folder." },
    Row { place: Place::Listen, name: "hosts", form: Form::Texts, default: None, meaning: HOSTS },
    Row { place: Place::Listen, name: "origins", form: Form::Texts, default: None, meaning: ORIGINS },
    Row { place: Place::Listen, name: "token_file", form: Form::Path, default: None,
        meaning: "A file with one line: the bearer token that callers must show. Absent: none is asked for." },
    Row { place: Place::Listen, name: "budget", form: Form::Duration, default: None,
        meaning: "Caps the time of every answer on this listener, like `\"1.8s\"`; for Charon and others that give up early. \
                  Absent: each operation has its own deadline." },
    Row { place: Place::Admin, name: "address", form: Form::Text, default: Some("127.0.0.1:5056"),
        meaning: "Where `/status`, `/health`, `/metrics` and `/evidence` are. Another address than loopback needs a \
                  `token_file`: without one the program does not start." },
    Row { place: Place::Admin, name: "hosts", form: Form::Texts, default: None, meaning: HOSTS },
    Row { place: Place::Admin, name: "origins", form: Form::Texts, default: None, meaning: ORIGINS },
    Row { place: Place::Admin, name: "token_file", form: Form::Path, default: None,
        meaning: "A file with one line: the bearer token that callers must show. Absent: none is asked for." },
    Row { place: Place::Node, name: "name", form: Form::Text, default: None,
        meaning: "Needed. The node's name in pages, metrics, logs and the `X-Rangelight-Node` header: at most 32 of \
                  `a-z 0-9 . _ -`, unique. A node that is renamed is a new node." },
    Row { place: Place::Node, name: "url", form: Form::Url, default: None,
        meaning: "Needed. The base URL of the beacon node's API, `http://` or `https://`, without `/eth/v1`; another path prefix \
                  is kept. A user part (`http://user:password@host`) becomes basic authorisation and is never shown." },
    Row { place: Place::Node, name: "trust", form: Form::Word(TRUSTS), default: Some("own"),
        meaning: "`own`: your node, it decides. `friend`: another staker's node; it can help and confirm, but moves nothing \
                  alone while an own node is ready." },
    Row { place: Place::Node, name: "participation", form: Form::Word(PARTICIPATIONS), default: Some("full"),
        meaning: "`full`: reads, publications, subscriptions. `standby`: asked only when no better node is usable. \
                  `publish-only`: signed messages only. All of them receive every signed message." },
    Row { place: Place::Node, name: "consensus", form: Form::Text, default: None,
        meaning: "The consensus client, like `lighthouse`, when the node cannot tell or must be overridden. Absent: read from \
                  its version." },
    Row { place: Place::Node, name: "execution", form: Form::Text, default: None,
        meaning: "The execution client, like `nethermind`, when the node cannot tell or must be overridden. Absent: read from \
                  its version; many beacon nodes do not tell, and then the pair's diversity is unknown." },
    Row { place: Place::Node, name: "operator", form: Form::Text, default: None,
        meaning: "Who runs a friend's node (written like a name). Friends without it count as one person, so that one person \
                  with many nodes has one voice." },
    Row { place: Place::Node, name: "token_file", form: Form::Path, default: None,
        meaning: "A file with one line: the bearer token sent to the node. Not together with a user part in the URL." },
    Row { place: Place::Node, name: "headers", form: Form::Headers, default: None,
        meaning: "Further headers sent to the node, like `{ X-Api-Key = \"…\" }`. Their values are never shown." },
    Row { place: Place::Node, name: "ca_file", form: Form::Path, default: None,
        meaning: "Certificates (PEM) that may sign this node's certificate, instead of the usual ones. For `https://` only." },
    Row { place: Place::Node, name: "fingerprint", form: Form::Text, default: None,
        meaning: "SHA-256 of the node's public key (the SubjectPublicKeyInfo of its certificate) in hex, colons allowed. \
                  The node that holds this key is trusted whoever signed its certificate, so a certificate renewed with the \
                  same key keeps its fingerprint; names and dates are not looked at, and one that is out of date is \
                  warned about once. For `https://` only, and not together with `ca_file`. The node's owner gets it from \
                  his certificate with `openssl x509 -in node.pem -pubkey -noout | openssl pkey -pubin -outform der | \
                  openssl dgst -sha256`; over the network, when nobody sits between, with `openssl s_client -connect \
                  HOST:PORT </dev/null | openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst \
                  -sha256`." },
    Row { place: Place::Node, name: "client_cert_file", form: Form::Path, default: None,
        meaning: "Our certificate (PEM) for nodes that ask for one. For `https://` only, together with `client_key_file`." },
    Row { place: Place::Node, name: "client_key_file", form: Form::Path, default: None,
        meaning: "The private key (PEM) of `client_cert_file`." },
    Row { place: Place::Attestation, name: "quorum", form: Form::WordOrNumber(QUORUMS), default: Some("auto"),
        meaning: "How many independent nodes must agree on a vote's source and target. Two nodes are independent if their \
                  consensus clients differ, and their execution clients too where both are known. `auto` = two, or one \
                  where there are no two; `all` = as many as the configured nodes can be; a number = so many, or as many \
                  as there can be. Fewer voices than that serve the vote all the same while nobody contradicts it." },
    Row { place: Place::Attestation, name: "on_disagreement", form: Form::Word(DISAGREEMENTS), default: Some("halt"),
        meaning: "What happens to a vote whose source and target independent nodes contradict: `halt` = it is withheld \
                  (503, the validators miss it, nothing worse), `majority` = what more independent nodes say is served, \
                  and nothing in a tie, `warn` = it is served with an alarm." },
    Row { place: Place::Block, name: "fee_recipients", form: Form::Texts, default: None,
        meaning: "The only addresses that a block for your validators may pay; any of them. Every produced block is checked \
                  before your validator client gets it, and one that pays another is dropped for the next best. Absent: the \
                  recipient that your validator client names in its request, else the one it has prepared. Set it when all \
                  your validators are paid to few addresses: then nothing that a node forgot or a friend made up can pay \
                  another. A change of it needs no restart." },
    Row { place: Place::Guard, name: "store", form: Form::Text, default: Some("redb:guard.redb"),
        meaning: "Where the slashing guard remembers what your validators signed: `redb:` and a file, in the state folder \
                  unless the path is absolute. It is written before a message goes out, so it belongs on a local disk. `off`: \
                  there is no guard. See [the guide](../guides/guard.md)." },
];

// === impl NotYet, Place, Row ===

impl NotYet {
    /// What happens to the option now, for the reference page.
    fn consequence(&self) -> String {
        let unless = match (self.harmless, self.early) {
            (None, None) => return "the option is refused".to_owned(),
            (Some(harmless), None) => return format!("the option is refused unless it is `\"{harmless}\"`"),
            (Some(harmless), Some(early)) => format!("`\"{harmless}\"`, or `\"{}\"`", early.value),
            (None, Some(early)) => format!("`\"{}\"`", early.value),
        };
        let until_then = self.early.map_or("", |early| early.until_then);
        format!(
            "the option is refused unless it is {unless}, which is accepted with a warning. Until then {until_then}"
        )
    }
}

impl Place {
    /// Every table, in the order of the file.
    pub const ALL: &[Self] =
        &[Self::Top, Self::Listen, Self::Admin, Self::Node, Self::Attestation, Self::Block, Self::Guard, Self::Share];

    /// The table's name; empty for the top level.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Listen => "listen",
            Self::Admin => "admin",
            Self::Node => "node",
            Self::Attestation => "attestation",
            Self::Block => "block",
            Self::Guard => "guard",
            Self::Share => "share",
        }
    }

    /// Its options.
    pub fn rows(self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(move |row| row.place == self)
    }
}

impl Row {
    /// Its key without a number: `node.url`, `network`.
    #[must_use]
    pub fn key(&self) -> String {
        match self.place {
            Place::Top => self.name.to_owned(),
            place => format!("{}.{}", place.name(), self.name),
        }
    }

    fn not_yet(&self) -> Option<&'static NotYet> {
        let key = self.key();
        NOT_YET.iter().find(|row| row.key == key)
    }
}

impl Form {
    /// How the value is written, for a message or a page.
    #[must_use]
    pub fn written(self) -> String {
        match self {
            Self::Text => "text in quotes".to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::WordOrNumber(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("{} or a number", words.join(", "))
            }
            Self::Url => "a URL in quotes".to_owned(),
            Self::Path => "a path in quotes".to_owned(),
            Self::Duration => "a number with its unit in quotes, like \"1.8s\" or \"250ms\"".to_owned(),
            Self::Texts => "a list of texts, like [\"one\", \"two\"]".to_owned(),
            Self::Headers => "a table of texts, like { X-Api-Key = \"…\" }".to_owned(),
        }
    }
}

/// The row of an option that the reader asks for.
#[must_use]
pub fn row(place: Place, name: &str) -> &'static Row {
    place.rows().find(|row| row.name == name).expect("the reader asks only for options of the table")
}

/// The reference page, `docs/reference/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(PREFACE);
    for place in Place::ALL {
        let heading = match place {
            Place::Top => "## Top level".to_owned(),
            Place::Listen => "## `[listen]`, or several `[[listen]]`".to_owned(),
            Place::Node => "## `[[node]]`".to_owned(),
            place => format!("## `[{}]`", place.name()),
        };
        let _ = write!(page, "\n{heading}\n");
        if let Some(later) = NOT_YET.iter().find(|later| later.key == place.name()) {
            let _ = write!(page, "\nNot in this version yet ({}): the table is refused.\n", later.missing);
        }
        for row in place.rows() {
            let _ = write!(page, "\n### `{}`\n\nWritten as {}. ", row.key(), row.form.written());
            let _ = match row.default {
                Some(default) => write!(page, "Default `\"{default}\"`.\n\n{}\n", row.meaning),
                None => write!(page, "No default.\n\n{}\n", row.meaning),
            };
            if let Some(later) = row.not_yet() {
                let _ = write!(page, "\nNot in this version yet ({}): {}.\n", later.missing, later.consequence());
            }
        }
    }
    page
}

const PREFACE: &str = r#"# Configuration

This page is made from the table of options in `proxy/server/src/config/options.rs`; a test fails when it is stale.

Rangelight reads one TOML file: `--config FILE`, else `$RANGELIGHT_CONFIG`, else `./config.toml`, else
`/etc/rangelight/config.toml`. Without any of them it runs from the environment alone.

- Each layer overrides the one before it: defaults, file, environment, flags.
- In the environment an option is `RANGELIGHT_` and its key in capitals with `__` for the dot:
  `RANGELIGHT_LISTEN__ADDRESS=0.0.0.0:5055`. `RANGELIGHT_NODE__URL` and its like mean the only node; several nodes are
  one variable, `RANGELIGHT_NODE=[{name="attic",url="http://127.0.0.1:5052"},{…}]`, which replaces those of the file.
  An empty variable counts as absent.
- One node may stand in `[node]` with single brackets; of several, each has `[[node]]`. The same holds for `[listen]`.
- Everything that is wrong is reported in one run, each line with its origin and its cure, and the program ends with
  status 2.
- The file and every file it names are read again on SIGHUP and about two seconds after a change. What concerns nodes is
  taken over at once, their tokens, certificates and keys included, and so is `[block]`. `network`, `state`, `mode` and everything of
  `[listen]` and `[admin]`, their tokens included, count from the next start; the log names by key what waits. A file
  with a problem changes nothing: the configuration that runs goes on running, and the problems are logged once.
- Secrets stand in files of their own (`…_file`), in a node's URL or in its `headers`. They are never printed.
- The path of a secret, certificate or key is meant from the folder of the configuration file; one from the
  environment from the folder where the program was started. Other relative paths lie in the `state` folder.
- Bounds: 1 MiB for the file, 64 KiB for a file it names, 64 nodes, 16 listeners. Above a bound it is refused.
"#;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_what_comes_later_is_an_option_or_a_table() {
        let keys: BTreeSet<String> = ROWS.iter().map(Row::key).collect();
        assert_eq!(keys.len(), ROWS.len());
        for later in NOT_YET {
            let table = Place::ALL.iter().any(|place| place.name() == later.key);
            assert!(keys.contains(later.key) || table, "{}", later.key);
        }
    }
}
