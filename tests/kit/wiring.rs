//! A configuration, as a person would type it.
//!
//! Listeners are on port 0 unless said otherwise, state is in the test's folder. What has no method here is added as
//! TOML lines, so that the wiring knows few options and can express all.

use std::collections::HashMap;
use std::fmt::Write;

use rangelight::config::{self, Config, Overrides, Sources};
use rangelight_sim::World;

use crate::folder::Folder;

/// A configuration in the making.
#[derive(Clone, Debug)]
pub struct Wiring {
    top: String,
    listen: String,
    admin: String,
    block: String,
    nodes: String,
}

impl Default for Wiring {
    fn default() -> Self {
        Self::new()
    }
}

impl Wiring {
    /// No nodes.
    #[must_use]
    pub fn new() -> Self {
        let address = "address = \"127.0.0.1:0\"\n";
        let (listen, admin) = (address.to_owned(), address.to_owned());
        Self { top: String::new(), listen, admin, block: String::new(), nodes: String::new() }
    }

    /// All nodes of a world as own ones.
    #[must_use]
    pub fn all_own(world: &World) -> Self {
        world.nodes().iter().fold(Self::new(), |wiring, node| wiring.own(&node.spec.name, &node.url()))
    }

    /// These nodes of a world as own ones, and all others as friends', each of an operator of his own.
    #[must_use]
    pub fn own_and_friends(world: &World, own: &[&str]) -> Self {
        world.nodes().iter().fold(Self::new(), |wiring, node| {
            let name = node.spec.name.as_str();
            if own.contains(&name) { wiring.own(name, &node.url()) } else { wiring.friend(name, &node.url()) }
        })
    }

    /// Adds an own node.
    #[must_use]
    pub fn own(self, name: &str, url: &str) -> Self {
        self.node(name, url, "trust = \"own\"")
    }

    /// Adds a friend's node, of an operator of the same name.
    #[must_use]
    pub fn friend(self, name: &str, url: &str) -> Self {
        self.node(name, url, &format!("trust = \"friend\"\noperator = \"{name}\""))
    }

    /// Adds a node with any further lines.
    #[must_use]
    pub fn node(mut self, name: &str, url: &str, lines: &str) -> Self {
        let _ = write!(self.nodes, "\n[[node]]\nname = \"{name}\"\nurl = \"{url}\"\n{lines}\n");
        self
    }

    /// Adds lines before the first table: `mode = "observe"`, `network = "…"`.
    #[must_use]
    pub fn top(mut self, lines: &str) -> Self {
        self.top.push_str(lines);
        self.top.push('\n');
        self
    }

    /// Replaces the lines of `[listen]`.
    #[must_use]
    pub fn listen(mut self, lines: &str) -> Self {
        self.listen = format!("{lines}\n");
        self
    }

    /// Replaces the lines of `[admin]`.
    #[must_use]
    pub fn admin(mut self, lines: &str) -> Self {
        self.admin = format!("{lines}\n");
        self
    }

    /// Pins whom blocks may pay.
    #[must_use]
    pub fn pay(mut self, address: &str) -> Self {
        self.block = format!("\n[block]\nfee_recipients = [\"{address}\"]\n");
        self
    }

    /// The file.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { top, listen, admin, block, nodes } = self;
        format!("state = \"state\"\n{top}\n[listen]\n{listen}\n[admin]\n{admin}{block}{nodes}")
    }

    /// Writes it into the folder and reads it as `rangelight run` would, with an empty environment.
    ///
    /// # Panics
    ///
    /// If it is not a good configuration.
    #[must_use]
    pub fn config(&self, folder: &Folder) -> Config {
        folder.write("config.toml", &self.text());
        let sources = Sources {
            overrides: Overrides::default(),
            environment: HashMap::from([("STATE_DIRECTORY".into(), folder.path().display().to_string())]),
            folder: folder.path().to_owned(),
            system_file: folder.path().join("no-such.toml"),
        };
        match config::load(&sources) {
            Ok(loaded) => loaded.config,
            Err(problems) => panic!("{problems}\n\n{}", self.text()),
        }
    }
}
