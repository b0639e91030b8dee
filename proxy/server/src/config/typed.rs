//! What was typed: every value with its key and its origin, read option by option.
//!
//! The reader does not stop at the first mistake, as deserialising a whole file at once would: each option is taken on
//! its own, an unknown key or a wrong type is noted with a cure, and reading goes on. What was shown to mean something
//! (typed or by default) is listed for `rangelight check`, secrets masked.

use figment::value::{Dict, Value};

use super::files::Seen;
use super::options::{self, Form, Place, Row};
use super::problem::{Origin, Problem};
use super::secret::MASK;
use super::sources::Layers;
use super::spelling::{shown, suggestion};
use super::url;

/// At most so many problems are listed; whoever has more corrects these first.
const PROBLEMS_MAX: usize = 100;

/// A value with its key and where it was said.
#[derive(Clone, Debug)]
pub(super) struct Said<T> {
    /// The value.
    pub(super) value: T,
    /// Its key, like `node.attic.url`.
    pub(super) key: String,
    /// Where it was said.
    pub(super) origin: Origin,
}

/// One effective setting, for `rangelight check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key, like `node.attic.url`.
    pub key: String,
    /// Its value as shown; secrets are `***`, what is absent is empty.
    pub value: String,
    /// Where it was said.
    pub origin: Origin,
}

/// One reading in progress: the layers, and all that was noted.
pub(super) struct Sheet {
    /// What was typed, layer over layer.
    pub(super) layers: Layers,
    /// The files that were read.
    pub(super) seen: Seen,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is allowed and should be known.
    pub(super) warnings: Vec<Problem>,
    /// What holds.
    pub(super) settings: Vec<Setting>,
}

/// One table as it was typed.
#[derive(Clone)]
pub(super) struct Section {
    place: Place,
    /// Its name in problems and settings: `node.attic`; empty for the top level.
    label: String,
    /// Its path in the file: `node.1`.
    path: String,
    /// Where it begins.
    origin: Origin,
    values: Dict,
}

// === impl Sheet ===

impl Sheet {
    /// A sheet with what was noted while the layers were read.
    pub(super) fn new(layers: Layers, seen: Seen, problems: Vec<Problem>) -> Self {
        Self { layers, seen, problems, warnings: Vec::new(), settings: Vec::new() }
    }

    /// Notes that something said is wrong.
    pub(super) fn wrong<T>(&mut self, said: &Said<T>, message: impl Into<String>) {
        self.note(said.origin.clone(), said.key.clone(), message);
    }

    /// Notes a problem, up to the bound.
    pub(super) fn note(&mut self, origin: Origin, key: String, message: impl Into<String>) {
        match self.problems.len() {
            PROBLEMS_MAX => {
                let message = format!("there are more than {PROBLEMS_MAX} problems; correct these first");
                self.problems.push(Problem { origin: Origin::Default, key: String::new(), message });
            }
            0..PROBLEMS_MAX => self.problems.push(Problem { origin, key, message: message.into() }),
            _ => {}
        }
    }

    /// Shows a setting whose value was made, not typed; replaces an earlier line of the same key.
    pub(super) fn show(&mut self, key: &str, value: String, origin: Origin) {
        self.settings.retain(|setting| setting.key != key);
        self.settings.push(Setting { key: key.to_owned(), value, origin });
    }

    /// The top level. Tables are taken by [`Sheet::section`] and [`Sheet::sections`].
    pub(super) fn top(&mut self) -> Section {
        let (tables, values): (Dict, Dict) = self
            .layers
            .values
            .clone()
            .into_iter()
            .partition(|(name, _)| Place::ALL.iter().any(|place| *place != Place::Top && place.name() == name));
        self.layers.values = tables;
        let section =
            Section { place: Place::Top, label: String::new(), path: String::new(), origin: Origin::Default, values };
        self.unknown(&section);
        section
    }

    /// A table of which there is one; empty when it was not typed.
    pub(super) fn section(&mut self, place: Place) -> Section {
        let mut sections = self.sections(place);
        if sections.len() > 1 {
            let message = format!("there is one [{0}]; remove the other [[{0}]]", place.name());
            self.note(sections[1].origin.clone(), place.name().to_owned(), message);
        }
        if sections.is_empty() { Section::absent(place) } else { sections.swap_remove(0) }
    }

    /// A table of which there may be several, in the order of the file.
    pub(super) fn sections(&mut self, place: Place) -> Vec<Section> {
        let name = place.name();
        let typed = match self.layers.values.remove(name) {
            None => return Vec::new(),
            Some(Value::Array(_, list)) => list,
            Some(one) => vec![one],
        };
        let mut sections = Vec::new();
        let several = typed.len() > 1;
        for (index, value) in typed.into_iter().enumerate() {
            // A list of one was made a table when the file was read; its lines are still those of a list.
            let numbered = format!("{name}.{index}");
            let mut origin = self.layers.origin(&value, &numbered);
            let mut path = numbered;
            if matches!(origin, Origin::File { line: None, .. }) {
                name.clone_into(&mut path);
                origin = self.layers.origin(&value, name);
            }
            let label = if several { format!("{name}.{}", index + 1) } else { name.to_owned() };
            let Value::Dict(_, values) = value else {
                self.note(origin, label, format!("a table is expected; write [{name}] and its options below it"));
                continue;
            };
            let label = match values.get("name") {
                Some(Value::String(_, given)) if place == Place::Node => format!("node.{}", shown(given)),
                _ => label,
            };
            let section = Section { place, label, path, origin, values };
            self.unknown(&section);
            sections.push(section);
        }
        sections
    }

