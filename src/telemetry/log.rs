//! The log: filter and form.
//!
//! `error` means somebody must act; values are fields; no secrets and no bodies.
//! Set up once, by the command line, before anything else.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

/// Dependencies whose details nobody asked for; `lapin=debug` in the filter brings them back.
/// Lapin logs an absent queue and a lost connection as errors, though each is an answer that
/// the broker module was waiting for and reports in words of its own, once.
const DAMPED: &str = "lapin=off,async_rs=warn,executor_trait=warn,hyper=warn,hyper_util=warn,\
                      mio=warn,notify=warn,reqwest=warn,rustls=warn,tower_http=info";

/// Why the log could not be set up.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("`{0}` is no log filter")]
    Filter(String, #[source] tracing_subscriber::filter::ParseError),
    /// There is a log already.
    #[error("the log is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts to log to standard error: for people on a terminal, as JSON otherwise.
///
/// *Errors*: an unreadable filter, or a second call in one process.
pub fn init_logs(filter: &str) -> Result<(), LogError> {
    let filter = parse(filter)?;
    let stderr = fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    if io::stderr().is_terminal() {
        registry
            .with(stderr.compact().with_target(false))
            .try_init()?;
    } else {
        let json = stderr.json().flatten_event(true).with_span_list(false);
        registry.with(json).try_init()?;
    }
    Ok(())
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    let read = |text: &str| {
        EnvFilter::builder()
            .with_default_directive(LevelFilter::INFO.into())
            .parse(text)
            .map_err(|error| LogError::Filter(filter.to_owned(), error))
    };
    let asked = read(filter)?;
    // Whoever asked for warnings only gets no more from the dependencies. Not lapin's either:
    // it warns of every returned message with its body.
    if asked.max_level_hint() <= Some(LevelFilter::WARN) {
        return read(&format!("lapin=off,{filter}"));
    }
    read(&format!("{DAMPED},{filter}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_damped_unless_they_are_named() {
        let shown = |filter: &str| parse(filter).map(|filter| filter.to_string());
        assert!(shown("info").is_ok_and(|text| text.contains("lapin=off")));
        assert!(
            shown("info,lapin=debug")
                .is_ok_and(|text| text.contains("lapin=debug") && !text.contains("lapin=off"))
        );
        assert!(
            shown("error").is_ok_and(|text| text.contains("lapin=off") && !text.contains("hyper"))
        );
        assert!(shown("provost=loud").is_err());
    }
}
