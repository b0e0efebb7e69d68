//! `provost bench actions`: measures whole governed actions against the bare system that they call.
//!
//! A stub answers every call at once. An action goes the whole way: the event that asks for it,
//! the checks, its row committed, the call, the answer committed, the result confirmed, all of it
//! in the audit log. The requests lie in the inbox before the daemon starts, and time runs from its
//! start to the last result. The ceiling is the same stub called by the same client, before and
//! after; latency is measured at half of the load that was reached.

mod catalogue;
mod ceiling;
mod desk;
mod report;
mod stub;
mod wishes;

use self::{
    catalogue::{Catalogue, GATED, PAY, SLOW_CONCURRENCY, SLOW_SECONDS, WAIT},
    desk::Pass,
    report::{Approvals, BesideSlow, Report, Speed},
    stub::Stub,
    wishes::{AWAITING, Ends, SUCCEEDED, Wishes},
};
use super::{
    daemon::{self, Daemon},
    ground::Ground,
    load::{self, Names, Pace, Way},
    report::{Latency, Setting},
    say,
};
use crate::{
    broker::Client,
    cli::{Failure, audit::verify::walk_database},
    clock::Stopwatch,
    http::verification::Seals,
    store::{Role, Store},
};

/// How much longer than expected a run may take until the slow calls beside it run out.
const ENOUGH: f64 = 1.5;

/// Measure governed actions against the bare system that they call
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  provost bench actions --amqp amqp://127.0.0.1 --database postgres://provost@127.0.0.1/bench
  provost bench actions --amqp amqp://127.0.0.1 --database sqlite:/var/tmp/bench.db --slow
  provost bench actions --database sqlite:bench.db --actions 5000 --pending 10000 --output json

Give it a database of its own and a broker without other work; its queues are named provost.bench.*
and are removed at the end.")]
pub(super) struct Args {
    #[command(flatten)]
    ground: Ground,
    /// How many actions a throughput run takes
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    actions: u64,
    /// Among how many conversations they are spread
    #[arg(long, default_value_t = 10_000)]
    conversations: u64,
    /// How long latency is measured; seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Have so many actions wait for approval, and measure lists and decisions
    #[arg(long, default_value_t = 0)]
    pending: u64,
    /// Measure throughput once more while a slow system has actions of its own under way
    #[arg(long)]
    slow: bool,
    /// Be the stub: a process of its own, as the daemon is
    #[arg(long, hide = true)]
    be_stub: bool,
}

/// Runs the measurement.
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    if args.be_stub {
        return stub::run().await;
    }
    let work = async |client: &Client| measure(client, args).await;
    let measured = args.ground.measure(work).await;
    measured?.print(args.ground.output)
}

/// What every part of a measurement works with.
struct Bench<'a> {
    client: &'a Client,
    args: &'a Args,
    files: Vec<(&'a str, &'a str)>,
}

/// What a throughput run came to.
struct Throughput {
    speed: Speed,
    /// How many a second between the first tenth and the last twentieth of the results.
    steady: f64,
    slow_ended: u64,
    memory_mib: (u64, u64),
    inputs_per_commit: f64,
}

async fn measure(client: &Client, args: &Args) -> Result<Report, Failure> {
    let plan = daemon::prepare(&args.ground, 0)?;
    let stub = Stub::start().await?;
    let catalogue = Catalogue::on(&stub.url);
    let bench = Bench {
        client,
        args,
        files: catalogue.files(),
    };
    // Started once and stopped again, so that exchange and inbox stand before they are filled.
    bench.daemon().await?.stop().await?;
    let before = bench.ceiling(&stub).await?;
    let mut alone = bench.alone().await?;
    let mut beside_slow = None;
    if args.slow {
        beside_slow = Some(bench.beside_slow(&alone.speed).await?);
        // Before and after, because a machine's speed drifts.
        let again = bench.alone().await?;
        alone.speed = alone.speed.with(again.speed);
        alone.steady = f64::midpoint(alone.steady, again.steady);
    }
    let after = bench.ceiling(&stub).await?;
    let latency = bench.latency(&alone.speed).await?;
    say(&format!("actions {latency}"));
    let (approvals, export) = bench.desk().await?;
    let verify = verify(&args.ground)?;
    let (resident_mib, peak_mib) = alone.memory_mib;
    Ok(Report {
        setting: Setting::of(&args.ground, plan)?,
        actions: args.actions,
        conversations: args.conversations,
        ceiling: before.with(after),
        speed: alone.speed,
        steady: alone.steady,
        beside_slow,
        inputs_per_commit: alone.inputs_per_commit,
        resident_mib,
        peak_mib,
        latency,
        approvals,
        verify,
        export,
    })
}

