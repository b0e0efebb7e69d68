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

mod actions;
mod daemon;
mod ground;
mod helper;
mod load;
mod machine;
mod procedures;
mod relay;
mod report;
mod sla;

use std::process::ExitCode;

use self::{
    daemon::{Daemon, Files},
    ground::Ground,
    load::{Events, Names, Pace, Way},
    report::{Beside, Figures, Latency, Rate, Report, Setting},
};
use super::Failure;
use crate::broker::Client;

/// The policy of the daemon.
const POLICY: Files<'_> = &[("rules/bench.rhai", include_str!("bench/policy.rhai"))];

/// Measure throughput and latency against a bare relay on the same broker
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  provost bench --amqp amqp://127.0.0.1 --database postgres://provost@127.0.0.1/bench
  provost bench --amqp amqp://127.0.0.1 --database sqlite:/var/tmp/bench.db --queue-type classic
  provost bench --amqp amqp://127.0.0.1 --database sqlite:bench.db --rates 500,1000 --output json
  provost bench --amqp amqp://127.0.0.1 --database postgres://provost@127.0.0.1/bench --daemons 2
  provost bench actions --amqp amqp://127.0.0.1 --database sqlite:/var/tmp/bench.db
  provost bench procedures --amqp amqp://127.0.0.1 --database sqlite:/var/tmp/bench.db
  provost bench sla --amqp amqp://127.0.0.1 --database sqlite:/var/tmp/bench.db

Give it a database of its own and a broker without other work; its queues are named provost.bench.*
and are removed at the end."
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    ground: Ground,
    /// How many events a throughput run takes
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Among how many conversations they are spread
    #[arg(long, default_value_t = 10_000)]
    conversations: u64,
    /// The rates at which latency is measured; events a second, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [500, 1_000, 5_000])]
    rates: Vec<u32>,
    /// How long each rate is measured; seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Fill the journal up to so many rows before measuring
    #[arg(long, default_value_t = 0)]
    rows: i64,
    /// Measure once more with so many daemons on the database, each with a partition of the inbox
    #[arg(long, default_value_t = 1)]
    daemons: usize,
    /// Be the bare relay: a process of its own, as the daemon is
    #[arg(long, hide = true)]
    be_relay: bool,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Measure governed actions against the bare system that they call
    Actions(actions::Args),
    /// Measure procedures: durable steps, answers, parked runs, simulation
    Procedures(procedures::Args),
    /// Measure SLA clocks: lateness, bursts, and what many that are not due cost
    Sla(sla::Args),
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
        match &args.command {
            Some(Command::Actions(args)) => actions::run(args).await,
            Some(Command::Procedures(args)) => procedures::run(args).await,
            Some(Command::Sla(args)) => sla::run(args).await,
            None if args.be_relay => relay::run(&args.ground.amqp, args.events).await,
            None => measure(&args).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn measure(args: &Args) -> Result<(), Failure> {
    let ground = &args.ground;
    let work = async |client: &Client| measure_with(client, args).await;
    let measured = ground.measure(work).await;
    if measured.is_err() && args.daemons > 1 {
        forget_partitions(args).await?;
    }
    measured?.print(ground.output)
}

async fn measure_with(client: &Client, args: &Args) -> Result<Report, Failure> {
    let plan = daemon::prepare(&args.ground, args.rows)?;
    let before = measure_relay(client, args).await?;
    say(&format!("bare relay: {:.0} events/s", before.per_second));
    let (rate, figures) = measure_daemon(client, args).await?;
    say(&format!("whole daemon: {:.0} events/s", rate.per_second));
    let side_by_side = measure_side_by_side(client, args).await?;
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
        setting: Setting::of(&args.ground, plan)?,
        table_bytes: daemon::table_bytes(&args.ground)?,
        events: args.events,
        conversations: args.conversations,
        ceiling,
        rate,
        figures,
        side_by_side,
        floors,
        latencies,
    })
}

async fn measure_relay(client: &Client, args: &Args) -> Result<Rate, Failure> {
    let names = Names::default();
    load::make_relay_queues(client, &args.ground.queue_type).await?;
    let events = Events::new("", names.relay_in, args.conversations);
    load::fill(client, args.events, |number| events.message(number)).await?;
    let rate = relay::measure(&args.ground.amqp, args.events).await;
    args.ground.delete(names.relay_in).await?;
    args.ground.delete(names.relay_out).await?;
    rate
}