    fn unknown(&mut self, section: &Section) {
        for (name, value) in &section.values {
            if section.place.rows().any(|row| row.name == name) {
                continue;
            }
            let origin = self.layers.origin(value, &section.at(name));
            self.note(origin, section.key(&shown(name)), suggestion(section.place, name));
        }
    }
}

// === impl Section ===

impl Section {
    /// A table that was not typed.
    pub(super) fn absent(place: Place) -> Self {
        let name = place.name().to_owned();
        Self { place, label: name.clone(), path: name, origin: Origin::Default, values: Dict::new() }
    }

    /// Whether the option was typed, well or badly.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether variables made this table, one for each option (`RANGELIGHT_NODE__URL`), and the file has none.
    pub(super) fn is_of_variables(&self, sheet: &Sheet) -> bool {
        let one = format!("RANGELIGHT_{}__", self.place.name().to_ascii_uppercase());
        let origin = |value: &Value| sheet.layers.origin(value, "");
        let mut origins = self.values.values().map(origin).peekable();
        origins.peek().is_some() && origins.all(|it| matches!(it, Origin::Environment(name) if name.starts_with(&one)))
    }

    /// Notes that an option of this table is wrong, or that it is missing.
    pub(super) fn wrong(&self, sheet: &mut Sheet, name: &str, message: impl Into<String>) {
        let typed = self.values.get(name).map(|value| sheet.layers.origin(value, &self.at(name)));
        sheet.note(typed.unwrap_or_else(|| self.origin.clone()), self.key(name), message);
    }

    /// Takes an option that is one text.
    pub(super) fn text(&self, sheet: &mut Sheet, name: &str) -> Option<Said<String>> {
        let row = options::row(self.place, name);
        // A number without quotes is as good as one with them where numbers are meant.
        let number = matches!(row.form, Form::WordOrNumber(_));
        let read = |value: &Value, environment| text_of(value, environment || number && value.to_num().is_some());
        let said = self.take(sheet, row, read, row.default.map(str::to_owned))?;
        let value = if row.form == Form::Url { url::masked(&said.value) } else { said.value.clone() };
        sheet.show(&said.key, value, said.origin.clone());
        Some(said)
    }

    /// Takes an option that is a list of texts; absent = empty.
    pub(super) fn texts(&self, sheet: &mut Sheet, name: &str) -> Vec<Said<String>> {
        let read = |value: &Value, environment| match value {
            Value::Array(_, list) => list.iter().map(|value| text_of(value, environment)).collect(),
            value if environment => text_of(value, true).map(|text| vec![text]),
            _ => None,
        };
        let Some(said) = self.take(sheet, options::row(self.place, name), read, None) else { return Vec::new() };
        sheet.show(&said.key, said.value.join(", "), said.origin.clone());
        let Said { value, key, origin } = said;
        value.into_iter().map(|value| Said { value, key: key.clone(), origin: origin.clone() }).collect()
    }

    /// Takes an option that is a table of secret texts; absent = empty.
    pub(super) fn secrets(&self, sheet: &mut Sheet, name: &str) -> Vec<Said<(String, String)>> {
        let read = |value: &Value, environment| match value {
            Value::Dict(_, table) => {
                table.iter().map(|(name, value)| Some((name.clone(), text_of(value, environment)?))).collect()
            }
            _ => None,
        };
        let row = options::row(self.place, name);
        let Some(said): Option<Said<Vec<(String, String)>>> = self.take(sheet, row, read, None) else {
            return Vec::new();
        };
        let masked: Vec<String> = said.value.iter().map(|(name, _)| format!("{}: {MASK}", shown(name))).collect();
        sheet.show(&said.key, masked.join(", "), said.origin.clone());
        let Said { value, key, origin } = said;
        let one = |(name, value): (String, String)| Said {
            key: format!("{key}.{}", shown(&name)),
            value: (name, value),
            origin: origin.clone(),
        };
        value.into_iter().map(one).collect()
    }

    fn take<T>(
        &self,
        sheet: &mut Sheet,
        row: &Row,
        read: impl Fn(&Value, bool) -> Option<T>,
        default: Option<T>,
    ) -> Option<Said<T>> {
        let key = self.key(row.name);
        let Some(typed) = self.values.get(row.name) else {
            sheet.show(&key, String::new(), Origin::Default);
            return default.map(|value| Said { value, key, origin: Origin::Default });
        };
        let origin = sheet.layers.origin(typed, &self.at(row.name));
        let value = read(typed, matches!(origin, Origin::Environment(_)));
        if value.is_none() {
            let message = format!("{} is not what is expected here; write {}", kind(typed), row.form.written());
            sheet.note(origin.clone(), key.clone(), message);
        }
        value.map(|value| Said { value, key, origin })
    }

    fn key(&self, name: &str) -> String {
        if self.label.is_empty() { name.to_owned() } else { format!("{}.{name}", self.label) }
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// A text; from the environment a number or a truth value is text too, since variables have no quotes.
fn text_of(value: &Value, environment: bool) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Num(_, number) if environment => {
            let whole = number.to_u128().map(|number| number.to_string());
            whole.or_else(|| number.to_i128().map(|number| number.to_string()))
        }
        Value::Bool(_, truth) if environment => Some(truth.to_string()),
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}
