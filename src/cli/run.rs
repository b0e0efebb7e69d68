//! `provost run`: starts the daemon and lives with it until it is told to stop.
//!
//! SIGTERM and SIGINT drain and stop; a second one stops at once. SIGHUP reloads.
//! Under systemd it says READY, RELOADING and STOPPING, and answers the watchdog
//! only while there is progress.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{EXIT_CONFIG, Failure};
use crate::{
    clock::Clock,
    config::{Config, Env},
    daemon::{self, App, Folders, ReloadFault, Running, StartError, Watchdog},
    http,
    policy::Sources,
    store::Reader,
    telemetry::{self, Metrics},
    workbench::check::render,
};

/// How often the metrics are summed up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Start the daemon
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  provost run\n  provost run --config /etc/provost\n  PROVOST_DATABASE_URL=postgres://provost@db/provost PROVOST_AMQP_URL=amqp://mq provost run"
)]
pub struct Args {
    /// The configuration folder
    #[arg(long, default_value = "config")]
    pub config: PathBuf,
}

/// Runs the daemon until it is told to stop.
pub fn main(args: Args) -> ExitCode {
    let env = Env::process();
    let filter = env.var("PROVOST_LOG").unwrap_or("info").to_owned();
    if let Err(error) = telemetry::init_logs(&filter) {
        return Failure::new(error.to_string()).code(EXIT_CONFIG).report();
    }
    let loaded = match Config::load(&args.config, &env) {
        Ok(loaded) => loaded,
        Err(faults) => return refuse(&ReloadFault::Config(faults), &PathBuf::new()),
    };
    for warning in &loaded.warnings {
        tracing::warn!(%warning, "configuration");
    }
    let folders = Folders {
        config: args.config,
        rules: loaded.config.policy.rules.clone(),
        env,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::new(format!("the runtime does not start: {error}")).report(),
    };
    let code = runtime.block_on(live(loaded.config, folders));
    // A lane that waits for a database that is away must not hold the end up: what it holds is not
    // acknowledged and is decided at the next start.
    runtime.shutdown_background();
    code
}

/// Says every fault, with its place, and gives the exit code of a configuration in error.
fn refuse(fault: &ReloadFault, rules: &Path) -> ExitCode {
    let (what, text) = match fault {
        ReloadFault::Config(faults) => (
            "the configuration is in error",
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        ReloadFault::Policy(faults) => {
            let sources = Sources::read(rules).unwrap_or_default();
            ("the policy is in error", render(faults, &sources))
        }
    };
    Failure::new(format!("not started, {what}:\n\n{text}"))
        .code(EXIT_CONFIG)
        .report()
}

async fn live(config: Config, folders: Folders) -> ExitCode {
    // Received from the first moment on: whoever sees the daemon ready may stop it.
    let mut signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            return Failure::new(format!("signals cannot be received: {error}")).report();
        }
    };
    let metrics = Metrics::install();
    // Bound before the rest, so that a port that is taken is known at once.
    let listener = match TcpListener::bind(&config.http.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            let message = format!("cannot listen on {}: {error}", config.http.listen);
            return Failure::new(message)
                .next("choose another address with PROVOST_HTTP_LISTEN or `[http] listen`")
                .report();
        }
    };
    let rules_folder = folders.rules.clone();
    let started = tokio::select! {
        started = daemon::start(config, folders, Clock::machine()) => started,
        () = signals.end() => {
            tracing::info!("stopped before it was up");
            return ExitCode::SUCCESS;
        }
    };
    let running = match started {
        Ok(running) => running,
        Err(StartError::Policy(fault)) => return refuse(&fault, &rules_folder),
        Err(error @ (StartError::Store(_) | StartError::Outbound(_))) => {
            return Failure::new(error.to_string()).report();
        }
    };
    let address = listener.local_addr().map_or_else(
        |_| running.app.config.http.listen.clone(),
        |at| at.to_string(),
    );
    running
        .tasks
        .spawn(serve(running.app.clone(), listener, running.stop.clone()));
    let token = first_token(&running.app).await;
    let published = running.app.store.read(Reader::published).await;
    let procedures = published.map_or(0, |published| published.active.len());
    greet(&running, &address, procedures, token.as_deref());
    running.tasks.spawn(keep_up(metrics, running.stop.clone()));
    running
        .tasks
        .spawn(answer_watchdog(running.app.clone(), running.stop.clone()));
    notify(&[NotifyState::Ready]);
    wait_for_end(&running, &mut signals).await;
    end(running, signals).await
}

