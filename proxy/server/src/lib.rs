//! The roof: builds the parts in order, starts them, drains them.
//!
//! The floors, from the ground up. A module imports only from floors below its own, from modules further left on its
//! own, or from its own folder (`tests/suite/shape.rs` fails on an upward import):
//!
//! | floor | modules |
//! |---|---|
//! | ground | [`time`], [`limits`], [`reply`], [`config`], [`state`] |
//! | edges | [`evidence`], [`observe`], [`connection`], [`body`], [`budget`], [`nodes`] |
//! | flow | [`guard`], [`gateway`], [`memo`], [`dispatch`], [`stream`], [`stable`] |
//! | assembly | [`service`], [`answers`], [`standing`], [`listen`], [`admin`] |
//! | roof | this file, [`cli`] |

use std::sync::Arc;
use std::time::Duration;

use rangelight_policy::network::NetworkChoice;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::Admin;
use crate::answers::{Answers, House, Story};
use crate::budget::Budget;
use crate::config::{Config, ListenAddress};
use crate::gateway::{Gateway, Rules};
use crate::guard::Guard;
use crate::limits::Limits;
use crate::listen::{Bound, Listener, Unbound};
use crate::nodes::Nodes;
use crate::nodes::exchange::Desk;
use crate::nodes::keeper::Keeper;
use crate::nodes::network::{Chart, Unsettled};
use crate::observe::Meters;
use crate::service::Service;
use crate::stable::Stable;
use crate::standing::{Standing, Teller};
use crate::state::State;
use crate::stream::Stream;

pub mod admin;
pub mod answers;
pub mod body;
pub mod budget;
pub mod cli;
pub mod config;
pub mod connection;
pub mod dispatch;
pub mod evidence;
pub mod gateway;
pub mod guard;
pub mod limits;
pub mod listen;
pub mod memo;
pub mod nodes;
pub mod observe;
pub mod reply;
pub mod service;
pub mod stable;
pub mod standing;
pub mod state;
pub mod stream;
pub mod time;

/// What was said last is written in this time, even if the drain took all of its own.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// A Rangelight that listens.
pub struct Rangelight {
    bound: Bound,
    own: usize,
    house: Arc<House>,
    nodes: Nodes,
    keeper: JoinHandle<Result<(), Unsettled>>,
    standing: Standing,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum Unstarted {
    /// Addresses that cannot be bound, all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Unbound(Vec<Unbound>),
    /// `network` names nothing that is known.
    #[error("{0}")]
    Network(#[from] rangelight_policy::chain::Malformed),
}

impl Rangelight {
    /// Builds everything and listens. Nodes need not answer yet.
    ///
    /// # Errors
    /// If an address cannot be bound; then nothing was started.
    pub fn start(config: &Config, state: Option<Arc<State>>, limits: &Limits) -> Result<Self, Unstarted> {
        let choice = config.network.as_ref().map(config::NetworkChoice::policy).transpose()?;
        let meters = Arc::new(Meters::new());
        let draining = watch::Sender::new(false);
        let stream = Arc::new(Stream::new(draining.subscribe(), Arc::clone(&meters)));
        let guard = Arc::new(Guard::open(&config.guard, state.as_deref(), &meters));
        let (keeper, nodes) = Keeper::new(Chart::new(choice, state.clone()), stream.clone(), Arc::clone(&meters));
        let desk = Desk { nodes: nodes.clone(), budget: Arc::new(Budget::default()), meters };
        let stable = Stable::new(nodes.clone());
        let house = Arc::new(House::new(desk, stable, stream, Story::default(), config.mode, guard));
        house.books().blocks.pin(&config.fee_recipients);
        let teller = Teller::new(Arc::clone(&house), state);
        house.books().agreement.settings = config.attestation;
        let bound = listen::start(listeners(config, &house, limits), limits, draining).map_err(Unstarted::Unbound)?;
        let keeper = tokio::spawn(keeper.run(config.nodes.clone()));
        let standing = teller.start();
        Ok(Self { bound, own: config.listens.len(), house, nodes, keeper, standing })
    }

    /// Where validator clients connect; ports 0 are replaced by those that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.bound.addresses()[..self.own]
    }

    /// Where the admin listener is.
    #[must_use]
    pub fn admin_address(&self) -> &ListenAddress {
        &self.bound.addresses()[self.own]
    }

    /// The door to the nodes.
    #[must_use]
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Takes over the nodes of another configuration, the fee recipients, and how nodes must agree. Listeners, mode and
    /// network stay as they were started.
    pub async fn reconfigure(&self, config: &Config) {
        self.house.books().blocks.pin(&config.fee_recipients);
        self.house.books().agreement.settings = config.attestation;
        self.nodes.configure(config.nodes.clone()).await;
    }

    /// Waits for the one failure that ends a running Rangelight: own nodes on different networks at the first start.
    pub async fn failed(&mut self) -> String {
        match (&mut self.keeper).await {
            Ok(Err(unsettled)) => unsettled.to_string(),
            Ok(Ok(())) => "the keeper of the nodes ended".to_owned(),
            Err(bug) => format!("the keeper of the nodes ended by a bug: {bug}"),
        }
    }

    /// Ends: event streams first, then requests in flight, then publications that still run; `patience` for the last.
    /// Returns how many publications did not end in time; they are logged by operation and node.
    pub async fn drain(self, patience: Duration) -> usize {
        let begun = tokio::time::Instant::now();
        self.bound.drain().await;
        let left = patience.saturating_sub(begun.elapsed());
        let done = timeout(left, self.house.published()).await.is_ok();
        self.standing.end(patience.saturating_sub(begun.elapsed()).max(LAST_WRITE)).await;
        let left = patience.saturating_sub(begun.elapsed());
        // A disk that does not answer any more must not keep us; what it has not taken is not durable either way.
        let _ = timeout(left.max(LAST_WRITE), self.house.guard.close()).await;
        self.keeper.abort();
        if !self.keeper.is_finished() {
            // The state folder is free again when this returns.
            let _ = self.keeper.await;
        }
        if done {
            return 0;
        }
        let left = self.house.publishing();
        observe::publications_cut(left, &self.house.desk.meters.under_way.left());
        left
    }
}

fn listeners(config: &Config, house: &Arc<House>, limits: &Limits) -> Vec<Listener> {
    let mut seats = Vec::new();
    let mut listeners = Vec::new();
    for listen in &config.listens {
        let gateway = Gateway::new(Rules::from(listen), limits);
        seats.push(Arc::clone(gateway.seats()));
        let answers = Arc::new(Answers::new(Arc::clone(house), listen.budget));
        let front = Arc::new(Service::new(gateway, answers, limits));
        listeners.push(Listener { address: listen.address.clone(), front });
    }
    let gateway = Gateway::new(Rules::from(&config.admin), limits);
    let front = Arc::new(Service::new(gateway, Arc::new(Admin::new(Arc::clone(house), seats)), limits));
    listeners.push(Listener { address: config.admin.address.clone(), front });
    listeners
}

impl config::NetworkChoice {
    /// The same in policy's words.
    pub(crate) fn policy(&self) -> Result<NetworkChoice, rangelight_policy::chain::Malformed> {
        match self {
            Self::Named(name) => name.parse(),
            Self::Root(root) => Ok(NetworkChoice(*root)),
        }
    }
}
