//! The daemon under measurement: a process of its own, with a configuration of its own.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{
    ground::Ground,
    load::Names,
    machine,
    report::{Figures, Plan, Rate},
};
use crate::{
    cli::Failure,
    clock::Stopwatch,
    store::{Role, Store},
};

/// What lies in the daemon's folder besides its settings: paths below it, and texts.
pub(super) type Files<'a> = &'a [(&'a str, &'a str)];

/// The file of the daemon's settings; what the files have under this name is added to them.
const SETTINGS: &str = "provost.toml";
/// How long the daemon may take to be ready, to stop, and to move on.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// A running daemon.
pub(super) struct Daemon {
    process: Child,
    folder: PathBuf,
    address: String,
    http: reqwest::Client,
    ready_ms: f64,
}

/// Counters of the daemon at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    seconds: f64,
    published: f64,
    decided: f64,
    batches: f64,
}

impl Sample {
    fn inputs_per_commit(&self) -> f64 {
        self.decided / self.batches.max(1.0)
    }
}

/// Brings the database up to date and fills its journal, if that is asked for.
pub(super) fn prepare(ground: &Ground, rows: i64) -> Result<Plan, Failure> {
    let store = Store::open(&ground.database, Role::Tool)?;
    store.migrate()?;
    if rows > 0 {
        super::say(&format!("filling the journal up to {rows} rows"));
        store.desk().journal_fill(rows)?;
    }
    let journal_rows = store.reader().tail()?.position;
    Ok(Plan {
        database: store.describe(),
        journal_rows,
    })
}

/// Gives how large the database is now, its largest tables first.
pub(super) fn table_bytes(ground: &Ground) -> Result<Vec<(String, i64)>, Failure> {
    Ok(Store::open(&ground.database, Role::Tool)?
        .reader()
        .sizes()?)
}

impl Daemon {
    /// Starts a daemon and waits until it is ready.
    pub(super) async fn start(ground: &Ground, files: Files<'_>) -> Result<Self, Failure> {
        // Free a moment ago; a port that is taken meanwhile shows as a daemon that does not start.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let name = format!("provost-bench-{}-{}", std::process::id(), address.port());
        let (folder, address) = (std::env::temp_dir().join(name), address.to_string());
        fs::create_dir_all(&folder)?;
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            fs::write(path, text)?;
        }
        let more = files.iter().find(|(path, _)| *path == SETTINGS);
        let more = more.map_or("", |(_, text)| text);
        fs::write(folder.join(SETTINGS), configuration(ground) + more)?;
        let log = match &ground.log {
            Some(path) => Stdio::from(File::options().create(true).append(true).open(path)?),
            None => Stdio::null(),
        };
        let process = Command::new(std::env::current_exe()?)
            .arg("run")
            .arg("--config")
            .arg(&folder)
            .env("PROVOST_RULES", folder.join("rules"))
            .env("PROVOST_DATABASE_URL", &ground.database)
            .env("PROVOST_AMQP_URL", &ground.amqp)
            .env("PROVOST_HTTP_LISTEN", &address)
            .env("PROVOST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(|error| Failure::new(format!("the HTTP client: {error}")))?;
        let mut daemon = Self {
            process,
            folder,
            address,
            http,
            ready_ms: 0.0,
        };
        daemon.wait_until_ready().await?;
        Ok(daemon)
    }

