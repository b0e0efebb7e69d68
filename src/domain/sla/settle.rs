//! What time brings to a clock that runs: warnings, the breach, the levels after it.
//!
//! Each is noted at its own instant, however late somebody looks. Of warnings that were crossed
//! at once only the highest is given, and none beside the breach itself.

use super::{ClockState, TransitionKind, WarnAt, clock::breach_of, step::Stepping};
use crate::domain::time::{Span, Timestamp};

impl Stepping<'_> {
    /// Notes all that time has brought until an instant. Of a paused clock, nothing.
    pub(super) fn settle(&mut self, until: Timestamp) {
        if self.clock.state != ClockState::Running {
            return;
        }
        self.settle_breach(until);
        if self.clock.breach.is_none() {
            self.settle_warnings(until);
        }
        while let Some((level, at)) = self.next_level().filter(|(_, at)| *at <= until) {
            self.fire(level, at);
        }
    }

    /// Gives when to look next.
    pub(super) fn wake(&self) -> Option<Timestamp> {
        if self.clock.state != ClockState::Running {
            return None;
        }
        if self.clock.breach.is_some() {
            return self.next_level().map(|(_, at)| at);
        }
        let warnings = self.warnings().into_iter().map(|(_, _, at)| at);
        warnings.chain([breach_of(self.clock.due_at)]).min()
    }

    /// Lets no warning follow that the breach overtakes.
    pub(super) fn overtake_warnings(&mut self) {
        let warnings = self.warnings();
        let overtaken = warnings.into_iter().map(|(_, warn, _)| warn);
        self.clock.warned.extend(overtaken);
    }

    fn settle_warnings(&mut self, until: Timestamp) {
        let crossed = self.warnings();
        let crossed = crossed.into_iter().filter(|(_, _, at)| *at <= until);
        let mut highest = None;
        for (threshold, warn, at) in crossed {
            self.clock.warned.insert(warn);
            highest = highest.max(Some((threshold, at, warn)));
        }
        if let Some((_, at, warn)) = highest {
            self.note(TransitionKind::Warning(warn), at);
        }
    }

    /// Gives the warnings that are not given yet: how much is used up then, which, and when.
    fn warnings(&self) -> Vec<(Span, WarnAt, Timestamp)> {
        let clock = &self.clock;
        let open = self.terms.policy.warn_at.iter();
        let open = open.filter(|warn| !clock.warned.contains(warn));
        open.filter_map(|warn| {
            let threshold = warn.threshold(clock.target)?;
            Some((threshold, *warn, self.used_up_at(threshold)))
        })
        .collect()
    }

    /// Gives when a running clock has so much used up; not before its last change.
    pub(super) fn used_up_at(&self, consumed: Span) -> Timestamp {
        let left = consumed.micros() - self.clock.consumed.micros();
        let left = Span::from_micros(left.max(0));
        self.terms.calendar.due(self.clock.since, left)
    }
}
