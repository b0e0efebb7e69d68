//! Starting the whole in order, and ending it so that nothing taken in is left half done.
//!
//! Start: policy, database, this daemon's row, lanes, what was left unpublished,
//! broker, heartbeat, schedules. Stop: intake closes, lanes finish what they
//! hold, results go out, the broker's connections close, the watermark is stored.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    app::{App, Loaded},
    assemble::{self, House},
    reload::{Folders, ReloadFault},
    sealer,
};
use crate::{
    clock::Clock,
    config::Config,
    store::{Registration, StoreError},
};

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration or the policy is at fault.
    #[error("{0}")]
    Policy(ReloadFault),
    /// The database cannot be used as it is.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be sent.
    #[error("TLS cannot be set up: {0}")]
    Outbound(String),
}

/// A started daemon.
pub struct Running {
    /// What the rest of the house sees of it.
    pub app: App,
    /// The policy that was loaded.
    pub loaded: Loaded,
    /// Tasks that other parts add to, such as the HTTP server; awaited at the end.
    pub tasks: TaskTracker,
    /// Ends those tasks.
    pub stop: CancellationToken,
    house: House,
    intake_task: Option<tokio::task::JoinHandle<()>>,
}

/// Starts the daemon.
///
/// *Errors*: a policy at fault; a database that refuses. One that is away is waited for.
pub async fn start(config: Config, folders: Folders, clock: Clock) -> Result<Running, StartError> {
    let (bundle, ruling) = folders.read(clock.now()).map_err(StartError::Policy)?;
    for case in folders.failing_cases(&ruling) {
        tracing::warn!(%case, "a case of the policy fails; a reload would refuse it");
    }
    let loaded = Loaded {
        version: ruling.version.to_string(),
        rules: ruling.policy.rules().len(),
        has_changed: true,
        held: Vec::new(),
    };
    let store = assemble::open_store(&config).await?;
    let key = config
        .audit
        .open_key(&config.database.url)
        .map_err(|fault| StartError::Policy(ReloadFault::Config(vec![*fault])))?;
    let registered = assemble::register(&store, &config).await?;
    let outbound = assemble::way_out(&config, &clock).map_err(StartError::Outbound)?;
    let (own, unsent) = assemble::left_over(&store, registered.0.id).await?;
    let posting = assemble::left_posting(&store, registered.0.id).await?;
    let config = Arc::new(config);
    let mut house = assemble::house(config, store, registered, ruling, (clock, outbound));
    let app = house.app(folders);
    app.keep(&app.in_force.ruling(), &bundle).await;
    app.report_loaded(&loaded).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let unsent: Vec<_> = unsent.into_iter().map(Arc::new).collect();
    house.dispatch.take(&unsent);
    house.dispatch.adopt(own);
    house.poster.adopt(posting);
    app.publish_files().await;
    let intake_task = house.begin_work(&app, &tasks, &stop);
    tasks.spawn(sealer::run(app.clone(), key, stop.clone()));
    Ok(Running {
        app,
        loaded,
        tasks,
        stop,
        house,
        intake_task,
    })
}

impl Running {
    /// Ends in order, within `shutdown_timeout`: what was taken in is decided, its results go out.
    /// Gives whether all of it was done in time; what was not is done at the next start.
    pub async fn stop(mut self) -> bool {
        let limit = self.app.config.shutdown_timeout.to_std();
        let app = self.app.clone();
        let is_done = tokio::time::timeout(limit, self.drain()).await.is_ok();
        let held = Registration {
            watermark: self.house.relay.watermark(),
            ..self.house.identity.held()
        };
        // What has nothing left to publish leaves no row for others to look after.
        let ended = app.store.write(move |desk| {
            let is_held = desk.daemon_watermark(held)?;
            Ok(is_held && is_done && desk.daemon_retire(held)?)
        });
        if let Err(error) = ended.await {
            tracing::warn!(%error, "the watermark was not stored; the newest results may go out again at the next start");
        }
        is_done
    }

    async fn drain(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.intake_task.take() {
            let _ = task.await;
        }
        // What is under way comes back through the lanes.
        tokio::join!(self.house.dispatch.drain(), self.house.poster.drain());
        self.app.intake.close();
        for lane in self.house.lanes.drain(..) {
            let _ = tokio::task::spawn_blocking(move || lane.join()).await;
        }
        let left = self.house.dispatch.left();
        let leaving = self
            .app
            .store
            .write(move |desk| desk.executions_leave(&left));
        if let Err(error) = leaving.await {
            tracing::warn!(%error, "executions that were not sent yet could not be left to the next daemon");
        }
        while self.house.link.is_some() && !self.house.relay.is_idle() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if let Some(link) = self.house.link.take() {
            link.close().await;
        }
        self.house.stop_relay.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
