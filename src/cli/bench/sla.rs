//! `provost bench sla`: measures clocks: how late a breach is recorded and its alert posted while many
//! others run, how fast many that are due at once are drained, and what those cost that are not due.
//!
//! A ticket of the usual way is opened first; the many are copies of its rows, made in the database.
//! Tickets with a promise of one second then come at a steady rate, and each breach is looked at as it
//! leaves the house: as a result, and as a post to a stub of a team channel.

mod calendars;
mod posts;
mod report;
mod tickets;

use std::time::Duration;

use self::{
    posts::Posts,
    report::{Burst, Idle, Lateness, Report},
    tickets::{Inlet, Opened, ticket},
};
use super::{
    daemon::{self, Daemon},
    ground::Ground,
    load::{self, Events, Names, Pace, Way},
    report::{Setting, Spread},
    say,
};
use crate::{
    broker::Client,
    cli::Failure,
    clock::{Clock, Stopwatch},
    domain::time::{Span, Timestamp},
    store::{Copies, Role, Store},
};

/// How long before they are due the clocks of a burst are there. *Units*: seconds.
const AHEAD_SECONDS: i64 = 12;
/// How many instants within their second they fall on.
const INSTANTS: i64 = 20;
/// How often the clocks of a burst are counted.
const LOOK: Duration = Duration::from_millis(100);
/// How long a daemon with nothing to do is watched.
const IDLE: Duration = Duration::from_secs(5);
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Measure SLA clocks: lateness, bursts, and what many that are not due cost
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  provost bench sla --amqp amqp://127.0.0.1 --database postgres://provost@127.0.0.1/bench
  provost bench sla --database sqlite:/var/tmp/bench.db --clocks 10000 --burst 10000 --idle 0

Give it a database of its own and a broker without other work; its queues are named provost.bench.*
and are removed at the end.")]
pub(super) struct Args {
    #[command(flatten)]
    ground: Ground,
    /// How many clocks run while lateness is measured
    #[arg(long, default_value_t = 100_000)]
    clocks: i64,
    /// How many fall due in one second; 0: none
    #[arg(long, default_value_t = 100_000)]
    burst: i64,
    /// How many run while the cost of doing nothing is measured; 0: none
    #[arg(long, default_value_t = 1_000_000)]
    idle: i64,
    /// How many tickets a second break their promise
    #[arg(long, default_value_t = 5)]
    rate: u32,
    /// How long lateness is measured; seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many events a second come beside a burst
    #[arg(long, default_value_t = 200)]
    events: u32,
}

/// Runs the measurement.
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let work = async |client: &Client| measure(client, args).await;
    let measured = args.ground.measure(work).await;
    measured?.print(args.ground.output)
}

/// What every part of a measurement works with.
struct Bench<'a> {
    client: &'a Client,
    args: &'a Args,
    posts: Posts,
    /// The ticket whose rows are copied.
    template: Opened,
}

async fn measure(client: &Client, args: &Args) -> Result<Report, Failure> {
    let calendars = calendars::measure()?;
    say(&calendars.to_string());
    let plan = daemon::prepare(&args.ground, 0)?;
    let posts = Posts::listen().await?;
    let template = template(client, args, &posts).await?;
    let mut bench = Bench {
        client,
        args,
        posts,
        template,
    };
    bench.copy("run", args.clocks, bench.template.due_at)?;
    let (breaches, alerts) = bench.lateness().await?;
    say(&format!("breaches {breaches}, alerts {alerts}"));
    let burst = bench.burst().await?;
    let idle = bench.idle().await?;
    Ok(Report {
        setting: Setting::of(&args.ground, plan)?,
        clocks: args.clocks,
        rate: args.rate,
        calendars,
        breaches,
        alerts,
        burst,
        idle,
    })
}

/// Opens the ticket whose rows are copied.
async fn template(client: &Client, args: &Args, posts: &Posts) -> Result<Opened, Failure> {
    let ground = &args.ground;
    let daemon = start(ground, posts).await?;
    load::make_sink(client, &ground.queue_type, &["ticket.created"]).await?;
    let mut inlet = Inlet::open(ground).await?;
    client.publish(vec![ticket(0, "slow")]).await?;
    let template = inlet.opened().await?;
    inlet.close().await;
    daemon.stop().await?;
    ground.delete(Names::default().sink).await?;
    let mut reader = Store::open(&ground.database, Role::Tool)?.reader();
    template.with_due(&mut reader)
}

async fn start(ground: &Ground, posts: &Posts) -> Result<Daemon, Failure> {
    let channels = posts.configuration();
    let files = [
        ("rules/sla.rhai", include_str!("sla/policy.rhai")),
        ("provost.toml", channels.as_str()),
    ];
    Daemon::start(ground, &files).await
}

