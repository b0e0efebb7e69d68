//! Where a test lives: its folder, its ports, its deadlines, the services it was given.
//!
//! Folders are removed when the test passes, and named when it fails. Waiting is
//! looking again until a deadline, which is generous, since it is met only by a
//! fault: a slow machine must not fail a test.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::{sleep, timeout};

/// The longest that anything may take which a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Gives a variable that `tests/run` sets.
pub(crate) fn given(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: `tests/run` starts the services and sets it (one test: `tests/run --filter NAME`)")
    })
}

/// Tells whether the long loops were asked for (`tests/run --soak`).
pub(crate) fn soak() -> bool {
    env::var_os("PROVOST_TEST_SOAK").is_some()
}

/// A name that no other test of this run uses, fit for a database, a virtual host and a folder.
pub(crate) fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!(
        "{stem}_{}_{}",
        process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// Looks every 30 ms until `look` finds something, and fails the test after [`PATIENCE`].
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

/// As [`eventually`], with a deadline of the test's own.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(30)).await;
        }
    };
    match timeout(limit, search).await {
        Ok(found) => found,
        Err(tokio::time::error::Elapsed { .. }) => panic!("waited {limit:?} in vain: {what}"),
    }
}

/// A folder of a test's own.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    /// Makes a new, empty folder; services that root starts as another user may enter it.
    pub(crate) fn new(stem: &str) -> Self {
        let above = env::var_os("PROVOST_TEST_WORK").map_or_else(env::temp_dir, PathBuf::from);
        let path = above.join(unique(stem));
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// Gives the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file below the folder, with the folders on the way.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() || env::var_os("PROVOST_TEST_KEEP").is_some() {
            eprintln!("left for a look: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Copies a folder with what is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a readable folder") {
        let entry = entry.expect("a folder's entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copied file");
        }
    }
}

/// Gives a folder of the package.
pub(crate) fn of_package(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs `tests/support/services` to its end and gives what it printed.
pub(crate) async fn services(arguments: &[&str]) -> String {
    let mut command = Command::new(of_package("tests/support/services"));
    command.args(arguments).stdin(process::Stdio::null());
    let label = arguments.join(" ");
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("the task ran")
        .expect("tests/support/services runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "services {label}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Reads the `KEY=VALUE` lines that a service left in its folder.
pub(crate) fn service_env(folder: &Path, key: &str) -> String {
    let text = fs::read_to_string(folder.join("env")).expect("a started service");
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{key} is not in {}/env", folder.display()))
        .to_owned()
}
