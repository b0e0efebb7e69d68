//! What a batch reads of procedures: all that is published, versions that runs have pinned, and runs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use diesel::prelude::*;

use crate::{
    domain::{
        procedure::version::{Procedures, Published, Version},
        run::Run,
        world::{Need, World},
    },
    store::{
        connection::{Connection, on},
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        requests::document,
        schema::{procedures, runs},
    },
};

/// Versions that were read, each once, and what was published when they were.
#[derive(Debug, Default)]
pub(in crate::store) struct Shelf {
    published: Option<Arc<Procedures>>,
    versions: HashMap<(String, i64), Arc<Published>>,
}

/// How many pinned versions are kept at hand.
const MOST_VERSIONS: usize = 256;

struct RunById;

impl Statement for RunById {
    const TEXT: &'static str = "SELECT body FROM runs WHERE run_id = ?";
    type Row = diesel::sql_types::Text;
}

/// Loads what decisions asked for.
pub(in crate::store) fn load(
    connection: &mut Connection,
    needs: &[Need],
    shelf: &mut Shelf,
    world: &mut World,
) -> Result<(), StoreError> {
    let mut ids = BTreeSet::new();
    for need in needs {
        match need {
            Need::Procedures => {
                world.procedures = Some(shelf.published(connection)?);
            }
            Need::Run(id) => drop(ids.insert(id.as_str())),
            Need::Version(slug, version) => {
                let place = (slug.clone(), *version);
                let found = shelf.version(connection, &place)?;
                world.versions.insert(place, found);
            }
            _ => {}
        }
    }
    load_runs(connection, &ids, world)
}

fn load_runs(
    connection: &mut Connection,
    ids: &BTreeSet<&str>,
    world: &mut World,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut bodies: Vec<String> = Vec::with_capacity(ids.len());
    match connection {
        Connection::Postgres(c) => {
            bodies = runs::table
                .filter(runs::run_id.eq_any(ids))
                .select(runs::body)
                .load(&mut **c)?;
        }
        Connection::Sqlite(c) => {
            for id in ids {
                let one = Fixed::<RunById>::new(vec![Bind::Text(id)]);
                bodies.extend(one.load::<String>(&mut **c)?);
            }
        }
    }
    for id in ids {
        world.runs.entry((*id).to_owned()).or_insert(None);
    }
    for body in bodies {
        let run: Run = document("runs", &body)?;
        world.runs.insert(run.run_id.clone(), Some(Arc::new(run)));
    }
    Ok(())
}

impl Shelf {
    /// Gives all that is published, read again only where something differs.
    pub(in crate::store) fn published(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Arc<Procedures>, StoreError> {
        let changed: Option<i64> = on!(connection, c => procedures::table
            .select(diesel::dsl::max(procedures::changed))
            .get_result(c)?);
        let changed = changed.unwrap_or(0);
        if let Some(known) = self
            .published
            .as_ref()
            .filter(|known| known.changed == changed)
        {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(read(connection, changed)?);
        self.published = Some(Arc::clone(&read));
        Ok(read)
    }

    fn version(
        &mut self,
        connection: &mut Connection,
        place: &(String, i64),
    ) -> Result<Option<Arc<Published>>, StoreError> {
        if let Some(known) = self.versions.get(place) {
            return Ok(Some(Arc::clone(known)));
        }
        let body: Option<String> = on!(connection, c => procedures::table
            .find((&place.0, place.1))
            .select(procedures::body)
            .get_result(c)
            .optional()?);
        let Some(body) = body else { return Ok(None) };
        let Some(published) = published(&body)? else {
            return Ok(None);
        };
        if self.versions.len() >= MOST_VERSIONS {
            self.versions.clear();
        }
        self.versions.insert(place.clone(), Arc::clone(&published));
        Ok(Some(published))
    }
}

/// Reads all versions that count: what was published before is looked at for what was stopped alone.
fn read(connection: &mut Connection, changed: i64) -> Result<Procedures, StoreError> {
    let bodies: Vec<String> = on!(connection, c => procedures::table
        .order((procedures::slug, procedures::version))
        .select(procedures::body)
        .load(c)?);
    let mut all = Procedures::at(changed);
    for body in bodies {
        if let Some(published) = published(&body)? {
            all.put(&published);
        }
    }
    Ok(all)
}

/// Reads a version; one that an older form of definitions had and that reads no more is `None`.
fn published(body: &str) -> Result<Option<Arc<Published>>, StoreError> {
    let version: Version = document("procedures", body)?;
    let (slug, number) = (version.slug.clone(), version.version);
    match Published::read(version) {
        Ok(published) => Ok(Some(Arc::new(published))),
        Err(faults) => {
            tracing::warn!(slug, version = number, fault = %faults[0], "a kept definition cannot be read");
            Ok(None)
        }
    }
}
