//! The workbench: `decide` with other hands around it.
//!
//! What the people who write rules work with: [`cases`] (events in, expected
//! effects out, a clock that moves), [`check`] (faults with their source line and
//! a caret), [`explain`] (why each rule fired or did not), [`simulate`] and [`scenarios`] (procedures
//! by a script, and what must come of it). Nothing here touches a
//! database or a broker: the world is in memory, and every answer comes from the
//! same `decide` that the daemon commits. Called by `crate::cli`, and by the
//! daemon before it swaps a policy in.

pub mod bench_world;
pub mod case_file;
pub mod cases;
pub mod check;
pub mod explain;
pub mod mapping_trial;
mod matching;
pub mod scenarios;
pub mod simulate;
pub mod verify;
