//! What a batch reads of team channels: state, what is under way, and what is due.

use std::collections::BTreeSet;

use crate::{
    domain::{
        time::Timestamp,
        world::{Need, World},
    },
    store::{connection::Connection, deliveries, error::StoreError},
};

/// Loads the channels that decisions asked for; what the batch itself has said is kept.
pub(super) fn load(
    connection: &mut Connection,
    needs: &[Need],
    now: Timestamp,
    world: &mut World,
) -> Result<(), StoreError> {
    let of = |need: &Need| match need {
        Need::Channel(name) => Some(name.clone()),
        _ => None,
    };
    let names: BTreeSet<String> = needs.iter().filter_map(of).collect();
    for name in names {
        let (state, found) = deliveries::load(connection, &name, now)?;
        world.channels.entry(name).or_default().fill(state, found);
    }
    Ok(())
}
