//! From a `[[node]]` that was typed to a node that can be spoken to.
//!
//! A name goes into a header, a metric label and a URL of the admin listener, so it is narrow from the start. Two
//! nodes with one URL would count as two voices and be one; both are refused with the line of the first.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use rangelight_policy::chain::unhex;
use rangelight_policy::family::{ConsensusFamily, ExecutionFamily};
use rangelight_policy::node::{Participation, Trust};

use super::address::ListenAddress;
use super::files::NAMED_MAX;
use super::meaning::{no_such_word, path, token, word};
use super::options::Place;
use super::pem;
use super::problem::Origin;
use super::secret::Secret;
use super::sources::Sources;
use super::typed::{Said, Section, Sheet};
use super::url::SafeUrl;
use super::{NodeConfig, TlsConfig};

/// At most so many nodes: every publication goes to all of them, and a set of nodes must stay readable on one page.
const NODES_MAX: usize = 64;

/// The longest name of a node.
const NAME_MAX: usize = 32;

/// At most so many further headers for one node.
const HEADERS_MAX: usize = 16;

/// SHA-256 of no bytes at all.
const OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

const TRUSTS: &[(&str, Trust)] = &[("own", Trust::Own), ("friend", Trust::Friend)];

const PARTICIPATIONS: &[(&str, Participation)] =
    &[("full", Participation::Full), ("publish-only", Participation::PublishOnly), ("standby", Participation::Standby)];

/// Headers that belong to the exchange itself, or that we set (RFC 9110 section 7.6.1 and framing).
const NOT_OURS_TO_SET: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads all nodes; those with a problem are left out, which is safe because no configuration is given out then.
pub(super) fn nodes(sheet: &mut Sheet, sources: &Sources, listens: &[Said<ListenAddress>]) -> Vec<NodeConfig> {
    let sections = sheet.sections(Place::Node);
    if sections.is_empty() {
        let message = match &sheet.layers.file {
            Some(file) => format!("there is no node; write a [[node]] with name and url into {}", file.display()),
            None => {
                "there is no node, and no configuration file was found; write a config.toml with a [[node]], or name \
                     yours with --config"
                    .to_owned()
            }
        };
        sheet.note(Origin::Default, "node".into(), message);
    }
    if let Some(first) = sections.get(NODES_MAX) {
        first.wrong(sheet, "name", format!("there are more than {NODES_MAX} nodes; remove some"));
    }
    let mut names: HashMap<Arc<str>, Origin> = HashMap::new();
    let mut urls: HashMap<SafeUrl, Origin> = HashMap::new();
    let mut nodes = Vec::new();
    for section in sections.iter().take(NODES_MAX) {
        let name = needed(sheet, section, "name").and_then(|said| {
            let name = label(sheet, &said)?;
            unique(sheet, &mut names, Arc::clone(&name), &said, "name");
            Some(name)
        });
        let url = needed(sheet, section, "url").and_then(|said| match SafeUrl::parse(&said.value) {
            Ok((url, user)) => {
                unique(sheet, &mut urls, url.clone(), &said, "URL");
                not_ourselves(sheet, &said, &url, listens);
                base(sheet, &said, &url);
                Some((url, user))
            }
            Err(message) => {
                sheet.wrong(&said, message);
                None
            }
        });
        nodes.extend(node(sheet, sources, section, name, url));
    }
    nodes
}

fn node(
    sheet: &mut Sheet,
    sources: &Sources,
    section: &Section,
    name: Option<Arc<str>>,
    url: Option<(SafeUrl, Option<Secret>)>,
) -> Option<NodeConfig> {
    let trust = section.text(sheet, "trust").and_then(|said| word(sheet, &said, TRUSTS));
    let participation = section.text(sheet, "participation").and_then(|said| word(sheet, &said, PARTICIPATIONS));
    let consensus = section.text(sheet, "consensus").and_then(|said| family(sheet, &said, ConsensusFamily::labels()));
    let execution = section.text(sheet, "execution").and_then(|said| family(sheet, &said, ExecutionFamily::labels()));
    let operator = section.text(sheet, "operator").and_then(|said| label(sheet, &said));
    let bearer = section.text(sheet, "token_file").and_then(|said| {
        let token = token(sheet, sources, &said)?;
        if url.as_ref().is_some_and(|(_, user)| user.is_some()) {
            sheet.wrong(
                &said,
                "the URL has a user part already, and a request has one authorisation; remove one of them",
            );
        }
        Some(Secret::new(&format!("Bearer {}", token.expose())))
    });
    let headers = headers(sheet, section);
    let tls = tls(sheet, sources, section, url.as_ref().map(|(url, _)| url));
    let (url, user) = url?;
    let authorization = user.or(bearer);
    let doubled = headers.iter().any(|(name, _)| *name == http::header::AUTHORIZATION);
    if doubled && authorization.is_some() {
        section.wrong(
            sheet,
            "headers",
            "a request has one authorisation; remove the header, the token_file or the URL's user part",
        );
    }
    Some(NodeConfig {
        name: name?,
        url,
        trust: trust?,
        participation: participation?,
        consensus,
        execution,
        operator,
        authorization,
        headers,
        tls,
    })
}

