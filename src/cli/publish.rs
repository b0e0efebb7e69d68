//! `provost publish FILE.ndjson`: hands events to a daemon, or straight to the broker.
//!
//! One structured event a line. A bad line is named with its number, the
//! rest goes on; the exit code is 1 when any failed. What was handed over before
//! a failure is safe to send again: a repeated id is a duplicate.

mod amqp;
mod batch;
mod over_http;

use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use self::batch::{Batch, Line};
use super::{
    Failure,
    client::Connection,
    output::{self, Output},
};
use crate::domain::event::Event;

/// Hand events to a daemon or straight to the broker
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost publish conversation.ndjson
  generate-events | provost publish -
  provost publish events.ndjson --amqp amqp://localhost --exchange provost.events")]
pub struct Args {
    /// The file, one structured event (CloudEvents JSON) a line; `-` reads standard input
    file: PathBuf,
    /// How many events go into one request
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    batch: u32,
    /// Publish straight to this broker instead of a daemon
    #[arg(long, value_name = "URL")]
    amqp: Option<String>,
    /// The exchange to publish to, with --amqp
    #[arg(long, default_value = "provost.events", requires = "amqp")]
    exchange: String,
    #[command(flatten)]
    connection: Connection,
}

/// What became of the lines so far.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    duplicates: u64,
    failed: u64,
    faults: Vec<Value>,
    output: Output,
}

impl Tally {
    /// Counts a line that failed, and says so.
    fn fail(&mut self, line: u64, detail: &str) -> Result<(), Failure> {
        self.failed += 1;
        if self.output == Output::Json {
            self.faults.push(json!({ "line": line, "detail": detail }));
            return Ok(());
        }
        output::aside(&format!("line {line}: {detail}"))
    }

    fn add(&mut self, answer: &Value) {
        self.accepted += answer["accepted"].as_u64().unwrap_or(0);
        self.duplicates += answer["duplicates"].as_u64().unwrap_or(0);
    }

    fn conclude(&self) -> Result<(), Failure> {
        match self.output {
            Output::Json => output::json(&json!({
                "accepted": self.accepted,
                "duplicates": self.duplicates,
                "failed": self.failed,
                "faults": self.faults,
            }))?,
            Output::Table => output::line(&format!(
                "{} accepted, {} duplicates, {} failed",
                self.accepted, self.duplicates, self.failed
            ))?,
        }
        if self.failed == 0 {
            Ok(())
        } else {
            Err(Failure::said())
        }
    }
}

/// Where the events go.
enum Target {
    Daemon(over_http::Daemon),
    Broker(amqp::Broker),
}

impl Target {
    async fn send(&mut self, batch: Batch, tally: &mut Tally) -> Result<(), Failure> {
        match self {
            Self::Daemon(daemon) => daemon.send(batch, tally).await,
            Self::Broker(broker) => broker.send(batch, tally).await,
        }
    }

    async fn close(self) {
        if let Self::Broker(broker) = self {
            broker.close().await;
        }
    }
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let mut target = match &args.amqp {
        Some(url) => Target::Broker(amqp::Broker::reach(url, &args.exchange).await?),
        None => Target::Daemon(over_http::Daemon::new(&args.connection)?),
    };
    let mut tally = Tally {
        output: args.connection.output,
        ..Tally::default()
    };
    let sent = send_all(&args, &mut target, &mut tally).await;
    target.close().await;
    if let Err(failure) = sent {
        output::aside(&format!(
            "stopped: {} accepted, {} duplicates, {} failed before",
            tally.accepted, tally.duplicates, tally.failed
        ))?;
        return Err(failure);
    }
    tally.conclude()
}

async fn send_all(args: &Args, target: &mut Target, tally: &mut Tally) -> Result<(), Failure> {
    let (mut lines, bytes) = open(&args.file)?;
    let bar = progress(bytes);
    let most = usize::try_from(args.batch).unwrap_or(usize::MAX);
    let mut batch = Batch::default();
    let mut text = Vec::new();
    let mut number = 0;
    loop {
        text.clear();
        if lines.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        number += 1;
        bar.inc(text.len() as u64);
        match read_line(&text) {
            Ok(None) => {}
            Ok(Some((text, event))) => {
                let line = Line {
                    number,
                    text,
                    event,
                };
                if batch.is_full(&line, most) {
                    target.send(std::mem::take(&mut batch), tally).await?;
                }
                batch.push(line);
            }
            Err(detail) => bar.suspend(|| tally.fail(number, &detail))?,
        }
    }
    if !batch.is_empty() {
        target.send(batch, tally).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn open(file: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), None));
    }
    let cannot =
        |error: std::io::Error| Failure::new(format!("cannot read `{}`: {error}", file.display()));
    let opened = File::open(file).map_err(cannot)?;
    let bytes = opened.metadata().map_err(cannot)?.len();
    let reader: Box<dyn Read> = Box::new(opened);
    Ok((
        Box::new(BufReader::with_capacity(64 * 1024, reader)),
        Some(bytes),
    ))
}

/// Draws on a terminal only.
fn progress(bytes: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let Some(bytes) = bytes else {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        return bar;
    };
    let form = "{bar:40} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template(form) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Reads a line; `None` when it is blank.
fn read_line(bytes: &[u8]) -> Result<Option<(String, Event)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let text = text.trim().trim_start_matches('\u{feff}');
    if text.is_empty() {
        return Ok(None);
    }
    let event = Event::from_json(text.as_bytes()).map_err(|rejection| {
        if rejection.field.is_empty() {
            rejection.to_string()
        } else {
            format!("{rejection} (`{}`)", rejection.field)
        }
    })?;
    Ok(Some((text.to_owned(), event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_passed_over_and_bad_ones_told() {
        assert_eq!(read_line(b"  \n"), Ok(None));
        assert!(read_line(b"{\n").expect_err("cut").contains("not JSON"));
        assert!(read_line(b"\xff\n").is_err());
        let missing = read_line(br#"{"specversion":"1.0","id":"1"}"#).expect_err("no source");
        assert!(missing.contains("`source`"), "{missing}");
    }
}
