//! What every bench stands on: the broker, the database, and that nothing stays behind.

use std::{path::PathBuf, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use super::load::Names;
use crate::{
    broker::{Client, Fault},
    cli::{Failure, output::Output},
};

/// How often the deletion of a queue is tried again.
const DELETE_TRIES: u32 = 5;
/// How long the broker may take to confirm.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a bench runs, and how it tells what it found.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Ground {
    /// The broker
    #[arg(
        long,
        env = "PROVOST_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://127.0.0.1:5672"
    )]
    pub(super) amqp: String,
    /// The database: empty, or kept from an earlier bench
    #[arg(
        long,
        env = "PROVOST_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:bench.db"
    )]
    pub(super) database: String,
    /// The type of the queues: quorum or classic
    #[arg(long, default_value = "quorum", value_parser = ["quorum", "classic"])]
    pub(super) queue_type: String,
    /// How many lanes the daemon has on PostgreSQL
    #[arg(long, default_value_t = 2)]
    pub(super) lanes: usize,
    /// Into how many partitions the inbox is divided; 0: it is not.
    #[arg(skip)]
    pub(super) partitions: usize,
    /// The form of what is printed
    #[arg(long, short, value_enum, default_value_t)]
    pub(super) output: Output,
    /// Keep the daemon's log here
    #[arg(long)]
    pub(super) log: Option<PathBuf>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(format!("the broker: {fault}"))
    }
}

impl Ground {
    /// Connects to the broker.
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        Ok(Client::connect(std::slice::from_ref(&self.amqp), CONFIRM_TIMEOUT).await?)
    }

    /// Measures; interrupted, it ends the processes that it started, and its queues are removed all the
    /// same.
    pub(super) async fn measure<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let client = self.connect().await?;
        let measured = tokio::select! {
            measured = work(&client) => measured,
            interrupted = interrupted() => interrupted,
        };
        client.close().await;
        for queue in Names::default().queues() {
            self.delete(queue).await?;
        }
        measured
    }

    /// Deletes a queue, if it is there. RabbitMQ may fail at that once while the queue is busy, and then
    /// closes the connection: hence one for each try.
    pub(super) async fn delete(&self, queue: &str) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let client = self.connect().await?;
            match client.delete_queue(queue).await {
                Err(fault) if tries == DELETE_TRIES => return Err(fault.into()),
                Err(_) => tries += 1,
                Ok(()) => {
                    client.close().await;
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Waits until somebody wants the bench to stop.
async fn interrupted<T>() -> Result<T, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Err(Failure::new("interrupted"))
}
