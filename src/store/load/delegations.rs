//! What a batch reads of delegations: those to somebody that are not over.

use std::{collections::BTreeSet, sync::Arc};

use diesel::prelude::*;

use crate::{
    domain::{
        time::Timestamp,
        world::{Need, World},
    },
    store::{
        connection::{Connection, on},
        error::StoreError,
        requests::document,
        schema::delegations,
    },
};

/// Loads what decisions asked for; whoever has none is known to have none.
pub(super) fn load(
    connection: &mut Connection,
    needs: &[Need],
    now: Timestamp,
    world: &mut World,
) -> Result<(), StoreError> {
    let named = |need: &Need| match need {
        Need::Delegations(to) => Some(to.clone()),
        _ => None,
    };
    let people: BTreeSet<String> = needs.iter().filter_map(named).collect();
    if people.is_empty() {
        return Ok(());
    }
    let rows: Vec<(String, String)> = on!(connection, c => delegations::table
        .filter(delegations::to_person.eq_any(&people))
        .filter(delegations::ends_at.gt(now.micros()))
        .order(delegations::ordinal)
        .select((delegations::to_person, delegations::body))
        .load(c)?);
    for person in people {
        world.delegations.insert(person, Vec::new());
    }
    for (to, body) in rows {
        let delegation = Arc::new(document("delegations", &body)?);
        world.delegations.entry(to).or_default().push(delegation);
    }
    Ok(())
}
