//! `provost bench procedures`: measures runs of procedures: how many durable steps a second, how long an answer
//! takes to the next prompt, what a million runs cost that wait, and how fast a simulation is.

mod report;

use std::{fmt::Write as _, hint::black_box, time::Duration};

use serde_json::{Value, json};

use self::report::{Parked, Report, Walked};
use super::{
    daemon::{self, Daemon, Files},
    ground::Ground,
    load::{self, Names, Pace, Way},
    report::{Latency, Setting},
    say,
};
use crate::{
    broker::{Client, Outgoing},
    cli::Failure,
    clock::{Clock, Stopwatch},
    domain::{directory::Directory, procedure::Definition},
    policy::{Policy, Sources},
    store::{Page, Role, RunCopies, RunFilter, Store},
    workbench::{
        cases::default_settings,
        simulate::{Ground as Stage, Script, simulate},
    },
};

/// A procedure of three steps that wait for nothing.
const THREE: &str = include_str!("procedures/three.yaml");
/// A procedure that asks and asks again.
const ASKING: &str = include_str!("procedures/asking.yaml");
/// How many steps a run of the first has.
const STEPS: f64 = 3.0;
/// What the daemon works by.
const FILES: Files<'_> = &[
    ("rules/none.rhai", ""),
    ("procedures/three.yaml", THREE),
    ("procedures/asking.yaml", ASKING),
];
/// How many simulations are run.
const SIMULATIONS: u32 = 2_000;
/// How often it is looked whether all runs have begun.
const LOOK: Duration = Duration::from_millis(50);
/// How many parked runs are resumed.
const RESUMED: u64 = 1_000;

/// Measure procedures: durable steps, answers, parked runs, simulation
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  provost bench procedures --amqp amqp://127.0.0.1 --database postgres://provost@127.0.0.1/bench
  provost bench procedures --database sqlite:/var/tmp/bench.db --runs 20000 --parked 0

Give it a database of its own and a broker without other work; its queues are named provost.bench.*
and are removed at the end.")]
pub(super) struct Args {
    #[command(flatten)]
    ground: Ground,
    /// How many runs of three steps are brought through; 0: none
    #[arg(long, default_value_t = 50_000)]
    runs: u64,
    /// How many runs are asked for answers at the same time
    #[arg(long, default_value_t = 1_000)]
    concurrent: u64,
    /// How many answers a second come
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How long they come; seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many runs wait while some are resumed; 0: none
    #[arg(long, default_value_t = 1_000_000)]
    parked: i64,
}

/// Runs the measurement.
pub(super) async fn run(args: &Args) -> Result<(), Failure> {
    let work = async |client: &Client| measure(client, args).await;
    let measured = args.ground.measure(work).await;
    measured?.print(args.ground.output)
}

async fn measure(client: &Client, args: &Args) -> Result<Report, Failure> {
    let simulated = simulations()?;
    say(&format!("simulation: {simulated:.0} steps/s"));
    let plan = daemon::prepare(&args.ground, 0)?;
    // Started once and stopped again, so that exchange and inbox stand, and the procedures are published.
    Daemon::start(&args.ground, FILES).await?.stop().await?;
    // First, since a database works on for a while after many rows came.
    let answers = answers(client, args).await?;
    say(&format!("answer to prompt: {answers}"));
    let steps = steps(client, args).await?;
    let parked = parked(client, args).await?;
    Ok(Report {
        setting: Setting::of(&args.ground, plan)?,
        simulated,
        steps,
        concurrent: args.concurrent,
        answers,
        parked,
    })
}

/// Makes the message of an event.
fn event(id: &str, kind: &'static str, subject: &str, (number, data): (u64, &Value)) -> Outgoing {
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/bench", "type": kind, "subject": subject,
        "data": data,
    });
    Outgoing {
        exchange: Names::default().events_exchange.into(),
        routing_key: kind.to_owned(),
        body: event.to_string().into_bytes(),
        message_id: id.to_owned(),
        kind: kind.to_owned(),
        correlation_id: Some(number.to_string()),
        ..Outgoing::default()
    }
}

/// Asks for a procedure in the conversation of a number.
fn wish(run: i64, number: u64, slug: &str) -> Outgoing {
    let data = json!({
        "procedure": slug, "variables": {"name": "Ada"},
        "actor": {"kind": "ai", "id": "bench", "roles": ["ai"]},
    });
    let (id, subject) = (format!("{run}-{number}"), format!("{slug}-{run}-{number}"));
    event(&id, "procedure.requested", &subject, (number, &data))
}

/// Answers in a conversation.
fn answer(id: &str, subject: &str, number: u64) -> Outgoing {
    let data = json!({
        "message": {"id": id, "text": "yes, please", "author": {"kind": "customer", "id": "c"}},
    });
    event(id, "conversation.message", subject, (number, &data))
}

