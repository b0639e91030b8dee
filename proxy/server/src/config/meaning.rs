//! From what was typed to what it means: the top level, the listeners, and what concerns several tables at once.
//!
//! Every check notes its problem and goes on, with a value in place that cannot be used by accident: a [`Config`] is
//! only given out when there is no problem at all.
//!
//! Relative paths: the state folder and every file with a secret, certificate or key are meant from the folder of the
//! configuration file when the file says them (the file moves together with its secrets), and from the folder the
//! program was started in when a variable or flag says them (as a shell would). A relative unix socket lies in the
//! state folder, which is the only place sure to be writable.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use figment::value::Value;
use rangelight_policy::block::Address;
use rangelight_policy::network::KNOWN;
use rangelight_policy::node::{Participation, Trust};
use rangelight_policy::quorum::{OnDisagreement, Quorum, Settings};

use super::address::ListenAddress;
use super::node;
use super::options::{NOT_YET, Place, row};
use super::problem::{Origin, Problem};
use super::secret::Secret;
use super::sources::Sources;
use super::spelling::nearest;
use super::typed::{Said, Section, Sheet};
use super::url::SafeUrl;
use super::{AdminConfig, Config, GuardStore, ListenConfig, Mode, NetworkChoice, NodeConfig};

/// At most so many listeners; each is a socket and a task.
const LISTENS_MAX: usize = 16;

/// At most so many addresses that a block may pay.
const PINS_MAX: usize = 64;

const MODES: &[(&str, Mode)] =
    &[("guarded", Mode::Guarded), ("pass-through", Mode::PassThrough), ("observe", Mode::Observe)];

const DISAGREEMENTS: &[(&str, OnDisagreement)] =
    &[("halt", OnDisagreement::Halt), ("majority", OnDisagreement::Majority), ("warn", OnDisagreement::Warn)];

/// What both kinds of listeners have.
struct Door {
    address: Option<Said<ListenAddress>>,
    hosts: Vec<Arc<str>>,
    origins: Vec<Arc<str>>,
    token: Option<Secret>,
    /// Whether a token was asked for, readable or not.
    guarded: bool,
}

/// Reads everything; the configuration may only be used when the sheet has no problem.
pub(super) fn config(sheet: &mut Sheet, sources: &Sources) -> Option<Config> {
    not_yet(sheet);
    let top = sheet.top();
    let network = network(sheet, &top);
    let state = state(sheet, &top, sources);
    let mode = top.text(sheet, "mode").and_then(|said| word(sheet, &said, MODES)).unwrap_or(Mode::Guarded);
    let below = state.as_deref().unwrap_or(Path::new("/"));
    let (listens, mut addresses) = listens(sheet, sources, below);
    let admin = admin(sheet, sources, below, &mut addresses);
    let attestation = attestation(sheet);
    let guard = guard(sheet);
    let fee_recipients = fee_recipients(sheet);
    let nodes = node::nodes(sheet, sources, &addresses);
    own_nodes(sheet, &nodes, network.is_some());
    Some(Config {
        network,
        state: state?,
        mode,
        listens,
        admin: admin?,
        fee_recipients,
        guard: guard?,
        nodes,
        attestation,
    })
}

/// Notes every option that asks for something this version cannot do, and takes it out, so that nothing else is said
/// about it. What will be the default anyway is left in, with a warning.
fn not_yet(sheet: &mut Sheet) {
    for later in NOT_YET {
        let (table, name) = later.key.split_once('.').unwrap_or((later.key, ""));
        let Some(value) = sheet.layers.values.get(table) else { continue };
        let (value, path) = match value.find_ref(name) {
            _ if name.is_empty() => (value, table.to_owned()),
            Some(option) => (option, later.key.to_owned()),
            None => continue,
        };
        if later.harmless.is_some() && value.as_str() == later.harmless {
            continue;
        }
        let (origin, key) = (sheet.layers.origin(value, &path), later.key.to_owned());
        if let Some(early) = later.early.filter(|early| value.as_str() == Some(early.value)) {
            let message = format!("{} is not in this version yet: until then {}", later.missing, early.until_then);
            sheet.warnings.push(Problem { origin, key, message });
            continue;
        }
        let message = match later.harmless {
            Some(harmless) => format!("{} is not in this version yet; write {harmless:?} or remove it", later.missing),
            None => format!("{} is not in this version yet; remove it", later.missing),
        };
        sheet.note(origin, key, message);
        match sheet.layers.values.get_mut(table) {
            Some(Value::Dict(_, options)) if !name.is_empty() => drop(options.remove(name)),
            _ => drop(sheet.layers.values.remove(table)),
        }
    }
}

