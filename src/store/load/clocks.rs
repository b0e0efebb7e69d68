//! What a batch reads of clocks: the newest of each metric, those that may still stop, and the terms
//! of earlier versions.

use std::{collections::HashMap, sync::Arc};

use diesel::{prelude::*, sql_types::Text};

use crate::{
    domain::{
        sla::{Clock, Owner, Pin, Terms, TermsSpec},
        world::{Need, World},
    },
    store::{
        connection::{Connection, on},
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        requests::document,
        schema::{clocks, terms},
    },
};

/// Terms that were loaded, compiled once: a calendar takes some milliseconds.
#[derive(Debug, Default)]
pub(in crate::store) struct Shelf(HashMap<Pin, Terms>);

/// Every clock of an owner but those that a later cycle of their metric has followed.
struct Newest;

impl Statement for Newest {
    const TEXT: &'static str = "SELECT body FROM clocks AS c WHERE c.owner = ? \
        AND (c.state IN ('running', 'paused') \
        OR NOT EXISTS (SELECT 1 FROM clocks AS n WHERE n.owner = c.owner AND n.metric = c.metric \
        AND n.cycle = c.cycle + 1)) ORDER BY c.metric, c.cycle";
    type Row = Text;
}

/// Loads what decisions asked for; what has no clocks is known to have none.
pub(in crate::store) fn load(
    connection: &mut Connection,
    needs: &[Need],
    shelf: &mut Shelf,
    world: &mut World,
) -> Result<(), StoreError> {
    let (mut owners, mut pins) = (Vec::new(), Vec::new());
    for need in needs {
        if let Need::Clocks(owner) = need {
            owners.push(owner.clone());
        } else if let Need::Terms(pin) = need {
            pins.push(pin.clone());
        }
    }
    load_clocks(connection, &owners, world)?;
    for pin in pins {
        let found = match shelf.0.get(&pin) {
            Some(known) => Some(known.clone()),
            None => read_terms(connection, &pin)?,
        };
        if let Some(terms) = &found {
            shelf.0.insert(pin.clone(), terms.clone());
        }
        world.terms.insert(pin, found);
    }
    Ok(())
}

fn load_clocks(
    connection: &mut Connection,
    owners: &[Owner],
    world: &mut World,
) -> Result<(), StoreError> {
    if owners.is_empty() {
        return Ok(());
    }
    let labels: Vec<String> = owners.iter().map(Owner::label).collect();
    let mut bodies: Vec<String> = Vec::new();
    match connection {
        Connection::Postgres(c) => {
            let later = diesel::alias!(clocks as later);
            let followed = diesel::dsl::exists(
                later
                    .filter(later.field(clocks::owner).eq(clocks::owner))
                    .filter(later.field(clocks::metric).eq(clocks::metric))
                    .filter(later.field(clocks::cycle).eq(clocks::cycle + 1)),
            );
            bodies = clocks::table
                .filter(clocks::owner.eq_any(&labels))
                .filter(
                    clocks::state
                        .eq_any(["running", "paused"])
                        .or(diesel::dsl::not(followed)),
                )
                .order((clocks::owner, clocks::metric, clocks::cycle))
                .select(clocks::body)
                .load(&mut **c)?;
        }
        Connection::Sqlite(c) => {
            for label in &labels {
                let newest = Fixed::<Newest>::new(vec![Bind::Text(label)]);
                bodies.extend(newest.load::<String>(&mut **c)?);
            }
        }
    }
    for owner in owners {
        world.clocks.insert(owner.clone(), Vec::new());
    }
    for body in bodies {
        let clock: Clock = document("clocks", &body)?;
        if let Some(known) = world.clocks.get_mut(&clock.key.owner) {
            known.push(Arc::new(clock));
        }
    }
    Ok(())
}

fn read_terms(connection: &mut Connection, pin: &Pin) -> Result<Option<Terms>, StoreError> {
    let body: Option<String> = on!(connection, c => terms::table
        .find((&pin.policy, &pin.policy_version, &pin.calendar, &pin.calendar_version))
        .select(terms::body)
        .get_result(c)
        .optional()?);
    let Some(body) = body else { return Ok(None) };
    let spec: TermsSpec = document("terms", &body)?;
    let compiled = spec.compile();
    compiled
        .map(Some)
        .map_err(|fault| StoreError::Lasting(format!("`terms.body` cannot be used: {fault}")))
}
