//! `rangelight endpoints`: the catalogue, as a table or as JSON. Needs neither configuration nor network.

use std::process::ExitCode;

use clap::Args;
use rangelight_policy::catalogue::{self, Item};

use super::say;
use super::table::Table;

/// What can be typed after `endpoints`.
#[derive(Debug, Args)]
pub(super) struct Endpoints {
    /// Print an array of objects, with all fields.
    #[arg(long)]
    json: bool,
}

/// Prints the catalogue.
pub(super) fn run(endpoints: &Endpoints) -> ExitCode {
    match endpoints.json {
        true => {
            let items: Vec<Item> = catalogue::items().collect();
            say(&serde_json::to_string_pretty(&items).expect("plain values have a JSON form"));
        }
        false => say(&table().to_string()),
    }
    ExitCode::SUCCESS
}

fn table() -> Table {
    let headings = ["operation", "method", "path", "strategy", "scope", "deadline", "media types", "note"];
    let mut table = Table::new(&headings);
    for item in catalogue::items() {
        let strategy = if item.view { format!("{}, view", item.strategy) } else { item.strategy.to_owned() };
        let types = |types: &[&str]| types.join(" ");
        let media = match item.media_types.request {
            [] => types(item.media_types.answer),
            request => format!("{} -> {}", types(request), types(item.media_types.answer)),
        };
        table.row([
            item.operation.to_owned(),
            item.method.to_owned(),
            item.path.to_owned(),
            strategy,
            item.scope.to_owned(),
            item.deadline,
            media,
            item.note.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_each_operation() {
        let text = table().to_string();
        assert_eq!(text.lines().count(), 1 + catalogue::items().count());
        let line = text.lines().find(|line| line.starts_with("publish_attestations_v2 ")).expect("a known operation");
        for part in ["POST", "/eth/v2/beacon/pool/attestations", "broadcast", "submit", " -> application/json"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}
