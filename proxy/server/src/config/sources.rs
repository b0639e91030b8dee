//! The layers of the configuration: file, environment, flags, each over the one before it.
//!
//! figment lays them over each other and remembers for every value which layer said it; every variable and every flag
//! is a layer of its own, so that a problem can name it. The line in the file comes from a second look at the same
//! text, since figment keeps no positions.
//!
//! Three points where plain overlaying would surprise. A table of the environment over *several* `[[listen]]` or
//! `[[node]]` would replace them all, tokens included: that is a problem and not a layer (over exactly one it merges).
//! An empty variable counts as absent, since that is how Compose files spell "not set". Variables which Kubernetes puts
//! into every container beside a service called `rangelight` are not ours and are passed over; any other unknown
//! `RANGELIGHT_…` is a problem like an unknown key.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use toml_edit::{ImDocument, Item};

use super::files::{CONFIG_MAX, Seen};
use super::mistake;
use super::problem::{Origin, Problem};

/// Variables of ours that are no options: where the file is, how to log, and what tests use.
const NOT_OPTIONS: &[&str] = &["CONFIG", "LOG", "SEED", "BLESS"];

/// A variable's value may nest this deep; a list of nodes with headers needs 3. Its parser recurses.
const DEPTH_MAX: usize = 8;

/// Everything a configuration can be read from. Holds no `Debug`: the environment may carry secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// What the command line says.
    pub overrides: Overrides,
    /// The process environment, or what a test puts in its place.
    pub environment: HashMap<String, String>,
    /// The folder the program was started in.
    pub folder: PathBuf,
    /// The file looked for last.
    pub system_file: PathBuf,
}

/// What the command line can override.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// `--listen ADDRESS`.
    pub listen: Option<String>,
}

/// All layers laid over each other.
pub(super) struct Layers {
    /// The file that was read.
    pub(super) file: Option<Arc<Path>>,
    /// What was typed.
    pub(super) values: Dict,
    figment: Figment,
    lines: Lines,
}

/// The line of every key of the file, by its path: `node.1.url`.
#[derive(Default)]
struct Lines(HashMap<String, usize>);

/// One layer for figment: one file, one variable or one flag.
struct Layer {
    metadata: Metadata,
    values: Dict,
}

// === impl Sources ===

impl Sources {
    /// The sources of this process. Variables that are no text (UTF-8) are read with replacement characters.
    #[must_use]
    pub fn of_process(overrides: Overrides) -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        Self {
            overrides,
            environment: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            system_file: PathBuf::from("/etc/rangelight/config.toml"),
        }
    }

    /// A variable, unless it is absent or empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The files to look at in order, each with whether it was asked for by name.
    fn candidates(&self) -> Vec<(PathBuf, Option<Origin>)> {
        if let Some(file) = &self.overrides.config {
            return vec![(self.folder.join(file), Some(Origin::Flag("--config".into())))];
        }
        if let Some(file) = self.variable("RANGELIGHT_CONFIG") {
            return vec![(self.folder.join(file), Some(Origin::Environment("RANGELIGHT_CONFIG".into())))];
        }
        vec![(self.folder.join("config.toml"), None), (self.system_file.clone(), None)]
    }

    /// Reads every layer, leaving out those with a problem.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or parsed: without it every further problem would be noise.
    pub(super) fn layers(&self, seen: &mut Seen) -> Result<(Layers, Vec<Problem>), Problem> {
        let mut problems = Vec::new();
        let mut figment = Figment::new();
        let mut lines = Lines::default();
        let mut file = None;
        for (path, asked) in self.candidates() {
            let content = seen.read(&path, CONFIG_MAX);
            if asked.is_none() && !path.exists() {
                continue;
            }
            let path: Arc<Path> = path.into();
            let origin = asked.unwrap_or(Origin::File { path: Arc::clone(&path), line: None });
            let text = content.map_err(|message| problem(origin, message))?;
            let (values, of_file) = parse(&path, &text)?;
            let metadata = Metadata::from("file", Source::File(path.to_path_buf()));
            figment = figment.merge(Layer { metadata, values });
            lines = of_file;
            file = Some(path);
            break;
        }
        for layer in self.variables(&mut problems).into_iter().chain(self.overrides.layer()) {
            match clash(&figment, &layer) {
                Some(problem) => problems.push(problem),
                None => figment = figment.merge(layer),
            }
        }
        // Our layers cannot fail: each is a value that was made before.
        let mut profiles = figment.data().map_err(|error| problem(Origin::Default, error.kind.to_string()))?;
        let values = profiles.remove(&Profile::Default).unwrap_or_default();
        Ok((Layers { file, values, figment, lines }, problems))
    }

    fn variables(&self, problems: &mut Vec<Problem>) -> Vec<Layer> {
        let mut names: Vec<&String> = self.environment.keys().collect();
        names.sort();
        let mut layers = Vec::new();
        for name in names {
            let Some((option, text)) = name.strip_prefix("RANGELIGHT_").zip(self.variable(name)) else { continue };
            if NOT_OPTIONS.contains(&option) || is_kubernetes(option, text) {
                continue;
            }
            if depth(text) > DEPTH_MAX {
                let message = format!("the value nests deeper than {DEPTH_MAX} brackets; write it in the file");
                problems.push(problem(Origin::Environment(name.as_str().into()), message));
                continue;
            }
            // Parsing a value never fails: what is nothing else is text.
            let value = text.parse::<Value>().unwrap_or_else(|never| match never {});
            let path = option.to_ascii_lowercase().replace("__", ".");
            layers.push(Layer::one(name, "environment", &path, value));
        }
        layers
    }
}