fn needed(sheet: &mut Sheet, section: &Section, name: &str) -> Option<Said<String>> {
    let said = section.text(sheet, name);
    if said.is_none() && !section.has(name) {
        let cure = match section.is_of_variables(sheet) {
            true => format!("set RANGELIGHT_NODE__{}", name.to_ascii_uppercase()),
            false => format!("write {name} = \"…\""),
        };
        section.wrong(sheet, name, format!("a node needs a {name}; {cure}"));
    }
    said
}

fn unique<K: std::hash::Hash + Eq>(
    sheet: &mut Sheet,
    seen: &mut HashMap<K, Origin>,
    value: K,
    said: &Said<String>,
    what: &str,
) {
    match seen.get(&value) {
        Some(Origin::File { path, line }) => {
            let first = Origin::File { path: Arc::clone(path), line: *line };
            sheet.wrong(said, format!("another node has this {what} already ({first}); change or remove one of them"));
        }
        Some(_) => sheet.wrong(said, format!("another node has this {what} already; change or remove one of them")),
        None => drop(seen.insert(value, said.origin.clone())),
    }
}

/// A family by its label, in any case.
fn family<'a, F: FromStr>(
    sheet: &mut Sheet,
    said: &Said<String>,
    labels: impl Iterator<Item = &'a str> + Clone,
) -> Option<F> {
    let family = said.value.parse().ok();
    if family.is_none() {
        no_such_word(sheet, said, labels);
    }
    family
}

/// The paths of operations come behind the URL, so one that ends in a part of them never works.
fn base(sheet: &mut Sheet, said: &Said<String>, url: &SafeUrl) {
    let mut rest = url.prefix();
    while let Some(at) = rest.find("/eth/v") {
        let version = &rest[at + "/eth/v".len()..];
        if version.starts_with(|c: char| c.is_ascii_digit()) {
            let cure = "the paths of operations are put behind it; give the base URL, without /eth/v… and what follows";
            sheet.wrong(said, cure);
            return;
        }
        rest = version;
    }
}

/// A node that is ourselves would ask ourselves for ever.
fn not_ourselves(sheet: &mut Sheet, said: &Said<String>, url: &SafeUrl, listens: &[Said<ListenAddress>]) {
    let host = url.authority().host().trim_matches(['[', ']']);
    let ip = if host == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { host.parse::<IpAddr>().ok() };
    let address = ip.map(|ip| ListenAddress::Tcp((ip, url.port()).into()));
    if let Some(listen) = listens.iter().find(|listen| address.as_ref().is_some_and(|ip| listen.value.clashes(ip))) {
        sheet.wrong(said, format!("this is Rangelight's own address ({}); write the beacon node's", listen.key));
    }
}

/// A name of a node or an operator.
fn label(sheet: &mut Sheet, said: &Said<String>) -> Option<Arc<str>> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if said.value.is_empty() || said.value.len() > NAME_MAX || !said.value.chars().all(plain) {
        sheet.wrong(said, format!("a name has 1 to {NAME_MAX} of a-z 0-9 . _ - and nothing else; choose another"));
        return None;
    }
    Some(said.value.as_str().into())
}

