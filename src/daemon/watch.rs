//! Watches the policy's folders and reloads when something in them changed.
//!
//! Changes gather for a moment, because an editor writes a file in several steps.

use std::{path::PathBuf, time::Duration};

use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::app::App;

/// How long changes gather.
const SETTLE: Duration = Duration::from_millis(200);

/// Reloads at changes until stopped.
pub(super) async fn run(app: App, folders: Vec<PathBuf>, stop: CancellationToken) {
    let (sender, mut changes) = mpsc::channel::<()>(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            // A full channel means that a reload is already due.
            let _ = sender.try_send(());
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "the policy's folder is not watched; reload with SIGHUP or over the API");
            return;
        }
    };
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
            tracing::warn!(folder = %folder.display(), %error, "a folder is not watched; reload with SIGHUP or over the API");
        }
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => if change.is_none() { return },
        }
        tokio::time::sleep(SETTLE).await;
        while changes.try_recv().is_ok() {}
        // What is wrong was logged, published and is shown by the health page.
        let _ = app.reload().await;
    }
}