/// Drains and stops; a second signal stops at once.
async fn end(running: Running, mut signals: Signals) -> ExitCode {
    notify(&[NotifyState::Stopping]);
    tracing::info!("stopping: intake is closed, what was taken in is brought to its end");
    tokio::select! {
        is_done = running.stop() => {
            if is_done {
                tracing::info!("stopped");
            } else {
                tracing::warn!("stopped at the end of `shutdown_timeout`; the rest is done at the next start");
            }
            ExitCode::SUCCESS
        }
        () = signals.end() => {
            tracing::warn!("stopped at once at the second signal; the rest is done at the next start");
            ExitCode::SUCCESS
        }
    }
}

async fn serve(app: App, listener: TcpListener, stop: CancellationToken) {
    if let Err(error) = http::serve(Arc::new(app), listener, stop).await {
        tracing::error!(%error, "the HTTP server has ended; restart the daemon");
    }
}

/// Makes the owner's token at the very first start. *Shape*: `None` when there are tokens already.
async fn first_token(app: &App) -> Option<String> {
    match super::token::first_owner(&app.store).await {
        Ok(token) => token,
        Err(error) => {
            tracing::error!(error = %error.message(), "no token could be made; use `provost token create`");
            None
        }
    }
}

/// Says in a few lines where it listens, what it loaded, and what to try next.
fn greet(running: &Running, address: &str, procedures: usize, token: Option<&str>) {
    let app = &running.app;
    let ruling = app.in_force.ruling();
    let database = app.store.describe();
    let broker = match app.config.broker.urls().first() {
        Some(url) => Config::redacted_url(url),
        None => "none (events come and go over HTTP)".to_owned(),
    };
    tracing::info!(%address, %database, %broker, policy.version = %ruling.version, rules = running.loaded.rules, procedures, "provost is up");
    if !app.config.http.is_loopback() {
        tracing::warn!(%address, "listening beyond this machine without TLS: put a proxy with TLS in front");
    }
    if !io::stdout().is_terminal() && token.is_none() {
        return;
    }
    let next = match token {
        Some(token) => format!(
            "  The owner's token, shown only this once:\n\n    export PROVOST_TOKEN={token}\n\n  Try it: post a sample conversation, then see what followed.\n\n    curl -sS http://{address}/v1/events -H \"Authorization: Bearer $PROVOST_TOKEN\" \\\n      -H 'Content-Type: application/cloudevents+json' \\\n      -d '{SAMPLE}'\n\n    curl -sS http://{address}/v1/results -H \"Authorization: Bearer $PROVOST_TOKEN\"\n"
        ),
        None => {
            "  Try `provost status`, or `provost token create --help` for a token.\n".to_owned()
        }
    };
    let text = format!(
        "\n  Provost listens on http://{address}\n  database  {database}\n  broker    {broker}\n  policy    {} rules from {} (version {}), {procedures} procedures published\n\n{next}\n",
        running.loaded.rules,
        app.config.policy.rules.display(),
        ruling.version
    );
    // Nothing is lost when nobody reads it.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// An event that the sample policy answers with an escalation and a ticket.
const SAMPLE: &str = r#"{"specversion":"1.0","id":"hello-1","source":"/tour","type":"conversation.message","subject":"conversation-1","data":{"channel":"web","customer":{"id":"c-1","name":"Ada"},"message":{"id":"m-1","text":"I want a refund, please","author":{"kind":"customer","id":"c-1"}}}}"#;

/// Waits for SIGTERM or SIGINT; reloads at SIGHUP.
async fn wait_for_end(running: &Running, signals: &mut Signals) {
    while signals.next().await == Asked::Reload {
        notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now().unwrap_or(NotifyState::Status("reloading")),
        ]);
        match running.app.reload().await {
            Ok(loaded) if !loaded.has_changed => {
                tracing::info!(
                    policy.version = loaded.version,
                    "reload: nothing has changed"
                );
            }
            // What came of it is logged where it happened.
            Ok(_) | Err(_) => {}
        }
        notify(&[NotifyState::Ready]);
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Stop,
    Reload,
}

/// The signals that the daemon listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for the next wish to stop; a wish to reload has no meaning meanwhile.
    async fn end(&mut self) {
        while self.next().await == Asked::Reload {}
    }
}

/// Keeps the metrics in bounds.
async fn keep_up(metrics: Metrics, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(UPKEEP))
        .await
        .is_some()
    {
        metrics.upkeep();
    }
}

/// Answers the service manager's watchdog while there is progress.
async fn answer_watchdog(app: App, stop: CancellationToken) {
    let mut interval_micros = 0;
    if !sd_notify::watchdog_enabled(false, &mut interval_micros) {
        return;
    }
    let mut watchdog = Watchdog::default();
    // Half the interval, so that one late look kills nobody.
    let pause = Duration::from_micros(interval_micros / 2);
    while stop
        .run_until_cancelled(tokio::time::sleep(pause))
        .await
        .is_some()
    {
        if watchdog.is_alive(&app) {
            notify(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(
                "no progress since the last look; the service manager's watchdog gets no answer"
            );
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(false, states);
}
