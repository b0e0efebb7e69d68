//! Writing versions and runs of procedures, on SQLite.

use diesel::{RunQueryDsl, SqliteConnection};

use crate::{
    domain::{procedure::version::Version, record::Write, run::Run, time::Timestamp},
    store::{
        commit::json,
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
    },
};

/// Writes the versions and runs of a batch.
pub(super) fn write(c: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    for published in &write.procedures {
        write_version(c, &published.version, write.tail.position)?;
    }
    for run in &write.runs {
        write_run(c, run)?;
    }
    Ok(())
}

struct WriteVersion;

impl Statement for WriteVersion {
    const TEXT: &'static str = "INSERT INTO procedures (slug, version, stage, changed, body) \
        VALUES (?, ?, ?, ?, ?) ON CONFLICT (slug, version) DO UPDATE SET \
        stage = excluded.stage, changed = excluded.changed, body = excluded.body";
    type Row = ();
}

fn write_version(
    c: &mut SqliteConnection,
    version: &Version,
    position: i64,
) -> Result<usize, StoreError> {
    let body = json(version)?;
    let written = Fixed::<WriteVersion>::new(vec![
        Bind::Text(&version.slug),
        Bind::BigInt(version.version),
        Bind::Text(version.stage.as_str()),
        Bind::BigInt(position),
        Bind::Text(&body),
    ]);
    Ok(written.execute(c)?)
}

struct WriteRun;

impl Statement for WriteRun {
    const TEXT: &'static str = "INSERT INTO runs (run_id, subject, procedure, version, state, \
        due_at, over_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
        ON CONFLICT (run_id) DO UPDATE SET version = excluded.version, state = excluded.state, \
        due_at = excluded.due_at, over_at = excluded.over_at, body = excluded.body";
    type Row = ();
}

fn write_run(c: &mut SqliteConnection, run: &Run) -> Result<usize, StoreError> {
    let body = json(run)?;
    let written = Fixed::<WriteRun>::new(vec![
        Bind::Text(&run.run_id),
        Bind::Text(&run.subject),
        Bind::Text(&run.procedure),
        Bind::BigInt(run.version),
        Bind::Text(run.state.as_str()),
        Bind::OptionalBigInt(run.due_at().map(Timestamp::micros)),
        Bind::OptionalBigInt(run.over_at().map(Timestamp::micros)),
        Bind::Text(&body),
    ]);
    Ok(written.execute(c)?)
}
