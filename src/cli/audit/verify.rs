//! `provost audit verify`: on the daemon, on the database, or on an export.
//!
//! The walk is the same everywhere. What differs is where the seals come from: the
//! database's table, or the entries of an export that record them. Seals that were kept
//! elsewhere (`--seals`) must fit as well; only they show that a log was cut off together
//! with its own seals.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use serde_json::Value;

use crate::{
    cli::{
        Failure,
        client::{Client, Connection},
        offline::Place,
        output::{self, Output},
    },
    domain::{
        ids::unhex,
        record::{AuditRow, Tail},
        seal::{Claim, SEALED, key_id},
    },
    http::{
        export_file::{End, from_line},
        verification::{Report, SLICE, Seals, Verification, seal_of},
    },
    store::{Reader, StoreError},
};

/// A part of the log, as it was read.
type Slice = Result<Vec<AuditRow>, StoreError>;

/// How many slices may be read ahead.
const AHEAD: usize = 2;

/// Walk the whole chain and its seals, and name the first bad entry
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// Walk along an export in JSON Lines, without a daemon
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    file: Option<PathBuf>,
    /// Walk on the database itself, without a daemon
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Seals that were kept elsewhere, one JSON object a line; the log must hold what they signed
    #[arg(long, value_name = "FILE")]
    seals: Option<PathBuf>,
    /// Accept seals by this key alone; may be given several times
    #[arg(long = "key-id", value_name = "ID")]
    key_ids: Vec<String>,
    /// The same by the public key itself, in hexadecimal
    #[arg(long = "public-key", value_name = "HEX", value_parser = public_key)]
    public_keys: Vec<PublicKey>,
}

#[derive(Clone, Copy, Debug)]
struct PublicKey([u8; 32]);

fn public_key(text: &str) -> Result<PublicKey, String> {
    let said = "a public key is 64 hexadecimal digits";
    unhex(text).map(PublicKey).ok_or_else(|| said.to_owned())
}

/// Runs the command.
pub(super) async fn main(wanted: Verify, connection: &Connection) -> Result<(), Failure> {
    let answer = if let Some(file) = &wanted.file {
        shown(&walk_file(file, &wanted)?)
    } else if let Some(url) = &wanted.database {
        shown(&walk(url, &wanted)?)
    } else if wanted.seals.is_some() {
        return Err(
            Failure::new("the daemon does not take seals that were kept elsewhere")
                .next("add --database URL, or --file EXPORT"),
        );
    } else {
        let keys: Vec<String> = wanted.expected().collect();
        let mut query = Vec::new();
        if !keys.is_empty() {
            query.push(("key_id", keys.join(",")));
        }
        let client = Client::new(connection)?;
        client.get("/v1/audit/verify", &query).await?
    };
    verdict(connection.output, &answer)
}

impl Verify {
    fn expected(&self) -> impl Iterator<Item = String> {
        let of_keys = self.public_keys.iter().map(|key| key_id(&key.0));
        self.key_ids.iter().cloned().chain(of_keys)
    }

    /// Adds what is expected, and the seals that were kept elsewhere.
    fn complete(&self, seals: &mut Seals) -> Result<(), Failure> {
        seals.expect(self.expected());
        for key in &self.public_keys {
            seals.know(key.0);
        }
        let Some(path) = &self.seals else {
            return Ok(());
        };
        for (number, line) in BufReader::new(File::open(path)?).lines().enumerate() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let claim = serde_json::from_str::<Value>(&line).ok();
            let claim = claim.as_ref().and_then(Claim::read).ok_or_else(|| {
                let place = format!("`{}`, line {}", path.display(), number + 1);
                Failure::new(format!("{place}: this is no seal"))
                    .next("a line is the content of an `audit.sealed` event, or the event itself")
            })?;
            seals.claim(claim);
        }
        Ok(())
    }
}

fn shown(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or_default()
}

