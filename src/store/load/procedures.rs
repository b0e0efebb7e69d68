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

/// Versions that were read, each once, and all that was published; both hold until something differs.
#[derive(Debug, Default)]
pub(in crate::store) struct Shelf {
    /// The newest change when they were read.
    changed: i64,
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
    let is_of_shelf = |need: &Need| matches!(need, Need::Procedures | Need::Version(..));
    if needs.iter().any(is_of_shelf) {
        shelf.look(connection)?;
    }
    for need in needs {
        match need {
            Need::Procedures => {
                world.procedures = Some(shelf.all(connection)?);
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
    /// Gives all that is published.
    pub(in crate::store) fn published(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Arc<Procedures>, StoreError> {
        self.look(connection)?;
        self.all(connection)
    }

    /// Forgets everything where something differs. A version differs too: by its stage, and by why it was
    /// stopped.
    fn look(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let changed: Option<i64> = on!(connection, c => procedures::table
            .select(diesel::dsl::max(procedures::changed))
            .get_result(c)?);
        let changed = changed.unwrap_or(0);
        if self.changed != changed {
            *self = Self {
                changed,
                ..Self::default()
            };
        }
        Ok(())
    }

    fn all(&mut self, connection: &mut Connection) -> Result<Arc<Procedures>, StoreError> {
        if let Some(known) = &self.published {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(read(connection, self.changed)?);
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
        let Some(published) = published(document("procedures", &body)?) else {
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
        let version: Version = document("procedures", &body)?;
        // Its number is taken, even where it reads no more.
        all.count(&version);
        if let Some(published) = published(version) {
            all.put(&published);
        }
    }
    Ok(all)
}

/// Reads a version; one that an older form of definitions had and that reads no more is `None`.
fn published(version: Version) -> Option<Arc<Published>> {
    let (slug, number) = (version.slug.clone(), version.version);
    match Published::read(version) {
        Ok(published) => Some(Arc::new(published)),
        Err(malformed) => {
            tracing::warn!(slug, version = number, fault = %malformed.faults[0], "a kept definition cannot be read");
            None
        }
    }
}
