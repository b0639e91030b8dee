//! A Rangelight inside the test.
//!
//! It reads a real configuration file, keeps its state in the test's folder, and listens on ports that the system chose.
//! It ends with the test's runtime; [`Home::stop`] ends it properly, and gives the folder back for a next start.

use std::sync::Arc;
use std::time::Duration;

use rangelight::Rangelight;
use rangelight::config::ListenAddress;
use rangelight::limits::Limits;
use rangelight::state::State;
use rangelight_sim::World;
use serde_json::Value;

use crate::call::Caller;
use crate::folder::Folder;
use crate::wait::until;
use crate::wiring::Wiring;

/// How long a drain may take here.
const DRAIN: Duration = Duration::from_secs(8);

/// A running Rangelight.
pub struct Home {
    rangelight: Rangelight,
    folder: Folder,
    own: Caller,
    admin: Caller,
}

impl Home {
    /// Starts one in a new folder. Nodes need not answer yet.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(wiring: &Wiring) -> Self {
        Self::start_in(Folder::new(), wiring, &Limits::default())
    }

    /// Starts one over all nodes of a world, all own, and waits until it is usable.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or a node is not ready in time.
    pub async fn over(world: &World) -> Self {
        let home = Self::start(&Wiring::all_own(world));
        home.ready(world.nodes().len()).await;
        home
    }

    /// Starts one in a folder, which may hold the state of an earlier one, with other limits than usual.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start_in(folder: Folder, wiring: &Wiring, limits: &Limits) -> Self {
        let config = wiring.config(&folder);
        let state = State::open(&config.state).expect("the folder is ours alone");
        let started = Rangelight::start(&config, Some(Arc::new(state)), limits);
        let rangelight = started.unwrap_or_else(|unstarted| panic!("{unstarted}"));
        let (own, admin) =
            (Caller::of_listener(&url(&rangelight.addresses()[0])), Caller::of_admin(&url(rangelight.admin_address())));
        Self { rangelight, folder, own, admin }
    }

    /// Where the first own listener is, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.own.base()
    }

    /// Who calls the first own listener.
    #[must_use]
    pub fn own(&self) -> &Caller {
        &self.own
    }

    /// Who calls the admin listener.
    #[must_use]
    pub fn admin(&self) -> &Caller {
        &self.admin
    }

    /// The thing itself.
    #[must_use]
    pub fn rangelight(&self) -> &Rangelight {
        &self.rangelight
    }

    /// Its folder; `config.toml` and `state` are in it.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Takes over the nodes of another wiring.
    ///
    /// # Panics
    ///
    /// If it is not a good configuration.
    pub async fn rewire(&self, wiring: &Wiring) {
        self.rangelight.reconfigure(&wiring.config(&self.folder)).await;
    }

    /// `/status`.
    ///
    /// # Panics
    ///
    /// If it is not answered with 200 and JSON.
    pub async fn status(&self) -> Value {
        self.admin.get("/status").await.ok().json()
    }

    /// The tier of a node, by name; `absent` while no node of that name is known.
    #[must_use]
    pub fn tier(&self, name: &str) -> &'static str {
        let picture = self.rangelight.nodes().picture();
        let node = picture.snapshot.nodes.iter().find(|node| &*node.profile.name == name);
        node.map_or("absent", |node| node.tier.name())
    }

    /// Waits until a node has this tier.
    pub async fn until_tier(&self, name: &str, tier: &str) {
        until(&format!("{name} is {tier}"), async || self.tier(name) == tier).await;
    }

    /// Waits until so many nodes are ready and a head was told.
    pub async fn ready(&self, nodes: usize) {
        until(&format!("{nodes} nodes are ready and there is a view"), async || {
            let picture = self.rangelight.nodes().picture();
            let ready = picture.snapshot.nodes.iter().filter(|node| node.tier.name() == "ready").count();
            ready >= nodes && picture.snapshot.view.is_some()
        })
        .await;
    }

    /// The name of the node whose word moved the view last.
    #[must_use]
    pub fn leader(&self) -> Option<String> {
        let picture = self.rangelight.nodes().picture();
        let leader = picture.snapshot.view.as_ref()?.leader;
        picture.snapshot.node(leader).map(|node| node.profile.name.to_string())
    }

    /// Ends it properly; its folder, and how many publications were left.
    pub async fn stop(self) -> (Folder, usize) {
        let left = self.rangelight.drain(DRAIN).await;
        (self.folder, left)
    }
}

fn url(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => format!("http://{address}"),
        ListenAddress::Unix(path) => panic!("{} is a unix socket; connect to it by hand", path.display()),
    }
}