/// Where the guard remembers: `off`, or `redb:` and a path.
fn guard(sheet: &mut Sheet) -> Option<GuardStore> {
    let section = sheet.section(Place::Guard);
    let said = section.text(sheet, "store")?;
    match (said.value.as_str(), said.value.strip_prefix("redb:")) {
        ("off", _) => {
            let message = "nothing but your validator client's own protection refuses slashable messages";
            sheet.warnings.push(Problem { origin: said.origin, key: said.key, message: message.into() });
            Some(GuardStore::Off)
        }
        (_, Some(path))
            if !path.is_empty() && !path.ends_with('/') && !path.contains('\0') && !path.starts_with('~') =>
        {
            Some(GuardStore::Redb(path.into()))
        }
        _ => {
            sheet.wrong(
                &said,
                "write \"redb:\" and a file name, like \"redb:guard.redb\" (in the state folder), or \"off\"",
            );
            None
        }
    }
}

/// The pins of `[block]`.
fn fee_recipients(sheet: &mut Sheet) -> Vec<Address> {
    let section = sheet.section(Place::Block);
    let (mut pins, before) = (Vec::new(), sheet.problems.len());
    for said in section.texts(sheet, "fee_recipients") {
        match said.value.parse() {
            Ok(Address::ZERO) => sheet.wrong(&said, "what is paid to the zero address is lost; write your own address"),
            Ok(address) if pins.contains(&address) => {}
            Ok(_) if pins.len() == PINS_MAX => {
                sheet.wrong(&said, format!("there are more than {PINS_MAX} addresses; remove some"));
                break;
            }
            Ok(address) => pins.push(address),
            Err(malformed) => sheet.wrong(&said, format!("{malformed}; write 0x and 40 hex digits")),
        }
    }
    if pins.is_empty() && section.has("fee_recipients") && sheet.problems.len() == before {
        section.wrong(sheet, "fee_recipients", "the list is empty; write an address, or remove the line");
    }
    pins
}

fn attestation(sheet: &mut Sheet) -> Settings {
    let section = sheet.section(Place::Attestation);
    let quorum = section.text(sheet, "quorum").and_then(|said| quorum(sheet, &said));
    let on_disagreement = section.text(sheet, "on_disagreement").and_then(|said| word(sheet, &said, DISAGREEMENTS));
    Settings { quorum: quorum.unwrap_or_default(), on_disagreement: on_disagreement.unwrap_or_default() }
}

fn quorum(sheet: &mut Sheet, said: &Said<String>) -> Option<Quorum> {
    match said.value.parse() {
        Ok(0) => {
            sheet.wrong(said, "nobody's agreement is no agreement; write 1 to be content with one node's word");
            None
        }
        Ok(wanted) => Some(Quorum::Of(wanted)),
        Err(_) => {
            let words = [("auto", Quorum::Auto), ("all", Quorum::All)];
            let known = words.iter().find(|(word, _)| *word == said.value).map(|(_, meant)| *meant);
            if known.is_none() {
                sheet.wrong(said, format!("{:?} is not known here; write \"auto\", \"all\" or a number", said.value));
            }
            known
        }
    }
}

fn network(sheet: &mut Sheet, top: &Section) -> Option<NetworkChoice> {
    let said = top.text(sheet, "network")?;
    let name = said.value.to_lowercase();
    let names = KNOWN.iter().map(|known| known.name);
    if names.clone().any(|known| known == name) {
        return Some(NetworkChoice::Named(name.into()));
    }
    match said.value.parse() {
        Ok(root) => return Some(NetworkChoice::Root(root)),
        Err(_) if name.starts_with("0x") => {
            sheet.wrong(&said, "a genesis validators root is 0x and 64 hex digits; correct it");
        }
        Err(_) => {
            let list = names.clone().collect::<Vec<_>>().join(", ");
            let cure = nearest(&name, names)
                .map_or_else(|| format!("write one of {list}"), |near| format!("did you mean {near:?}? Write it"));
            sheet.wrong(&said, format!("the network is unknown by name; {cure}, or the genesis validators root"));
        }
    }
    None
}

