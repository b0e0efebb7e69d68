//! Provost: events in, rules decide, results out.
//!
//! One way through, whatever happens – a message from the broker, an HTTP post,
//! a schedule that is due, a person's decision:
//!
//! ```text
//!  broker ─┐                                        ┌─► results: confirmed publish, HTTP stream
//!  HTTP  ──┼─► intake ─► batch ─► load ─► DECIDE ─► commit ─► dispatch ─► deliveries acknowledged
//!  timers ─┘            (dedupe)          pure      one tx  └─► what waits for it is told
//!                                          ▲
//!                                 policy (rules/, swapped whole)
//! ```
//!
//! The modules in reading order; an arrow points from what is used to who uses it:
//!
//! ```text
//!  domain ─► policy, procedures, connectors ─► decide ─► workbench ─► daemon ─► http ─► cli
//!  domain ─► notices, outbound, store, broker ────────────┘
//! ```
//!
//! - [`domain`]: the nouns and their state machines; what is loaded, wanted, written.
//! - [`policy`]: the rules that operations teams write, compiled and asked.
//! - [`procedures`]: definitions of multi-step workflows, checked, compared, drawn, and moved along step by step.
//! - [`connectors`]: from a request for an action to what is sent, and from an answer to what it means.
//! - [`decide`]: the verb; (policy, world, input, now) → outcome, without any I/O. `decide::gate`
//!   is the governed path of every action.
//! - [`workbench`]: decide with other hands around it: cases, check, explain, scenarios of procedures.
//! - [`notices`]: from a notice to what is posted to a team channel, and what the answer means.
//! - [`outbound`]: the way out, behind the address guard: HTTP, mail, foreign databases.
//! - [`store`]: SQLite and PostgreSQL; the journal, the state, the audit log.
//! - [`broker`]: RabbitMQ; sessions, topology, deliveries, confirmed publication.
//! - [`daemon`]: the running whole; batches, the relay, reloads, schedules, life and death.
//! - [`http`]: the API, one file a resource.
//! - [`cli`]: the program's subcommands.
//! - [`config`], [`clock`], [`telemetry`]: what everybody needs of the outside.
//!
//! Where it all hinges: [`decide::decide`], `daemon::batch` (one transaction a
//! batch), `daemon::relay` (what is published), `broker::session` (one way to heal).

pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod daemon;
pub mod decide;
pub mod domain;
pub mod http;
pub mod notices;
pub mod outbound;
pub mod policy;
pub mod procedures;
pub mod store;
pub mod telemetry;
pub mod workbench;
