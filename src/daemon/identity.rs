//! Which row of the table of daemons is this one's; it changes hands when the daemon was silent too long.

use std::sync::{Mutex, PoisonError};

use crate::store::Registration;

/// This daemon's row.
#[derive(Debug)]
pub(super) struct Identity {
    held: Mutex<Registration>,
}

impl Identity {
    /// Begins with a registration.
    pub(super) fn new(held: Registration) -> Self {
        Self {
            held: Mutex::new(held),
        }
    }

    /// Gives the registration.
    pub(super) fn held(&self) -> Registration {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on under another one.
    pub(super) fn hold(&self, registration: Registration) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = registration;
    }
}
