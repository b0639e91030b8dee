//! News for races: what changed in the picture of the nodes while a race runs.

use std::collections::VecDeque;
use std::sync::Arc;

use rangelight_policy::node::{Snapshot, Tier};
use rangelight_policy::race::Note;
use tokio::sync::watch;

use crate::dispatch::News;
use crate::nodes::Picture;

/// Compares each new picture with the one before.
pub(super) struct PictureNews {
    watch: watch::Receiver<Arc<Picture>>,
    before: Arc<Picture>,
    waiting: VecDeque<Note>,
}

impl PictureNews {
    /// News since `before`.
    #[must_use]
    pub(super) fn new(watch: watch::Receiver<Arc<Picture>>, before: Arc<Picture>) -> Self {
        Self { watch, before, waiting: VecDeque::new() }
    }
}

impl News for PictureNews {
    async fn next(&mut self) -> Option<Note> {
        loop {
            if let Some(note) = self.waiting.pop_front() {
                return Some(note);
            }
            self.watch.changed().await.ok()?;
            let now = Arc::clone(&self.watch.borrow_and_update());
            self.waiting.extend(notes(&self.before.snapshot, &now.snapshot));
            self.before = now;
        }
    }
}

/// What a race may want to know of the difference.
fn notes(before: &Snapshot, now: &Snapshot) -> Vec<Note> {
    let is_lost = |tier: Tier| matches!(tier, Tier::Away | Tier::Foreign);
    let lost = before.nodes.iter().filter(|node| !is_lost(node.tier)).filter(|node| {
        let id = node.profile.id;
        now.node(id).is_none_or(|node| is_lost(node.tier))
    });
    let mut notes: Vec<Note> = lost.map(|node| Note::NodeLost(node.profile.id)).collect();
    if let Some(view) = &now.view
        && before.view.as_ref().is_none_or(|before| before.root != view.root)
    {
        notes.push(Note::ViewMoved(view.slot, view.root));
    }
    notes
}
