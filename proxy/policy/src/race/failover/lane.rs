//! One candidate of a failover and how far it got.
//!
//! A lane knows its own moments and nothing of the others; what they mean together is the race's to say.

use std::time::Duration;

use crate::node::{Tier, Trust};
use crate::race::{Candidate, Verdict};

/// One candidate and how far it got.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) candidate: Candidate,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    Unasked,
    Asked { at: Duration, lost: bool },
    Ended { at: Duration, verdict: Verdict },
}

impl Lane {
    pub(super) fn is_own(&self) -> bool {
        self.candidate.trust == Trust::Own
    }

    pub(super) fn is_there(&self) -> bool {
        self.candidate.tier != Tier::Away
    }

    /// An own node that was ready and may still answer, or has answered in earnest.
    pub(super) fn holds_the_reserve(&self) -> bool {
        let failed = matches!(self.stage, Stage::Ended { verdict: Verdict::Bad, .. } | Stage::Asked { lost: true, .. });
        self.is_own() && self.candidate.tier == Tier::Ready && !failed
    }

    pub(super) fn is_unasked(&self) -> bool {
        matches!(self.stage, Stage::Unasked)
    }

    pub(super) fn ended(&self) -> Option<&Verdict> {
        match &self.stage {
            Stage::Ended { verdict, .. } => Some(verdict),
            Stage::Unasked | Stage::Asked { .. } => None,
        }
    }

    /// When its answer is or was overdue; `None` if it is not waited for.
    pub(super) fn overdue_at(&self) -> Option<Duration> {
        match self.stage {
            Stage::Asked { at, lost: false } => Some(at + self.candidate.hedge_after),
            Stage::Asked { lost: true, .. } | Stage::Unasked | Stage::Ended { .. } => None,
        }
    }

    pub(super) fn is_fresh(&self, elapsed: Duration) -> bool {
        self.overdue_at().is_some_and(|at| elapsed < at)
    }
}
