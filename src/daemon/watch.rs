//! Watches the folders of the policy and the configuration and reloads when something in them changed.
//!
//! Changes gather for a moment, because an editor writes a file in several steps.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

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
        if event.is_ok_and(|event| concerns(&event)) {
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

/// Tells whether something may be a text of the policy or the configuration, or a folder of them. A
/// database that stands beside them changes all the time.
fn concerns(event: &notify::Event) -> bool {
    let is_text = |path: &PathBuf| {
        let ending = Path::extension(path).and_then(|ending| ending.to_str());
        ending.is_none_or(|ending| ["json", "rhai", "toml", "yaml", "yml"].contains(&ending))
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(is_text)
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, ModifyKind};

    use super::*;

    #[test]
    fn only_texts_and_folders_are_looked_at() {
        let changed = |path: &str| {
            let kind = EventKind::Modify(ModifyKind::Any);
            concerns(&notify::Event::new(kind).add_path(PathBuf::from(path)))
        };
        for path in [
            "rules/a.rhai",
            "config/actions/refund.toml",
            "config/actions",
        ] {
            assert!(changed(path), "{path}");
        }
        for path in [
            "config/provost.db",
            "config/provost.db-wal",
            "rules/a.rhai~",
        ] {
            assert!(!changed(path), "{path}");
        }
        let read = EventKind::Access(AccessKind::Any);
        assert!(!concerns(
            &notify::Event::new(read).add_path("a.rhai".into())
        ));
    }
}