impl Bench<'_> {
    async fn daemon(&self) -> Result<Daemon, Failure> {
        Daemon::start(&self.args.ground, &self.files).await
    }

    async fn ceiling(&self, stub: &Stub) -> Result<Speed, Failure> {
        let speed = ceiling::measure(&stub.url, self.args.actions).await?;
        say(&format!("bare stub: {:.0} calls/s", speed.per_second));
        Ok(speed)
    }

    async fn alone(&self) -> Result<Throughput, Failure> {
        let alone = self.throughput(0).await?;
        say(&format!("actions: {:.0}/s", alone.speed.per_second));
        Ok(alone)
    }

    /// Measures how fast the actions go, behind so many slow ones.
    async fn throughput(&self, slow_count: u64) -> Result<Throughput, Failure> {
        let (args, ground) = (self.args, &self.args.ground);
        load::make_sink(self.client, &ground.queue_type, &Ends::types()).await?;
        let slow = Wishes::new(WAIT, args.conversations);
        let fast = Wishes::new(PAY, args.conversations);
        load::fill(self.client, slow_count, |number| slow.message(number)).await?;
        load::fill(self.client, args.actions, |number| fast.message(number)).await?;
        let mut ends = Ends::open(ground).await?;
        let watch = Stopwatch::start();
        let daemon = self.daemon().await?;
        ends.until(&fast, SUCCEEDED, args.actions).await?;
        let speed = Speed::of(args.actions, watch.elapsed());
        let steady = ends.steady(&fast, SUCCEEDED);
        let slow_ended = ends.count(&slow, SUCCEEDED);
        let memory_mib = daemon.memory_mib();
        let inputs_per_commit = daemon.inputs_per_commit().await?;
        ends.until(&slow, SUCCEEDED, slow_count).await?;
        daemon.stop().await?;
        ends.close().await;
        ground.delete(Names::default().sink).await?;
        Ok(Throughput {
            speed,
            steady,
            slow_ended,
            memory_mib,
            inputs_per_commit,
        })
    }

    /// Measures the same beside slow calls.
    async fn beside_slow(&self, alone: &Speed) -> Result<BesideSlow, Failure> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a count of calls"
        )]
        let rounds = (alone.seconds * ENOUGH / SLOW_SECONDS as f64) as u64 + 1;
        let slow = rounds * SLOW_CONCURRENCY;
        let beside = self.throughput(slow).await?;
        say(&format!(
            "actions beside slow ones: {:.0}/s",
            beside.speed.per_second
        ));
        Ok(BesideSlow {
            speed: beside.speed,
            steady: beside.steady,
            slow,
            slow_ended: beside.slow_ended,
        })
    }

    /// Measures latency at half of the load that was reached.
    async fn latency(&self, reached: &Speed) -> Result<Latency, Failure> {
        let (args, ground, names) = (self.args, &self.args.ground, Names::default());
        load::make_sink(self.client, &ground.queue_type, &[SUCCEEDED]).await?;
        let daemon = self.daemon().await?;
        let wishes = Wishes::new(PAY, args.conversations);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of actions"
        )]
        let half = (reached.per_second / 2.0) as u32;
        let pace = Pace {
            per_second: half.max(1),
            seconds: args.seconds,
        };
        let way = Way {
            sink: names.sink,
            message: &|number| wishes.message(number),
            number: wishes::number_of_wish,
        };
        let latency = load::measure_latency(self.client, ground, pace, &way).await;
        daemon.stop().await?;
        ground.delete(names.sink).await?;
        latency
    }

    /// Measures what people do over the API.
    async fn desk(&self) -> Result<(Option<Approvals>, Speed), Failure> {
        let pass = Pass::new(&self.args.ground)?;
        let daemon = self.daemon().await?;
        let client = pass.client(&daemon)?;
        let approvals = match self.args.pending {
            0 => None,
            pending => Some(self.approvals(&client, pending).await?),
        };
        let export = desk::export(&client).await?;
        daemon.stop().await?;
        Ok((approvals, export))
    }

    async fn approvals(
        &self,
        client: &crate::cli::client::Client,
        pending: u64,
    ) -> Result<Approvals, Failure> {
        let (args, ground) = (self.args, &self.args.ground);
        load::make_sink(self.client, &ground.queue_type, &Ends::types()).await?;
        let wishes = Wishes::new(GATED, args.conversations);
        load::fill(self.client, pending, |number| wishes.message(number)).await?;
        let mut ends = Ends::open(ground).await?;
        ends.until(&wishes, AWAITING, pending).await?;
        let approvals = desk::decide(client, &ends.approvals).await?;
        let decided = approvals.decisions.count as u64;
        ends.until(&wishes, SUCCEEDED, decided).await?;
        ends.close().await;
        ground.delete(Names::default().sink).await?;
        Ok(approvals)
    }
}

/// Walks along the whole log, without a daemon.
fn verify(ground: &Ground) -> Result<Speed, Failure> {
    let mut reader = Store::open(&ground.database, Role::Tool)?.reader();
    let watch = Stopwatch::start();
    let found = Seals::read(&mut reader)?;
    let report = walk_database(&mut reader, found, |_| ())?;
    let took = watch.elapsed();
    match report.fault {
        Some(fault) => Err(Failure::new(format!("the audit log is broken: {fault}"))),
        None => Ok(Speed::of(u64::try_from(report.entries).unwrap_or(0), took)),
    }
}
