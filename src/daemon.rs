//! The running whole: intake, batches, dispatch, schedules, reloads, life and death.
//!
//! Reading order: [`intake`] takes inputs in, a [`lane`] gathers them, [`batch`]
//! carries one batch to its commit ([`round`] decides it, [`seal`] gives it its
//! rows), [`relay`] and [`publish`] bring the results out. [`App`] is what HTTP
//! and the command line see of it; [`lifecycle`] starts and ends it.

mod app;
mod assemble;
mod batch;
mod bearing;
mod beat;
mod confirm;
mod consume;
mod crash_point;
mod dispatch;
mod erase;
mod gather;
#[cfg(test)]
mod governed;
mod identity;
mod intake;
mod lane;
mod lifecycle;
mod mappings;
#[cfg(test)]
mod model;
mod outgoing;
mod persons;
mod poster;
mod procedures;
#[cfg(test)]
mod promises;
mod publish;
mod relay;
mod reload;
mod repin;
mod reports;
mod rerun;
mod retention;
mod round;
mod schedule;
mod seal;
mod sealer;
mod status;
mod terms;
mod timers;
mod trial;
mod waiting;
mod watch;
mod watchdog;

pub use app::{App, Loaded, ParkedFault};
pub use erase::{EraseFault, Erased};
pub use intake::{Intake, Receipt, SubmitError, Taken};
pub use lifecycle::{Running, StartError, start};
pub use mappings::Mappings;
pub use reload::{Bundle, CODES, Folders, InForce, ReloadFault, Reloaded, Ruling, settings};
pub use repin::{Moved, RepinFault, RepinWish, Repinned};
pub use reports::{Asked as ReportAsked, REPORTS, Report, ReportFault, digest, report};
pub use rerun::{Migrated, MigrationFault, MigrationWish, Replayed};
pub use status::{Counters, Status};
pub use trial::TrialFault;
pub use watchdog::Watchdog;
