//! Points at which a debug build can be made to die, so that tests can kill it precisely there.
//!
//! `PROVOST_CRASH_AT=before_commit:3` aborts at the third passing. Release
//! builds know nothing of it.

/// Passes a named point.
#[cfg(debug_assertions)]
pub(crate) fn pass(point: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    };
    static TARGET: OnceLock<Option<(String, usize)>> = OnceLock::new();
    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let target = TARGET.get_or_init(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "a switch for tests of debug builds, no configuration"
        )]
        let text = std::env::var("PROVOST_CRASH_AT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), count.parse().unwrap_or(1)))
    });
    if let Some((name, count)) = target
        && name == point
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}

/// Passes a named point: nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) fn pass(_point: &str) {}