impl Bench<'_> {
    /// Copies the template so many times, due at an instant.
    fn copy(&self, label: &str, count: i64, due_at: Timestamp) -> Result<(), Failure> {
        let store = Store::open(&self.args.ground.database, Role::Tool)?;
        store.desk().clocks_copy(&Copies {
            label: label.to_owned(),
            ticket_id: self.template.ticket_id.clone(),
            conversation_id: self.template.conversation_id.clone(),
            was_due_at: self.template.due_at,
            due_at,
            count,
        })?;
        Ok(())
    }

    /// Measures how late breaches are recorded, and their alerts posted.
    async fn lateness(&mut self) -> Result<(Lateness, Lateness), Failure> {
        let (args, ground) = (self.args, &self.args.ground);
        load::make_sink(self.client, &ground.queue_type, &["sla.breached"]).await?;
        let daemon = start(ground, &self.posts).await?;
        let mut inlet = Inlet::open(ground).await?;
        let total = u64::from(args.rate) * args.seconds;
        let publish = async {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / args.rate.max(1));
            for number in 0..total {
                ticks.tick().await;
                self.client
                    .publish(vec![ticket(number + 1, "quick")])
                    .await?;
            }
            Ok::<_, Failure>(())
        };
        let ((), breaches) = tokio::try_join!(publish, inlet.breaches(total))?;
        let alerts = self.posts.wait_for(total).await?;
        inlet.close().await;
        daemon.stop().await?;
        ground.delete(Names::default().sink).await?;
        Ok((Lateness(Spread::of(breaches)), Lateness(Spread::of(alerts))))
    }

    /// Measures how fast clocks are drained that are due in one second, and events beside them.
    async fn burst(&self) -> Result<Option<Burst>, Failure> {
        let (args, ground) = (self.args, &self.args.ground);
        if args.burst == 0 {
            return Ok(None);
        }
        load::make_sink(self.client, &ground.queue_type, &["notice.posted"]).await?;
        let clock = Clock::machine();
        // Copying takes its time; what is due meanwhile waits for the daemon.
        let watch = Stopwatch::start();
        self.copy("dry", args.burst / 10, self.template.due_at)?;
        let copying = watch.elapsed().as_secs_f64() * 10.0;
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let ahead = Span::from_secs(AHEAD_SECONDS + copying as i64);
        let first = clock.now().plus(ahead);
        for nth in 0..INSTANTS {
            let at = first.plus(Span::from_millis(nth * 1_000 / INSTANTS));
            self.copy(&format!("burst-{nth}"), args.burst / INSTANTS, at)?;
        }
        let daemon = start(ground, &self.posts).await?;
        let counting = async {
            #[expect(clippy::cast_precision_loss, reason = "a count")]
            let all = (args.burst / INSTANTS * INSTANTS) as f64;
            let mut counts: Vec<(f64, f64)> = Vec::new();
            let watch = Stopwatch::start();
            while watch.elapsed() < PATIENCE {
                let late = clock.now().micros() - first.micros();
                let drained = daemon.breached().await?;
                #[expect(clippy::cast_precision_loss, reason = "seconds")]
                counts.push((late as f64 / 1e6, drained));
                if drained >= all {
                    return Ok(counts);
                }
                tokio::time::sleep(LOOK).await;
            }
            Err(Failure::new("the burst was not drained in time"))
        };
        let seconds = ahead.micros().unsigned_abs() / 1_000_000 + 5;
        let pace = Pace {
            per_second: args.events,
            seconds,
        };
        let names = Names::default();
        let events = Events::new(names.events_exchange, "conversation.message", 10_000);
        let way = Way {
            sink: names.sink,
            message: &|number| events.message(number),
            number: load::number_of_event,
        };
        let latency = load::measure_latency(self.client, ground, pace, &way);
        let (counts, latency) = tokio::try_join!(counting, latency)?;
        daemon.stop().await?;
        ground.delete(names.sink).await?;
        let burst = Burst::of(args.burst, &counts, latency);
        say(&burst.to_string());
        Ok(Some(burst))
    }

    /// Measures what many clocks cost of which none is due.
    async fn idle(&self) -> Result<Option<Idle>, Failure> {
        let (args, ground) = (self.args, &self.args.ground);
        if args.idle == 0 {
            return Ok(None);
        }
        say(&format!("copying up to {} clocks", args.idle));
        self.copy("idle", args.idle, self.template.due_at)?;
        let mut reader = Store::open(&ground.database, Role::Tool)?.reader();
        let now = Clock::machine().now();
        let mut ticks = Vec::with_capacity(1_000);
        for _ in 0..1_000 {
            let watch = Stopwatch::start();
            let due = reader.clocks_due(now, 256)?;
            reader.clocks_next()?;
            ticks.push(watch.elapsed().as_secs_f64() * 1_000.0);
            if !due.is_empty() {
                return Err(Failure::new("a clock is due that should not be"));
            }
        }
        let daemon = start(ground, &self.posts).await?;
        // What a start leaves to do is over by then.
        tokio::time::sleep(IDLE).await;
        let computed = daemon.cpu_seconds();
        tokio::time::sleep(IDLE).await;
        let idle = Idle {
            clocks: args.idle,
            tick: Spread::of(ticks),
            cpu_ms_per_second: (daemon.cpu_seconds() - computed) * 1_000.0 / IDLE.as_secs_f64(),
            ready_ms: daemon.ready_ms(),
            resident_mib: daemon.memory_mib().0,
        };
        daemon.stop().await?;
        say(&idle.to_string());
        Ok(Some(idle))
    }
}