async fn measure_relay_latency(
    client: &Client,
    args: &Args,
    per_second: u32,
) -> Result<Latency, Failure> {
    let names = Names::default();
    let ground = &args.ground;
    load::make_relay_queues(client, &ground.queue_type).await?;
    let relay = relay::start(&ground.amqp, u64::MAX)?;
    let events = Events::new("", names.relay_in, args.conversations);
    let way = Way {
        sink: names.relay_out,
        message: &|number| events.message(number),
        number: load::number_of_event,
    };
    let latency = load::measure_latency(client, ground, pace(args, per_second), &way).await;
    drop(relay);
    ground.delete(names.relay_in).await?;
    ground.delete(names.relay_out).await?;
    latency
}

fn pace(args: &Args, per_second: u32) -> Pace {
    Pace {
        per_second,
        seconds: args.seconds,
    }
}

async fn measure_daemon(client: &Client, args: &Args) -> Result<(Rate, Figures), Failure> {
    let (ground, names) = (&args.ground, Names::default());
    // Started once and stopped again, so that exchange and inbox stand before they are filled.
    Daemon::start(ground, POLICY).await?.stop().await?;
    load::make_sink(client, &ground.queue_type, &["#"]).await?;
    let events = events(args);
    load::fill(client, args.events, |number| events.message(number)).await?;
    let daemon = [Daemon::start(ground, POLICY).await?];
    let (rate, figures) = daemon::drain(&daemon, args.events).await?;
    let [daemon] = daemon;
    daemon.stop().await?;
    ground.delete(names.sink).await?;
    Ok((rate, figures))
}

/// Measures several daemons that share the work, where that is asked for.
async fn measure_side_by_side(client: &Client, args: &Args) -> Result<Option<Beside>, Failure> {
    if args.daemons < 2 {
        return Ok(None);
    }
    let names = Names::default();
    let ground = &Ground {
        partitions: args.daemons,
        ..args.ground.clone()
    };
    // Whatever is published would come into the undivided inbox as well.
    ground.delete(names.inbox).await?;
    Daemon::start(ground, POLICY).await?.stop().await?;
    load::make_sink(client, &ground.queue_type, &["#"]).await?;
    let events = events(args).divided();
    load::fill(client, args.events, |number| events.message(number)).await?;
    let mut daemons = Vec::new();
    for _ in 0..args.daemons {
        daemons.push(Daemon::start(ground, POLICY).await?);
    }
    let (rate, _) = daemon::drain(&daemons, args.events).await?;
    let mut decided = Vec::new();
    for daemon in daemons {
        decided.push(daemon.decided().await?);
        daemon.stop().await?;
    }
    forget_partitions(args).await?;
    ground.delete(names.sink).await?;
    Ok(Some(Beside { rate, decided }))
}

async fn forget_partitions(args: &Args) -> Result<(), Failure> {
    for queue in Names::default().partitions(args.daemons) {
        args.ground.delete(&queue).await?;
    }
    Ok(())
}

async fn measure_latency(
    client: &Client,
    args: &Args,
    per_second: u32,
) -> Result<Latency, Failure> {
    let (ground, names) = (&args.ground, Names::default());
    load::make_sink(client, &ground.queue_type, &["#"]).await?;
    let daemon = Daemon::start(ground, POLICY).await?;
    let events = events(args);
    let way = Way {
        sink: names.sink,
        message: &|number| events.message(number),
        number: load::number_of_event,
    };
    let latency = load::measure_latency(client, ground, pace(args, per_second), &way).await;
    daemon.stop().await?;
    ground.delete(names.sink).await?;
    latency
}

fn events(args: &Args) -> Events {
    let names = Names::default();
    Events::new(
        names.events_exchange,
        "conversation.message",
        args.conversations,
    )
}

/// Tells how far the run is, on standard error, so that the output stays clean.
fn say(text: &str) {
    // Nothing is lost when nobody reads it.
    let _ = super::output::aside(text);
}
