//! Tells whether the daemon makes progress: what it answers the service manager's watchdog by.
//!
//! Alive means: what was taken in moves on, and so do the results – or whatever
//! holds them up is known (the database or the broker is away), or there is nothing.

use super::{app::App, status::Counters};

/// Compares the daemon with how it was at the look before.
#[derive(Debug, Default)]
pub struct Watchdog {
    before: Option<Counters>,
}

impl Watchdog {
    /// Looks, and tells whether there was progress since the look before, or good reason for none.
    pub fn is_alive(&mut self, app: &App) -> bool {
        let now = app.status.counters();
        let Some(before) = self.before.replace(now.clone()) else {
            return true;
        };
        let lanes_move = now.batches != before.batches || now.duplicates != before.duplicates;
        let lanes_rest = app.status.under_way() == 0 || app.status.storage_fault().is_some();
        let relay_moves = now.published != before.published || now.unroutable != before.unroutable;
        let relay_rests =
            app.unpublished() == 0 || app.unready().is_some() || app.is_broker_blocked();
        (lanes_move || lanes_rest) && (relay_moves || relay_rests)
    }
}
