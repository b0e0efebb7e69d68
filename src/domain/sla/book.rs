//! The terms that clocks go by: a policy and its calendar, of the version that a clock pinned.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SlaPolicy;
use crate::domain::calendar::{Calendar, CalendarFault, CalendarSpec};

/// What a clock holds on to from its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// The name of the `sla` rule, or of the rule that asked for the approval.
    pub policy: String,
    /// The version of the policy.
    pub policy_version: String,
    /// The calendar's name.
    pub calendar: String,
    /// The calendar's version.
    pub calendar_version: String,
    /// The version of the time zone data by which it was last counted.
    pub zone_data: String,
}

/// A policy and its calendar.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The policy.
    pub policy: Arc<SlaPolicy>,
    /// Its calendar.
    pub calendar: Arc<Calendar>,
}

/// Terms as they are written and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsSpec {
    /// The policy.
    pub policy: SlaPolicy,
    /// Its calendar.
    pub calendar: CalendarSpec,
}

impl TermsSpec {
    /// Compiles the calendar.
    ///
    /// *Errors*: its time zone is none.
    pub fn compile(self) -> Result<Terms, CalendarFault> {
        Ok(Terms {
            policy: Arc::new(self.policy),
            calendar: Arc::new(Calendar::compile(self.calendar)?),
        })
    }
}

impl Terms {
    /// Gives them as they are kept.
    pub fn spec(&self) -> TermsSpec {
        TermsSpec {
            policy: (*self.policy).clone(),
            calendar: self.calendar.spec().clone(),
        }
    }

    /// Gives what a clock that goes by these terms holds on to.
    pub fn pin(&self) -> Pin {
        Pin {
            policy: self.policy.name.clone(),
            policy_version: self.policy.version.clone(),
            calendar: self.calendar.name().to_owned(),
            calendar_version: self.calendar.version().to_owned(),
            zone_data: self.calendar.zone_data().to_owned(),
        }
    }

    /// Tells whether they are those that a clock holds on to, whatever the zone data was then.
    pub fn fit(&self, pin: &Pin) -> bool {
        self.policy.name == pin.policy
            && self.policy.version == pin.policy_version
            && self.calendar.name() == pin.calendar
            && self.calendar.version() == pin.calendar_version
    }
}

/// All terms that a decision may need.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// The terms of today's policy for the thing at hand; `None`: nothing is promised.
    pub current: Option<Terms>,
    /// Those of earlier versions that running clocks hold on to.
    pub pinned: Vec<Terms>,
}

/// The terms of a clock are not in the book: they are to be loaded, and it is to be asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the terms `{}` of version `{}` are not loaded", .0.policy, .0.policy_version)]
pub struct MissingTerms(pub Pin);

impl Book {
    /// Gives the terms that a clock holds on to, whatever the zone data was then.
    ///
    /// *Errors*: [`MissingTerms`], with which to load.
    pub fn terms(&self, pin: &Pin) -> Result<&Terms, MissingTerms> {
        let mut known = self.current.iter().chain(&self.pinned);
        known
            .find(|terms| terms.fit(pin))
            .ok_or_else(|| MissingTerms(pin.clone()))
    }
}