/// Walks along an export: its last line first, which names the end of the chain, and its seals.
fn walk_file(path: &Path, wanted: &Verify) -> Result<Report, Failure> {
    let lines = || Ok::<_, io::Error>(BufReader::new(File::open(path)?).lines());
    let mut last = None;
    let mut recorded = Vec::new();
    for line in lines()? {
        let line = line?;
        if line.contains(SEALED)
            && let Ok(row) = from_line(&line)
        {
            recorded.extend(seal_of(&row.entry.body));
        }
        last = Some(line);
    }
    let end = last.as_deref().and_then(End::parse);
    let tail = end.as_ref().and_then(End::tail);
    let (Some(end), Some(tail)) = (end, tail) else {
        let said = format!("`{}` has no last line of an export", path.display());
        return Err(Failure::new(said).next("it was cut off, or is no export in JSON Lines"));
    };
    if end.filtered {
        return Err(
            Failure::new("the export was narrowed, so it has no chain to verify")
                .next("export the log whole"),
        );
    }
    let mut seals = Seals::of(recorded);
    wanted.complete(&mut seals)?;
    let mut walk = Verification::until(tail, seals);
    for (number, line) in lines()?.enumerate() {
        let line = line?;
        if End::parse(&line).is_some() {
            break;
        }
        let row = from_line(&line)
            .map_err(|said| Failure::new(format!("line {}: {said}", number + 1)))?;
        walk.take(&[row]);
    }
    Ok(walk.report())
}

fn walk(url: &str, wanted: &Verify) -> Result<Report, Failure> {
    let place = Place {
        config: "config".into(),
        database: Some(url.to_owned()),
    };
    let mut reader = place.open()?.reader();
    let (mut seals, tail) = Seals::read(&mut reader)?;
    wanted.complete(&mut seals)?;
    let total = u64::try_from(tail.audit_sequence).unwrap_or(0);
    let bar = indicatif::ProgressBar::new(total);
    let report = walk_database(&mut reader, (seals, tail), |after| {
        bar.set_position(u64::try_from(after).unwrap_or(0));
    })?;
    bar.finish_and_clear();
    Ok(report)
}

/// Walks along the log of a database up to `tail`, and tells how far it is. One thread reads ahead
/// while another checks.
pub(in crate::cli) fn walk_database(
    reader: &mut Reader,
    (seals, tail): (Seals, Tail),
    mut told: impl FnMut(i64),
) -> Result<Report, Failure> {
    let end = tail.audit_sequence;
    let mut walk = Verification::until(tail, seals);
    thread::scope(|scope| {
        let (slices, read) = sync_channel(AHEAD);
        scope.spawn(move || read_ahead(reader, end, &slices));
        // What does not come any more has nothing in it, which ends the walk.
        while let Some(after) = walk.next() {
            walk.take(&read.recv().unwrap_or_else(|_| Ok(Vec::new()))?);
            told(after);
        }
        Ok(())
    })
    .map_err(|error: StoreError| Failure::from(error))?;
    Ok(walk.report())
}

/// Reads slice after slice, up to an end or a failure, or until nobody wants more.
fn read_ahead(reader: &mut Reader, end: i64, slices: &SyncSender<Slice>) {
    let mut after = 0;
    while after < end {
        let slice = reader.audit_slice(after, SLICE);
        let last = slice.as_ref().ok().and_then(|rows| rows.last());
        let Some(last) = last.map(|row| row.entry.sequence) else {
            let _ = slices.send(slice);
            return;
        };
        after = last;
        if slices.send(slice).is_err() {
            return;
        }
    }
}

fn verdict(output: Output, report: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        output::json(report)?;
    } else if report["valid"] == true {
        let kept = match report["first"].as_i64() {
            Some(first) if first > 1 => format!("; those before {first} are past retention"),
            _ => String::new(),
        };
        output::line(&format!(
            "whole: {} entries, the newest is {}{kept}",
            report["entries"], report["last"]
        ))?;
        output::line(&of_seals(report))?;
    }
    if report["valid"] == true {
        return Ok(());
    }
    let fault = report["fault"]
        .as_str()
        .unwrap_or("the log does not verify");
    Err(Failure::new(format!("the audit log is broken: {fault}"))
        .next("keep a copy of the database before anything else; somebody or something changed it"))
}

/// Says how far the log is sealed, by whom, and why that is believed.
fn of_seals(report: &Value) -> String {
    let keys: Vec<&str> = report["keys"]
        .as_array()
        .map(|keys| keys.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if keys.is_empty() {
        return "not sealed yet".to_owned();
    }
    let belief = if report["pinned"] == true {
        "as expected"
    } else {
        "which the log itself names; pin it with --key-id"
    };
    format!(
        "sealed: up to {}, by {} seals with the key {}, {belief}",
        report["sealed_to"],
        report["seals"],
        keys.join(" and ")
    )
}