/// Measures how many steps a second are brought through that wait for nothing.
async fn steps(client: &Client, args: &Args) -> Result<Option<Walked>, Failure> {
    if args.runs == 0 {
        return Ok(None);
    }
    let ground = &args.ground;
    load::make_sink(client, &ground.queue_type, &["#"]).await?;
    let run = Clock::machine().now().micros();
    load::fill(client, args.runs, |number| wish(run, number, "three")).await?;
    let daemon = [Daemon::start(ground, FILES).await?];
    let (rate, figures) = daemon::drain(&daemon, args.runs).await?;
    let [daemon] = daemon;
    daemon.stop().await?;
    ground.delete(Names::default().sink).await?;
    let steps = Walked {
        runs: args.runs,
        runs_per_second: rate.per_second,
        steps_per_second: rate.per_second * STEPS,
        inputs_per_commit: figures.inputs_per_commit,
        resident_mib: figures.resident_mib,
    };
    say(&steps.to_string());
    Ok(Some(steps))
}

/// Measures how long it takes from an answer to the next prompt.
async fn answers(client: &Client, args: &Args) -> Result<Latency, Failure> {
    let (ground, names) = (&args.ground, Names::default());
    let daemon = Daemon::start(ground, FILES).await?;
    let run = Clock::machine().now().micros();
    load::fill(client, args.concurrent, |number| {
        wish(run, number, "asking")
    })
    .await?;
    // The fixture's own runs are all that it decides.
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    while daemon.decided().await? < args.concurrent as f64 {
        tokio::time::sleep(LOOK).await;
    }
    load::make_sink(client, &ground.queue_type, &["procedure.awaiting_input"]).await?;
    let way = Way {
        sink: names.sink,
        message: &|number| {
            let place = number % args.concurrent;
            let subject = format!("asking-{run}-{place}");
            answer(&format!("{run}-a-{number}"), &subject, number)
        },
        number: load::number_of_event,
    };
    let pace = Pace {
        per_second: args.rate,
        seconds: args.seconds,
    };
    let latency = load::measure_latency(client, ground, pace, &way).await?;
    daemon.stop().await?;
    ground.delete(names.sink).await?;
    Ok(latency)
}

/// Measures what many runs cost that wait, and how long it takes to resume some of them.
async fn parked(client: &Client, args: &Args) -> Result<Option<Parked>, Failure> {
    if args.parked == 0 {
        return Ok(None);
    }
    let (ground, names) = (&args.ground, Names::default());
    say(&format!("copying up to {} runs", args.parked));
    let store = Store::open(&ground.database, Role::Tool)?;
    let waiting = store.reader().runs(
        &RunFilter {
            state: Some("awaiting_input".to_owned()),
            ..RunFilter::default()
        },
        Page::first(1),
    )?;
    let template = waiting.items.into_iter().next();
    let template = template.ok_or_else(|| Failure::new("no run waits"))?;
    let label = Clock::machine().now().micros().to_string();
    store.desk().runs_copy(&RunCopies {
        label: label.clone(),
        run_id: template.run_id,
        conversation_id: template.subject,
        count: args.parked,
    })?;
    drop(store);
    let daemon = Daemon::start(ground, FILES).await?;
    load::make_sink(client, &ground.queue_type, &["procedure.awaiting_input"]).await?;
    let stride = u64::try_from(args.parked).unwrap_or(1) / RESUMED.max(1);
    let way = Way {
        sink: names.sink,
        message: &|number| {
            let place = number * stride.max(1) + 1;
            let subject = format!("fill-{label}-c-{place}");
            answer(&format!("{label}-p-{number}"), &subject, number)
        },
        number: load::number_of_event,
    };
    let pace = Pace {
        per_second: 50,
        // With the warm-up as many as are to be resumed.
        seconds: (RESUMED / 50).saturating_sub(2),
    };
    let resumed = load::measure_latency(client, ground, pace, &way).await?;
    let parked = Parked {
        runs: args.parked,
        ready_ms: daemon.ready_ms(),
        resident_mib: daemon.memory_mib().0,
        resumed,
    };
    daemon.stop().await?;
    ground.delete(names.sink).await?;
    say(&parked.to_string());
    Ok(Some(parked))
}

/// Measures how many steps a second are simulated, on one core.
fn simulations() -> Result<f64, Failure> {
    let policy = Policy::load(&Sources::default(), &Directory::default());
    let policy = policy.map_err(|_| Failure::new("the empty policy does not load"))?;
    let settings = default_settings();
    let stage = Stage {
        policy: &policy,
        settings: &settings,
        now: Clock::machine().now(),
    };
    let mut text = String::from(
        "display_name: x\ntrigger_description: y\nsteps:\n  - { id: ask, type: collect_input, variable: v, prompt: x }\n",
    );
    for place in 0..10 {
        let _ = write!(
            text,
            "  - {{ id: m{place}, type: message, content: \"Hello {{{{v}}}}.\" }}\n  - {{ id: c{place}, type: condition, variable: v, operator: equals, value: a, then: s{place}, else: s{place} }}\n  - {{ id: s{place}, type: set_variable, name: w, value: \"{{{{v}}}} and more\" }}\n",
        );
    }
    let definition = Definition::parse(&text);
    let definition =
        definition.map_err(|malformed| Failure::new(malformed.faults[0].to_string()))?;
    let script = Script {
        inputs: vec!["a".to_owned()],
        ..Script::default()
    };
    let steps = f64::from(u32::try_from(definition.steps.len()).unwrap_or(0));
    let watch = Stopwatch::start();
    for _ in 0..SIMULATIONS {
        black_box(simulate(&stage, &definition, &script));
    }
    Ok(steps * f64::from(SIMULATIONS) / watch.elapsed().as_secs_f64())
}