/// `RANGELIGHT_SERVICE_HOST`, `RANGELIGHT_METRICS_PORT_80_TCP_ADDR` and their like (Kubernetes, and Docker's links).
fn is_kubernetes(option: &str, text: &str) -> bool {
    let service = |end: &str| option.split_once(end).is_some_and(|(name, _)| name.is_empty() || name.ends_with('_'));
    let numbered = |(_, port): (&str, &str)| port.starts_with(|c: char| c.is_ascii_digit());
    service("SERVICE_HOST")
        || service("SERVICE_PORT")
        || service("PORT") && (text.starts_with("tcp://") || text.starts_with("udp://"))
        || option.split_once("PORT_").is_some_and(numbered)
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in text.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A single table over several would replace them all without a word.
fn clash(figment: &Figment, layer: &Layer) -> Option<Problem> {
    let (table, _) = layer.values.iter().find(|(_, value)| matches!(value, Value::Dict(..)))?;
    let Ok(Value::Array(_, there)) = figment.find_value(table) else { return None };
    let message = format!(
        "there are {} [[{table}]], and this names none of them; say it in the file, or replace them all by one variable",
        there.len()
    );
    Some(Problem { origin: origin(&layer.metadata), key: table.clone(), message })
}

fn problem(origin: Origin, message: String) -> Problem {
    Problem { origin, key: String::new(), message }
}

fn origin(metadata: &Metadata) -> Origin {
    match &metadata.source {
        Some(Source::File(path)) => Origin::File { path: path.as_path().into(), line: None },
        Some(Source::Custom(kind)) if kind == "environment" => Origin::Environment(metadata.name.as_ref().into()),
        Some(Source::Custom(_)) => Origin::Flag(metadata.name.as_ref().into()),
        _ => Origin::Default,
    }
}

/// Reads the file's text. A list of one `[[listen]]` or `[[node]]` becomes a table, so that later layers merge into it.
fn parse(path: &Arc<Path>, text: &str) -> Result<(Dict, Lines), Problem> {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line_at = |offset: usize| 1 + ends.partition_point(|end| *end < offset);
    let bad = |span: Option<std::ops::Range<usize>>, message: &str| {
        let line = span.as_ref().map(|span| line_at(span.start));
        let origin = Origin::File { path: Arc::clone(path), line };
        let (place, cure) = span.map_or_else(Default::default, |span| mistake::place(text, span.start, message));
        let cure = if cure.is_empty() { "correct the line" } else { cure };
        problem(origin, format!("this is not TOML{place}: {}; {cure}", message.trim().replace('\n', ", ")))
    };
    let document = ImDocument::parse(text).map_err(|error| bad(error.span(), error.message()))?;
    let mut values: Dict = Toml::from_str(text).map_err(|error| bad(error.span(), error.message()))?;
    for table in ["listen", "node"] {
        if let Some(value) = values.get_mut(table)
            && let Value::Array(_, list) = value
            && list.len() == 1
            && let Some(only) = list.pop()
        {
            *value = only;
        }
    }
    let mut lines = Lines::default();
    lines.collect(document.as_item(), "", &line_at);
    Ok((values, lines))
}

// === impl Overrides, Layer, Layers, Lines ===

impl Overrides {
    fn layer(&self) -> Option<Layer> {
        self.listen.as_deref().map(|address| Layer::one("--listen", "flag", "listen.address", Value::from(address)))
    }
}

impl Layer {
    fn one(name: &str, kind: &'static str, path: &str, value: Value) -> Self {
        let metadata = Metadata::from(name.to_owned(), kind);
        let values = figment::util::nest(path, value).into_dict().unwrap_or_default();
        Self { metadata, values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layers {
    /// Where a value was said; `path` finds its line.
    pub(super) fn origin(&self, value: &Value, path: &str) -> Origin {
        match self.figment.get_metadata(value.tag()).map(origin) {
            Some(Origin::File { path: file, .. }) => Origin::File { path: file, line: self.lines.0.get(path).copied() },
            Some(origin) => origin,
            None => Origin::Default,
        }
    }
}

impl Lines {
    fn collect(&mut self, item: &Item, path: &str, line_at: &impl Fn(usize) -> usize) {
        let mut below = |key: &str, span: Option<std::ops::Range<usize>>, item: &Item| {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            if let Some(span) = span {
                self.0.insert(path.clone(), line_at(span.start));
            }
            self.collect(item, &path, line_at);
        };
        if let Some(table) = item.as_table_like() {
            for (name, item) in table.iter() {
                let key = table.get_key_value(name).and_then(|(key, _)| key.span());
                below(name, key.or(item.span()), item);
            }
        } else if let Some(tables) = item.as_array_of_tables() {
            for (index, table) in tables.iter().enumerate() {
                below(&index.to_string(), table.span(), &Item::Table(table.clone()));
            }
        } else if let Some(array) = item.as_array() {
            for (index, value) in array.iter().enumerate() {
                below(&index.to_string(), value.span(), &Item::Value(value.clone()));
            }
        }
    }
}