fn state(sheet: &mut Sheet, top: &Section, sources: &Sources) -> Option<PathBuf> {
    if let Some(said) = top.text(sheet, "state") {
        let path = path(sheet, sources, &said)?;
        sheet.show(&said.key, path.display().to_string(), said.origin);
        return Some(path);
    }
    if top.has("state") {
        return None;
    }
    // systemd separates several with colons; the first is ours.
    let systemd = sources.variable("STATE_DIRECTORY").and_then(|list| list.split(':').next());
    let home = || sources.variable("HOME").map(|home| Path::new(home).join(".local/state"));
    let xdg = || sources.variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let (path, name) = match systemd {
        Some(path) => (PathBuf::from(path), "STATE_DIRECTORY"),
        None => match (xdg(), home()) {
            (Some(xdg), _) => (xdg.join("rangelight"), "XDG_STATE_HOME"),
            (None, Some(home)) => (home.join("rangelight"), "HOME"),
            (None, None) => {
                let message = "neither $STATE_DIRECTORY nor $HOME says where to keep state; set it to a folder";
                sheet.note(Origin::Default, "state".into(), message);
                return None;
            }
        },
    };
    let path = sources.folder.join(path);
    sheet.show("state", path.display().to_string(), Origin::Environment(name.into()));
    Some(path)
}

fn listens(sheet: &mut Sheet, sources: &Sources, state: &Path) -> (Vec<ListenConfig>, Vec<Said<ListenAddress>>) {
    let mut sections = sheet.sections(Place::Listen);
    if sections.is_empty() {
        sections.push(Section::absent(Place::Listen));
    }
    if let Some(first) = sections.get(LISTENS_MAX) {
        first.wrong(sheet, "address", format!("there are more than {LISTENS_MAX} listeners; remove some"));
    }
    let (mut listens, mut addresses) = (Vec::new(), Vec::new());
    for section in sections.iter().take(LISTENS_MAX) {
        let door = door(sheet, sources, section, state);
        let budget = section.text(sheet, "budget").and_then(|said| duration(sheet, &said));
        let Some(address) = door.address else { continue };
        distinct(sheet, &mut addresses, &address);
        if !door.guarded && !address.value.is_local() {
            let message = "others than this machine can reach this address, and whoever does can set your fee \
                           recipients; set token_file, or keep others away from the port";
            sheet.warnings.push(Problem { origin: address.origin, key: address.key, message: message.into() });
        }
        let Door { hosts, origins, token, .. } = door;
        listens.push(ListenConfig { address: address.value, hosts, origins, token, budget });
    }
    (listens, addresses)
}

fn admin(
    sheet: &mut Sheet,
    sources: &Sources,
    state: &Path,
    addresses: &mut Vec<Said<ListenAddress>>,
) -> Option<AdminConfig> {
    let section = sheet.section(Place::Admin);
    let door = door(sheet, sources, &section, state);
    let address = door.address?;
    distinct(sheet, addresses, &address);
    if !door.guarded && !address.value.is_local() {
        let message = "others than this machine can reach this address; set admin.token_file, or listen on 127.0.0.1";
        sheet.wrong(&address, message);
    }
    let Door { hosts, origins, token, .. } = door;
    Some(AdminConfig { address: address.value, hosts, origins, token })
}

/// The admin listener that holds when nobody says anything.
pub(super) fn usual_admin() -> AdminConfig {
    let address =
        row(Place::Admin, "address").default.and_then(|usual| ListenAddress::parse(usual, Path::new("/")).ok());
    let address = address.expect("the default address can be read");
    AdminConfig { address, hosts: Vec::new(), origins: Vec::new(), token: None }
}

fn door(sheet: &mut Sheet, sources: &Sources, section: &Section, state: &Path) -> Door {
    let address = section.text(sheet, "address").and_then(|said| match ListenAddress::parse(&said.value, state) {
        Ok(value) => Some(Said { value, key: said.key, origin: said.origin }),
        Err(message) => {
            sheet.wrong(&said, message);
            None
        }
    });
    let hosts = section.texts(sheet, "hosts").into_iter().filter_map(|said| host(sheet, &said)).collect();
    let origins = section.texts(sheet, "origins").into_iter().filter_map(|said| web_origin(sheet, &said)).collect();
    let token = section.text(sheet, "token_file").and_then(|said| token(sheet, sources, &said));
    Door { address, hosts, origins, token, guarded: section.has("token_file") }
}

/// Notes an address that cannot be bound because of an earlier one, and remembers it.
fn distinct(sheet: &mut Sheet, addresses: &mut Vec<Said<ListenAddress>>, address: &Said<ListenAddress>) {
    if let Some(earlier) = addresses.iter().find(|earlier| earlier.value.clashes(&address.value)) {
        let message =
            format!("{} is taken by {} ({}); choose another port", address.value, earlier.key, earlier.origin);
        sheet.wrong(address, message);
    }
    addresses.push(address.clone());
}

