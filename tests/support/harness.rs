//! The harness: the real daemon, a fresh database, a broker, and hands to hurt them.
//!
//! A test builds a [`Rig`] (a database nobody else uses, a virtual host nobody
//! else uses, a policy and a configuration in a folder of its own), starts the
//! built binary on it as often as it likes, and speaks to both ends as an
//! outsider does: AMQP by lapin, HTTP by reqwest, rows by SQL. Nothing of the
//! product is linked in between, so a fault in one of its modules cannot hide
//! itself. The rejected alternative, the daemon inside the test process, could
//! not be killed at an instant, which is what most of these tests are about.
//!
//! Verbs: `deliver` puts events in, `published` waits for what must come out,
//! `settle` waits until nothing else can come. A [`Ledger`] remembers what was
//! delivered; [`Rig::verify`] compares by identities, never by counts. Nothing
//! sleeps to let something happen: [`place::eventually`] looks until it did.

pub(crate) mod broker;
pub(crate) mod daemon;
pub(crate) mod database;
pub(crate) mod ledger;
pub(crate) mod place;
pub(crate) mod proxy;
pub(crate) mod relay;
pub(crate) mod rig;
pub(crate) mod stub;
pub(crate) mod verify;
pub(crate) mod wire;

pub(crate) use broker::Broker;
pub(crate) use daemon::Daemon;
pub(crate) use database::Kind;
pub(crate) use ledger::Ledger;
pub(crate) use place::{eventually, soak};
pub(crate) use proxy::{Loss, Proxy, Side};
pub(crate) use rig::Rig;

/// Makes of each `async fn name(kind: Kind)` two tests, `name::sqlite` and `name::postgres`.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                use crate::support::Kind;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    super::$name(Kind::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    super::$name(Kind::Postgres).await;
                }
            }
        )+
    };
}
pub(crate) use on_both_databases;
