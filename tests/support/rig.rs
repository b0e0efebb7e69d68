//! A rig: everything that a daemon needs, which outlives each daemon started on it.

use std::{
    collections::HashSet,
    fs::File,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{
    broker::{Broker, Vhost},
    daemon::Daemon,
    database::{Database, Kind},
    ledger::markers,
    place::{PATIENCE, Place, copy_folder, free_port, of_package},
    wire::Wire,
};

/// A database, a virtual host, a policy and a configuration of a test's own.
#[derive(Debug)]
pub(crate) struct Rig {
    /// The folder; `rules/` is the policy, `config/` the configuration.
    pub(crate) place: Place,
    /// The database.
    pub(crate) database: Database,
    /// Where the daemon finds its database; the database's own URL unless a proxy stands between.
    pub(crate) database_url: String,
    /// Where the daemon finds its broker; empty when there is none.
    pub(crate) amqp_url: String,
    vhost: Option<Vhost>,
    wire: Option<Wire>,
    settings: String,
    excused: Vec<String>,
    token: OnceLock<String>,
    started: AtomicU32,
}

impl Rig {
    /// Makes a rig with a virtual host on the node that all tests share.
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::on(kind, &Broker::common()).await
    }

    /// Makes a rig with a virtual host on a node of choice.
    pub(crate) async fn on(kind: Kind, broker: &Broker) -> Self {
        let rig = Self::bare(kind, broker).await;
        rig.wire().declare_inbox().await;
        rig
    }

    /// Makes a rig whose virtual host holds nothing but the collector's queue.
    pub(crate) async fn bare(kind: Kind, broker: &Broker) -> Self {
        let mut rig = Self::embedded(kind);
        let vhost = broker.vhost().await;
        let wire = Wire::open(&vhost.url()).await;
        rig.amqp_url = vhost.url();
        rig.vhost = Some(vhost);
        rig.wire = Some(wire);
        rig
    }

    /// Makes a rig without a broker.
    pub(crate) fn embedded(kind: Kind) -> Self {
        let place = Place::new("rig");
        let database = Database::fresh(kind, place.path());
        Self::around(place, database)
    }

    /// Makes a rig on a database of choice, without a broker.
    pub(crate) fn around(place: Place, database: Database) -> Self {
        copy_folder(&of_package("tests/data/rules"), &place.path().join("rules"));
        Self {
            database_url: database.url.clone(),
            database,
            amqp_url: String::new(),
            vhost: None,
            wire: None,
            settings: String::new(),
            excused: Vec::new(),
            token: OnceLock::new(),
            started: AtomicU32::new(0),
            place,
        }
    }

    /// Takes another database, before the first start.
    pub(crate) fn with_database(mut self, database: Database) -> Self {
        self.database_url.clone_from(&database.url);
        self.database = database;
        self
    }

    /// Adds lines to `provost.toml`; keys without a section come first.
    pub(crate) fn settings(&mut self, lines: &str) {
        self.settings.push_str(lines);
        self.settings.push('\n');
    }

    /// Announces that error lines which hold `text` are part of the test.
    pub(crate) fn excuse(&mut self, text: &str) {
        self.excused.push(text.to_owned());
    }

    /// Gives the virtual host.
    pub(crate) fn vhost(&self) -> &Vhost {
        self.vhost.as_ref().expect("a rig with a broker")
    }

    /// Gives the direct line to the broker.
    pub(crate) fn wire(&self) -> &Wire {
        self.wire.as_ref().expect("a rig with a broker")
    }

    /// Gives the policy's folder.
    pub(crate) fn rules(&self) -> PathBuf {
        self.place.path().join("rules")
    }

    /// Writes a file of the policy.
    pub(crate) fn rule(&self, name: &str, source: &str) {
        self.place.write(&format!("rules/{name}"), source);
    }

    /// Writes a file below the configuration, such as an action.
    pub(crate) fn configuration(&self, name: &str, content: &str) {
        self.place.write(&format!("config-one/{name}"), content);
    }

    /// Removes a file below the configuration.
    pub(crate) fn remove(&self, name: &str) {
        let path = self.place.path().join("config-one").join(name);
        std::fs::remove_file(path).expect("it was there");
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn start(&self) -> Daemon {
        self.start_as("one", &[]).await
    }

    /// Starts a daemon under an instance name, with further variables, and waits until it is ready.
    pub(crate) async fn start_as(&self, instance: &str, variables: &[(&str, &str)]) -> Daemon {
        let mut daemon = self.launch(instance, variables);
        daemon.ready().await;
        daemon
    }

    /// Starts the daemon that will abort at a point; see `PROVOST_CRASH_AT`.
    pub(crate) fn doomed(&self, point: &str) -> Daemon {
        self.launch("one", &[("PROVOST_CRASH_AT", point)])
    }

    /// Starts a daemon and does not wait.
    pub(crate) fn launch(&self, instance: &str, variables: &[(&str, &str)]) -> Daemon {
        let token = self.token().to_owned();
        let listen = format!("127.0.0.1:{}", free_port());
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let log = self
            .place
            .path()
            .join(format!("daemon-{number}-{instance}.log"));
        let file = File::create(&log).expect("a log");
        let child = self
            .configured(instance, &["run"])
            .env("PROVOST_HTTP_LISTEN", &listen)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .spawn()
            .expect("the daemon starts");
        Daemon::new(
            child,
            format!("http://{listen}"),
            token,
            log,
            self.excused.clone(),
        )
    }

    // Prepares a subcommand that reads the configuration of an instance.
    fn configured(&self, instance: &str, arguments: &[&str]) -> Command {
        let config = format!("config-{instance}");
        let settings = format!("instance = \"{instance}\"\n{}", self.settings);
        self.place
            .write(&format!("{config}/provost.toml"), &settings);
        let mut command = self.command(arguments);
        command.arg("--config").arg(self.place.path().join(config));
        command
    }

    // Prepares the program with this rig's environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provost"));
        command
            .args(arguments)
            .current_dir(self.place.path())
            .env("PROVOST_DATABASE_URL", &self.database_url)
            .env("PROVOST_AMQP_URL", &self.amqp_url)
            .env("PROVOST_RULES", self.rules())
            .env("PROVOST_LOG", "info");
        command
    }

    /// Runs a subcommand that works on the database to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.configured("one", arguments);
        command.stdin(Stdio::null()).output().expect("it runs")
    }

    /// Runs a subcommand that needs neither a daemon nor a configuration to its end.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).output().expect("it runs")
    }

    /// Runs a subcommand that asks a running daemon to its end.
    pub(crate) fn ask(&self, daemon: &Daemon, arguments: &[&str]) -> Output {
        self.ask_with(daemon.token(), daemon, arguments)
    }

    /// Runs a subcommand that asks a running daemon to its end, with a token of choice.
    pub(crate) fn ask_with(&self, token: &str, daemon: &Daemon, arguments: &[&str]) -> Output {
        self.command(arguments)
            .env("PROVOST_SERVER", daemon.url())
            .env("PROVOST_TOKEN", token)
            .stdin(Stdio::null())
            .output()
            .expect("it runs")
    }

    fn token(&self) -> &str {
        self.token.get_or_init(|| self.token_for("test", "owner"))
    }

    /// Makes a token on the database itself, past any proxy.
    pub(crate) fn token_for(&self, name: &str, roles: &str) -> String {
        let form = ["--output", "plain"];
        let arguments = ["token", "create", "--name", name, "--roles", roles];
        let output = self
            .configured("one", &[&arguments[..], &form[..]].concat())
            .env("PROVOST_DATABASE_URL", &self.database.url)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "token create: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text.trim().to_owned()
    }

    /// Puts events in, over AMQP.
    pub(crate) async fn deliver(&self, events: &[Value]) {
        self.wire().deliver(events).await;
    }

    /// Waits until everything that was put in before is through: marked by messages of
    /// conversations of their own, enough of them that every lane decides one.
    pub(crate) async fn settle(&self, daemon: &Daemon) {
        let markers = markers(8);
        let ids: Vec<String> = markers
            .iter()
            .filter_map(|marker| marker["id"].as_str().map(str::to_owned))
            .collect();
        if self.wire.is_some() {
            self.deliver(&markers).await;
        } else {
            daemon.deliver(&markers).await;
        }
        self.published(daemon, &ids).await;
    }

    /// Waits until each of these events has its `message.send`, on the wire or, without a broker, in the API.
    pub(crate) async fn published(&self, daemon: &Daemon, causes: &[String]) {
        let mut missing = causes.to_vec();
        let look = async {
            loop {
                let answered: HashSet<String> = self
                    .results(daemon)
                    .await
                    .iter()
                    .filter(|event| event["type"] == "message.send")
                    .filter_map(|event| event["causationid"].as_str().map(str::to_owned))
                    .collect();
                missing.retain(|cause| !answered.contains(cause));
                if missing.is_empty() {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(PATIENCE, look).await.is_err() {
            missing.truncate(10);
            let all = causes.len();
            let standing = self.standing().await;
            panic!(
                "no answer within {PATIENCE:?} to some of {all} events, such as {missing:?}\n{standing}"
            );
        }
    }

    // Where everything stands, for a failed test to tell.
    async fn standing(&self) -> String {
        let queues = match &self.vhost {
            Some(vhost) => vhost.queues().await,
            None => String::new(),
        };
        let rows = self.database.values(
            "SELECT 'journal ' || count(*) || ', of messages ' || count(CASE WHEN kind = 'conversation.message' THEN 1 END) AS value FROM journal
             UNION ALL SELECT 'daemon ' || instance || ' published up to ' || watermark FROM daemons
             UNION ALL SELECT 'parked ' || count(*) FROM parked
             UNION ALL SELECT 'tail ' || position FROM tail",
        );
        let seen = self.wire.as_ref().map_or(0, |wire| wire.seen().len());
        format!("{queues}{}\nresults collected {seen}", rows.join("\n"))
    }

    /// Gives the results so far, in the order in which they came out, repetitions included.
    pub(crate) async fn results(&self, daemon: &Daemon) -> Vec<Value> {
        match &self.wire {
            Some(wire) => wire
                .seen()
                .into_iter()
                .map(|published| published.event)
                .collect(),
            None => super::verify::api_results(daemon, "/v1/results").await,
        }
    }
}