/// A name for `Host`: no scheme, no port, no path, no wildcard.
fn host(sheet: &mut Sheet, said: &Said<String>) -> Option<Arc<str>> {
    let host = said.value.to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || host.len() > 253 || !host.chars().all(plain) {
        sheet.wrong(said, format!("{:?} is no host name; write it alone, without scheme, port, path or *", said.value));
        return None;
    }
    Some(host.into())
}

/// A web origin as browsers send it: scheme and authority, the scheme's own port left out.
fn web_origin(sheet: &mut Sheet, said: &Said<String>) -> Option<Arc<str>> {
    match SafeUrl::parse(&said.value) {
        Ok((url, None)) if url.prefix().is_empty() => Some(url.to_string().into()),
        _ => {
            sheet.wrong(said, "an origin is scheme, host and port and nothing more; write https://dash.example.org");
            None
        }
    }
}

fn duration(sheet: &mut Sheet, said: &Said<String>) -> Option<Duration> {
    match humantime::parse_duration(said.value.trim()) {
        Ok(duration) if !duration.is_zero() => return Some(duration),
        Ok(_) => sheet.wrong(said, "a time of nothing leaves no time to answer; write more, or remove it"),
        Err(_) => {
            sheet.wrong(
                said,
                format!("{:?} is no time; write a number with its unit, like \"1.8s\" or \"250ms\"", said.value),
            );
        }
    }
    None
}

/// One of some words.
pub(super) fn word<T: Copy>(sheet: &mut Sheet, said: &Said<String>, words: &[(&str, T)]) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == said.value).map(|(_, meant)| *meant);
    if found.is_none() {
        no_such_word(sheet, said, words.iter().map(|(word, _)| *word));
    }
    found
}

/// Notes that a word is not one of those known here.
pub(super) fn no_such_word<'a>(sheet: &mut Sheet, said: &Said<String>, words: impl Iterator<Item = &'a str> + Clone) {
    let list = words.clone().collect::<Vec<_>>().join(", ");
    let cure = nearest(&said.value, words).map_or_else(String::new, |near| format!("did you mean {near:?}? "));
    sheet.wrong(said, format!("{:?} is not known here; {cure}write one of {list}", said.value));
}

/// Reads a bearer token: one line that fits into a header.
pub(super) fn token(sheet: &mut Sheet, sources: &Sources, said: &Said<String>) -> Option<Secret> {
    let path = path(sheet, sources, said)?;
    let read = sheet.seen.read(&path, super::files::NAMED_MAX);
    let problem = match read.as_deref().map(str::trim) {
        Err(problem) => problem.clone(),
        Ok("") => format!("{} is empty; write the token into it", path.display()),
        Ok(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => return Some(Secret::new(token)),
        Ok(_) => format!("{} must hold one line without spaces; write the token alone into it", path.display()),
    };
    sheet.wrong(said, problem);
    None
}

/// A path where it was meant (see the module's doc).
pub(super) fn path(sheet: &mut Sheet, sources: &Sources, said: &Said<String>) -> Option<PathBuf> {
    if said.value.is_empty() || said.value.contains('\0') || said.value.starts_with('~') {
        sheet.wrong(said, "a path is expected, and ~ is known to shells only; write the whole path");
        return None;
    }
    let folder = match &said.origin {
        Origin::File { path, .. } => path.parent().unwrap_or(&sources.folder),
        Origin::Default | Origin::Environment(_) | Origin::Flag(_) => &sources.folder,
    };
    Some(folder.join(&said.value))
}

/// Without an own node somebody else would have to say which chain is ours.
fn own_nodes(sheet: &mut Sheet, nodes: &[NodeConfig], network: bool) {
    let key = || "node".to_owned();
    if nodes.is_empty() {
        return;
    }
    if !nodes.iter().any(|node| node.trust == Trust::Own) {
        let message = "no node is your own";
        if network {
            let message = format!("{message}: friends decide by independent families what your validators sign");
            sheet.warnings.push(Problem { origin: Origin::Default, key: key(), message });
        } else {
            let message = format!("{message}, and a friend's node never says which network is meant; set network");
            sheet.note(Origin::Default, key(), message);
        }
    }
    if nodes.iter().all(|node| node.participation == Participation::PublishOnly) {
        let message = "every node is publish-only, so nobody can be read from; let one participate in full";
        sheet.note(Origin::Default, key(), message);
    }
}
