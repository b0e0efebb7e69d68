//! `provost bench`: measures the whole daemon against a bare relay, in one run.
//!
//! Machines differ and are noisy, so the figure that counts is a share: how many
//! events a second go through the daemon – rules, database, audit, everything
//! durable – of those that a relay without rules and database brings through the
//! same broker in the same run. Both drain a queue that was filled before, into a
//! queue that nobody reads; the relay does so before and after the daemon, because
//! a machine's speed drifts. Latency is measured from publish to result while the
//! load comes at a steady rate, and once through the relay, which shows what of it
//! is the broker's.

mod daemon;
mod load;
mod machine;
mod relay;
mod report;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use self::{
    daemon::Daemon,
    load::{Names, Pace, Way},
    report::{Figures, Latency, Rate, Report},
};
use super::{Failure, output::Output};
use crate::broker::{Client, Fault};

/// How often the deletion of a queue is tried again.
const DELETE_TRIES: u32 = 5;

/// Measure throughput and latency against a bare relay on the same broker
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  provost bench --amqp amqp://127.0.0.1 --database postgres://provost@127.0.0.1/bench
  provost bench --amqp amqp://127.0.0.1 --database sqlite:/var/tmp/bench.db --queue-type classic
  provost bench --amqp amqp://127.0.0.1 --database sqlite:bench.db --rates 500,1000 --output json

Give it a database of its own and a broker without other work; its queues are named provost.bench.*
and are removed at the end.")]
pub struct Args {
    /// The broker
    #[arg(
        long,
        env = "PROVOST_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://127.0.0.1:5672"
    )]
    amqp: String,
    /// The database: empty, or kept from an earlier bench
    #[arg(
        long,
        env = "PROVOST_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:bench.db"
    )]
    database: String,
    /// How many events a throughput run takes
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Among how many conversations they are spread
    #[arg(long, default_value_t = 10_000)]
    conversations: u64,
    /// The type of the queues: quorum or classic
    #[arg(long, default_value = "quorum", value_parser = ["quorum", "classic"])]
    queue_type: String,
    /// How many lanes the daemon has on PostgreSQL
    #[arg(long, default_value_t = 2)]
    lanes: usize,
    /// The rates at which latency is measured; events a second, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [500, 1_000, 5_000])]
    rates: Vec<u32>,
    /// How long each rate is measured; seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Fill the journal up to so many rows before measuring
    #[arg(long, default_value_t = 0)]
    rows: i64,
    /// The form of what is printed
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    /// Keep the daemon's log here
    #[arg(long)]
    log: Option<PathBuf>,
    /// Be the bare relay: a process of its own, as the daemon is
    #[arg(long, hide = true)]
    be_relay: bool,
}

