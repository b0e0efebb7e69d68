//! The levels of a breach that lasts.
//!
//! Until the first one fires they are those of the terms; then they are frozen, so that no new
//! policy changes an escalation under way. While a clock is paused no level fires.

use super::{Level, LevelTime, TransitionKind, step::Stepping};
use crate::domain::time::{Span, Timestamp};

impl Stepping<'_> {
    /// Gives the next level that fires if nobody sees to it: its place, and when.
    pub(super) fn next_level(&self) -> Option<(usize, Timestamp)> {
        let chain = &self.clock.chain;
        if chain.is_stopped {
            return None;
        }
        let levels = self.levels().iter().enumerate();
        let times = levels.filter_map(|(index, level)| {
            let fired = chain.fired.get(index).copied().unwrap_or(0);
            (fired <= level.repeat)
                .then(|| self.level_at(level, fired + 1))?
                .map(|at| (at, index))
        });
        times.min().map(|(at, index)| (index, at))
    }

    fn levels(&self) -> &[Level] {
        if self.clock.chain.levels.is_empty() {
            &self.terms.policy.levels
        } else {
            &self.clock.chain.levels
        }
    }

    /// Gives when a level fires for the so manieth time.
    fn level_at(&self, level: &Level, time: u32) -> Option<Timestamp> {
        let breach = self.clock.breach?;
        let after = level.after.micros().saturating_mul(i64::from(time));
        let at = match level.time {
            LevelTime::Wall => breach.at.plus(Span::from_micros(after)),
            LevelTime::Business => {
                let consumed = breach.consumed.micros().saturating_add(after);
                self.used_up_at(Span::from_micros(consumed))
            }
        };
        Some(at.max(breach.at).max(self.clock.since))
    }

    pub(super) fn fire(&mut self, index: usize, at: Timestamp) {
        if self.clock.chain.levels.is_empty() {
            self.clock
                .chain
                .levels
                .clone_from(&self.terms.policy.levels);
        }
        let count = self.clock.chain.levels.len();
        let fired = &mut self.clock.chain.fired;
        fired.resize(count.max(fired.len()), 0);
        fired[index] += 1;
        let time = fired[index];
        let level = u32::try_from(index + 1).unwrap_or(u32::MAX);
        self.note(TransitionKind::Escalated { level, time }, at);
    }
}