    /// Says where its API is.
    pub(super) fn server(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives its resident memory and the peak of it. *Units*: MiB.
    pub(super) fn memory_mib(&self) -> (u64, u64) {
        machine::memory_mib(self.process.id())
    }

    /// Tells how long it took from its start to ready. *Units*: milliseconds.
    pub(super) fn ready_ms(&self) -> f64 {
        self.ready_ms
    }

    async fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let pause = Duration::from_millis(5);
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                return Err(Failure::new(format!("the daemon does not start: {status}"))
                    .next("see its log with --log FILE"));
            }
            let answer = self
                .http
                .get(format!("http://{}/readyz", self.address))
                .send()
                .await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                self.ready_ms = watch.elapsed().as_secs_f64() * 1_000.0;
                return Ok(());
            }
            tokio::time::sleep(pause).await;
        }
        Err(Failure::new("the daemon is not ready within a minute")
            .next("see its log with --log FILE"))
    }

    /// Gives how many inputs a commit has carried so far, on average.
    pub(super) async fn inputs_per_commit(&self) -> Result<f64, Failure> {
        Ok(self.sample().await?.inputs_per_commit())
    }

    /// Gives how many events it has decided.
    pub(super) async fn decided(&self) -> Result<f64, Failure> {
        Ok(self.sample().await?.decided)
    }

    /// Gives how many clocks it has found breached.
    pub(super) async fn breached(&self) -> Result<f64, Failure> {
        let text = self.metrics().await?;
        let label = "kind=\"breached\"";
        Ok(value(&text, "provost_sla_transitions_total", label))
    }

    /// Gives how much it has computed since its start. *Units*: seconds of one core.
    pub(super) fn cpu_seconds(&self) -> f64 {
        machine::cpu_seconds(self.process.id())
    }

    async fn sample(&self) -> Result<Sample, Failure> {
        let text = self.metrics().await?;
        Ok(Sample {
            seconds: 0.0,
            published: value(&text, "provost_results_published_total", ""),
            decided: value(&text, "provost_events_decided_total", ""),
            batches: value(&text, "provost_batch_events_count", ""),
        })
    }

    async fn is_idle(&self) -> Result<bool, Failure> {
        let text = self.metrics().await?;
        Ok(value(&text, "provost_results_unpublished", "") < 0.5)
    }

    async fn metrics(&self) -> Result<String, Failure> {
        let answer = async {
            self.http
                .get(format!("http://{}/metrics", self.address))
                .send()
                .await?
                .text()
                .await
        };
        answer
            .await
            .map_err(|error| Failure::new(format!("the daemon does not answer: {error}")))
    }

    /// Stops it as an operator would, and waits.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let process = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &process]).status()?;
        let watch = Stopwatch::start();
        while self.process.try_wait()?.is_none() {
            if watch.elapsed() > PATIENCE {
                return Err(Failure::new("the daemon does not stop within a minute"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail when it has ended, which is as it should be.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until daemons have decided `events` events and published their results; gives how fast that went,
/// and what the first of them took.
pub(super) async fn drain(daemons: &[Daemon], events: u64) -> Result<(Rate, Figures), Failure> {
    #[expect(clippy::cast_precision_loss, reason = "a count of events")]
    let wanted = events as f64;
    let Some(first) = daemons.first() else {
        return Err(Failure::new("no daemon is running"));
    };
    let watch = Stopwatch::start();
    let mut samples: Vec<Sample> = Vec::new();
    let mut moved = watch.elapsed();
    let mut early_mib = None;
    loop {
        let mut sample = sample_of(daemons).await?;
        sample.seconds = watch.elapsed().as_secs_f64();
        let before = samples.last().map_or(-1.0, |sample| sample.published);
        if sample.published > before {
            moved = watch.elapsed();
        }
        samples.push(sample);
        if sample.decided >= wanted * 0.1 {
            early_mib.get_or_insert_with(|| first.memory_mib().0);
        }
        let results = sample.published;
        if sample.decided >= wanted
            && results > 0.0
            && (results - before).abs() < 0.5
            && are_idle(daemons).await?
        {
            let (resident_mib, peak_mib) = first.memory_mib();
            let figures = Figures {
                ready_ms: first.ready_ms,
                early_mib: early_mib.unwrap_or(resident_mib),
                resident_mib,
                peak_mib,
                inputs_per_commit: sample.inputs_per_commit(),
            };
            return Ok((rate(&samples, wanted), figures));
        }
        if watch.elapsed().saturating_sub(moved) > PATIENCE {
            return Err(Failure::new("the daemon publishes nothing more")
                .next("see its log with --log FILE"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Adds up what daemons have done.
async fn sample_of(daemons: &[Daemon]) -> Result<Sample, Failure> {
    let mut sum = Sample::default();
    for daemon in daemons {
        let sample = daemon.sample().await?;
        sum.published += sample.published;
        sum.decided += sample.decided;
        sum.batches += sample.batches;
    }
    Ok(sum)
}

async fn are_idle(daemons: &[Daemon]) -> Result<bool, Failure> {
    for daemon in daemons {
        if !daemon.is_idle().await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives the rate between the first tenth and the last twentieth of the results.
fn rate(samples: &[Sample], events: f64) -> Rate {
    let total = samples.last().map_or(0.0, |sample| sample.published);
    let at = |share: f64| {
        samples
            .iter()
            .find(|sample| sample.published >= total * share)
            .copied()
            .unwrap_or_default()
    };
    let (start, end) = (at(0.1), at(0.95));
    let share = (end.published - start.published) / total;
    Rate {
        per_second: share * events / (end.seconds - start.seconds),
        seconds: end.seconds,
    }
}

/// Gives the sum over a metric's series that have a label, such as `kind="met"`; over all where it is empty.
fn value(text: &str, name: &str, label: &str) -> f64 {
    text.lines()
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([' ', '{']) && rest.contains(label))
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

fn configuration(ground: &Ground) -> String {
    let names = Names::default();
    let (queue_type, lanes, partitions) = (&ground.queue_type, ground.lanes, ground.partitions);
    format!(
        "[broker]\nevents_exchange = \"{}\"\ninbox = \"{}\"\nresults_exchange = \"{}\"\ndead_exchange = \"{}\"\n\
         parked_queue = \"{}\"\nqueue_type = \"{queue_type}\"\npartitions = {partitions}\n[database]\nlanes = {lanes}\n[policy]\nwatch = false\n",
        names.events_exchange,
        names.inbox_of(partitions),
        names.results_exchange,
        names.dead_exchange,
        names.parked
    )
}
