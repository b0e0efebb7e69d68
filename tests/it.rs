//! The tests against the built program: one file a subject, each test a statement.
//!
//! `tests/run` starts what they need; [`support`] is the harness.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test stands outside the product: it may fail, and says so where people look"
)]

#[path = "support/harness.rs"]
mod support;

#[path = "it/access.rs"]
mod access;
#[path = "it/actions.rs"]
mod actions;
#[path = "it/broker_faults.rs"]
mod broker_faults;
#[path = "it/calls.rs"]
mod calls;
#[path = "it/channels.rs"]
mod channels;
#[path = "it/clock.rs"]
mod clock;
#[path = "it/crashes.rs"]
mod crashes;
#[path = "it/desk.rs"]
mod desk;
#[path = "it/duplicates.rs"]
mod duplicates;
#[path = "it/first_run.rs"]
mod first_run;
#[path = "it/gates.rs"]
mod gates;
#[path = "it/harness.rs"]
mod harness;
#[path = "it/pipeline.rs"]
mod pipeline;
#[path = "it/poison.rs"]
mod poison;
#[path = "it/policy_faults.rs"]
mod policy_faults;
#[path = "it/postgres_faults.rs"]
mod postgres_faults;
#[path = "it/procedures.rs"]
mod procedures;
#[path = "it/procedures_promised.rs"]
mod procedures_promised;
#[path = "it/schedules.rs"]
mod schedules;
#[path = "it/shutdown.rs"]
mod shutdown;
#[path = "it/sqlite_faults.rs"]
mod sqlite_faults;
#[path = "it/takeover.rs"]
mod takeover;
#[path = "it/tour.rs"]
mod tour;