/// Runs the measurement.
#[expect(clippy::needless_pass_by_value, reason = "as every subcommand's")]
pub fn main(args: Args) -> ExitCode {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(format!("the runtime does not start: {error}")).report(),
    };
    let done = runtime.block_on(async {
        if args.be_relay {
            relay::run(&args.amqp, args.events).await
        } else {
            measure(&args).await
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(format!("the broker: {fault}"))
    }
}

async fn measure(args: &Args) -> Result<(), Failure> {
    let client = Client::connect(std::slice::from_ref(&args.amqp), Duration::from_secs(60)).await?;
    // Interrupted, it ends the processes that it started and removes its queues all the same.
    let measured = tokio::select! {
        measured = measure_with(&client, args) => measured,
        interrupted = interrupted() => interrupted,
    };
    let names = Names::default();
    client.close().await;
    for queue in [names.inbox, names.sink, names.relay_in, names.relay_out] {
        delete(args, queue).await?;
    }
    measured?.print(args.output)
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

/// Deletes a queue, if it is there. RabbitMQ may fail at that once while the queue is busy, and then
/// closes the connection: hence one for each try.
async fn delete(args: &Args, queue: &str) -> Result<(), Failure> {
    let mut tries = 0;
    loop {
        let client =
            Client::connect(std::slice::from_ref(&args.amqp), Duration::from_secs(60)).await?;
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

async fn measure_with(client: &Client, args: &Args) -> Result<Report, Failure> {
    let plan = daemon::prepare(args)?;
    let before = measure_relay(client, args).await?;
    say(&format!("bare relay: {:.0} events/s", before.per_second));
    let (rate, figures) = measure_daemon(client, args).await?;
    say(&format!("whole daemon: {:.0} events/s", rate.per_second));
    let after = measure_relay(client, args).await?;
    say(&format!("bare relay: {:.0} events/s", after.per_second));
    let ceiling = before.mean(&after);
    let (mut floors, mut latencies) = (Vec::new(), Vec::new());
    for &per_second in &args.rates {
        let floor = measure_relay_latency(client, args, per_second).await?;
        say(&format!("bare relay {floor}"));
        floors.push(floor);
        let latency = measure_latency(client, args, per_second).await?;
        say(&format!("whole daemon {latency}"));
        latencies.push(latency);
    }
    Ok(Report {
        machine: machine::describe(),
        fdatasync_ms: machine::fdatasync_ms()?,
        table_bytes: daemon::table_bytes(args)?,
        plan,
        queue_type: args.queue_type.clone(),
        events: args.events,
        conversations: args.conversations,
        ceiling,
        rate,
        figures,
        floors,
        latencies,
    })
}

async fn measure_relay(client: &Client, args: &Args) -> Result<Rate, Failure> {
    let names = Names::default();
    load::make_relay_queues(client, &args.queue_type).await?;
    load::fill(client, "", names.relay_in, args.events, args.conversations).await?;
    let rate = relay::measure(args).await;
    delete(args, names.relay_in).await?;
    delete(args, names.relay_out).await?;
    rate
}

async fn measure_relay_latency(
    client: &Client,
    args: &Args,
    per_second: u32,
) -> Result<Latency, Failure> {
    let names = Names::default();
    load::make_relay_queues(client, &args.queue_type).await?;
    let relay = relay::start(args)?;
    let way = Way {
        exchange: "",
        key: names.relay_in,
        sink: names.relay_out,
    };
    let latency = load::measure_latency(client, &args.amqp, &pace(args, per_second), &way).await;
    drop(relay);
    delete(args, names.relay_in).await?;
    delete(args, names.relay_out).await?;
    latency
}

fn pace(args: &Args, per_second: u32) -> Pace {
    Pace {
        per_second,
        seconds: args.seconds,
        conversations: args.conversations,
    }
}

async fn measure_daemon(client: &Client, args: &Args) -> Result<(Rate, Figures), Failure> {
    let names = Names::default();
    // Started once and stopped again, so that exchange and inbox stand before they are filled.
    Daemon::start(args).await?.stop().await?;
    load::make_sink(client, &args.queue_type).await?;
    load::fill(
        client,
        names.events_exchange,
        "conversation.message",
        args.events,
        args.conversations,
    )
    .await?;
    let mut daemon = Daemon::start(args).await?;
    let (rate, figures) = daemon.drain(args.events).await?;
    daemon.stop().await?;
    delete(args, names.sink).await?;
    Ok((rate, figures))
}

async fn measure_latency(
    client: &Client,
    args: &Args,
    per_second: u32,
) -> Result<Latency, Failure> {
    let names = Names::default();
    load::make_sink(client, &args.queue_type).await?;
    let daemon = Daemon::start(args).await?;
    let way = Way {
        exchange: names.events_exchange,
        key: "conversation.message",
        sink: names.sink,
    };
    let latency = load::measure_latency(client, &args.amqp, &pace(args, per_second), &way).await;
    daemon.stop().await?;
    delete(args, names.sink).await?;
    latency
}

/// Tells how far the run is, on standard error, so that the output stays clean.
fn say(text: &str) {
    // Nothing is lost when nobody reads it.
    let _ = super::output::aside(text);
}