fn headers(sheet: &mut Sheet, section: &Section) -> Vec<(HeaderName, Secret)> {
    let typed = section.secrets(sheet, "headers");
    if typed.len() > HEADERS_MAX {
        section.wrong(sheet, "headers", format!("there are more than {HEADERS_MAX} headers; remove some"));
    }
    let mut headers: Vec<(HeaderName, Secret)> = Vec::new();
    for said in typed.into_iter().take(HEADERS_MAX) {
        let (name, value) = &said.value;
        let Ok(name) = HeaderName::try_from(name) else {
            sheet.wrong(&said, "this is no header name; correct it");
            continue;
        };
        if NOT_OURS_TO_SET.contains(&name.as_str()) {
            sheet.wrong(&said, "this header belongs to the connection and is set by Rangelight; remove it");
        } else if headers.iter().any(|(earlier, _)| *earlier == name) {
            sheet.wrong(&said, "this header is there twice (case does not count); remove one of them");
        } else if value.trim().is_empty() || HeaderValue::from_str(value).is_err() {
            sheet.wrong(&said, "the value is empty or has characters that no header can carry; correct it");
        } else {
            headers.push((name, Secret::new(value)));
        }
    }
    headers
}

fn tls(sheet: &mut Sheet, sources: &Sources, section: &Section, url: Option<&SafeUrl>) -> TlsConfig {
    for name in ["ca_file", "fingerprint", "client_cert_file", "client_key_file"] {
        if section.has(name) && url.is_some_and(|url| !url.is_https()) {
            section.wrong(sheet, name, "this has no effect on http://; write https:// in the URL, or remove it");
        }
    }
    let ca_file = file(sheet, sources, section, "ca_file", "CERTIFICATE-----", |text| pem::authorities(text).map(drop));
    let cert = file(sheet, sources, section, "client_cert_file", "CERTIFICATE-----", pem::certificates);
    let key = file(sheet, sources, section, "client_key_file", "PRIVATE KEY-----", pem::key);
    let fingerprint = section.text(sheet, "fingerprint").and_then(|said| fingerprint(sheet, &said));
    if section.has("ca_file") && section.has("fingerprint") {
        section.wrong(sheet, "fingerprint", "a fingerprint is trusted whoever signed it; remove it or ca_file");
    }
    for (name, other) in [("client_cert_file", "client_key_file"), ("client_key_file", "client_cert_file")] {
        if section.has(name) && !section.has(other) {
            section.wrong(sheet, name, format!("{other} is missing; certificate and key go together"));
        }
    }
    let ((client_cert_file, chain), (client_key_file, private)) = (cert.unzip(), key.unzip());
    if let (Some(chain), Some(private)) = (chain, private)
        && let Err(why) = pem::belong_together(chain, private)
    {
        let message = format!("certificate and key cannot be used together ({why}); write the key of this certificate");
        section.wrong(sheet, "client_key_file", message);
    }
    let ca_file = ca_file.map(|(path, ())| path);
    let paths: Vec<&PathBuf> = [&ca_file, &client_cert_file, &client_key_file].into_iter().flatten().collect();
    let digest = if paths.is_empty() { 0 } else { sheet.seen.digest_of(paths.into_iter()) };
    TlsConfig { ca_file, fingerprint, client_cert_file, client_key_file, digest }
}

/// A file in PEM form, and what it holds.
fn file<T>(
    sheet: &mut Sheet,
    sources: &Sources,
    section: &Section,
    name: &str,
    begin: &str,
    meaning: impl Fn(&[u8]) -> Result<T, String>,
) -> Option<(PathBuf, T)> {
    let said = section.text(sheet, name)?;
    let path = path(sheet, sources, &said)?;
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.ends_with(begin);
    let problem = match sheet.seen.read(&path, NAMED_MAX) {
        Err(problem) => problem,
        Ok(text) if !text.lines().any(begins) => {
            format!("{} holds no \"-----BEGIN …{begin}\"; write it in PEM form", path.display())
        }
        Ok(text) => match meaning(text.as_bytes()) {
            Ok(held) => return Some((path, held)),
            Err(why) => format!("{} cannot be used: {why}; write it anew, in PEM form", path.display()),
        },
    };
    sheet.wrong(&said, problem);
    None
}

fn fingerprint(sheet: &mut Sheet, said: &Said<String>) -> Option<[u8; 32]> {
    let digits: String = said.value.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    let mut fingerprint = [0; 32];
    if !unhex(&format!("0x{digits}"), &mut fingerprint) {
        let message = "a fingerprint is the SHA-256 of the node's public key, 64 hex digits; the reference page has the \
                       openssl command that prints it";
        sheet.wrong(said, message);
        return None;
    }
    if fingerprint == OF_NOTHING {
        let message = "this is the SHA-256 of nothing, which openssl prints when the command before it failed; look \
                       at the node's address or file, and take it again";
        sheet.wrong(said, message);
        return None;
    }
    Some(fingerprint)
}
