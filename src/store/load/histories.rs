//! The histories that rules declare: by customer, actor, conversation or everyone.
//!
//! PostgreSQL takes one round trip for each of these four, whatever the size of the batch.
//! They are read without a lock: what must hold to the cent among batches that run side by
//! side is a `limit`. One that is longer than [`MOST`] is not read at all, so that no rule
//! takes a part for the whole.

use std::collections::{BTreeMap, HashSet};

use diesel::{
    PgConnection,
    prelude::*,
    sql_types::{BigInt, Text},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    domain::{
        history::{By, HistoryAsk, Past},
        request::{RequestState, STATES},
        time::Timestamp,
        world::{Need, World},
    },
    store::{
        connection::Connection,
        error::StoreError,
        fixed::{Bind, Fixed, Statement},
        reader::Reader,
        requests::document,
        schema::requests,
    },
};

/// The most requests that are read for one history.
const MOST: usize = 10_000;

/// A request of a history: the place of the ask, the request's id, its body.
type Row = (i64, String, String);

/// What is read of a request.
#[derive(Deserialize)]
struct Asked {
    params: Map<String, Value>,
}

impl Reader {
    /// Loads the histories among the needs, as they are now.
    pub fn histories(
        &mut self,
        needs: &[Need],
        now: Timestamp,
        world: &mut World,
    ) -> Result<(), StoreError> {
        self.ask(|connection| load(connection, needs, now, world))
    }
}

/// Loads the histories among the needs.
pub(super) fn load(
    connection: &mut Connection,
    needs: &[Need],
    now: Timestamp,
    world: &mut World,
) -> Result<(), StoreError> {
    let mut asked: BTreeMap<String, &HistoryAsk> = BTreeMap::new();
    for need in needs {
        if let Need::History(ask) = need {
            asked.insert(ask.identity(), ask);
        }
    }
    for by in By::ALL {
        let asks: Vec<&HistoryAsk> = asked.values().copied().filter(|ask| ask.by == by).collect();
        if !asks.is_empty() {
            load_by(connection, by, &asks, now, world)?;
        }
    }
    Ok(())
}

fn load_by(
    connection: &mut Connection,
    by: By,
    asks: &[&HistoryAsk],
    now: Timestamp,
    world: &mut World,
) -> Result<(), StoreError> {
    let rows = match connection {
        Connection::Postgres(c) => on_postgres(c, by, asks, now)?,
        Connection::Sqlite(c) => on_sqlite(c, by, asks, now)?,
    };
    let mut pasts = vec![(0_usize, Past::default()); asks.len()];
    // What the batch has loaded or changed counts as it is there.
    let known: HashSet<&str> = world
        .requests
        .iter()
        .filter_map(|(id, request)| request.as_ref().map(|_| id.as_str()))
        .collect();
    for (place, id, body) in rows {
        let Some((read, past)) = usize::try_from(place).ok().and_then(|at| pasts.get_mut(at))
        else {
            continue;
        };
        *read += 1;
        if !known.contains(id.as_str()) && *read <= MOST {
            let asked: Asked = document("requests", &body)?;
            past.join(&asked.params);
        }
    }
    for (ask, (read, past)) in asks.iter().zip(pasts) {
        if read > MOST {
            tracing::warn!(action = ask.action, window = %ask.window, "a history is longer than {MOST} requests and was not read");
        }
        let past = Some(past).filter(|_| read <= MOST);
        world.recall((*ask).clone(), now.minus(ask.window), past);
    }
    Ok(())
}

/// The states that do not count.
fn without() -> Vec<&'static str> {
    let left_out = STATES.into_iter().filter(|state| !state.counts());
    left_out.map(RequestState::as_str).collect()
}

fn on_sqlite(
    c: &mut SqliteConnection,
    by: By,
    asks: &[&HistoryAsk],
    now: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for (place, ask) in (0_i64..).zip(asks) {
        let query = requests::table
            .filter(requests::action.eq(&ask.action))
            .filter(requests::requested_at.gt(now.minus(ask.window).micros()))
            .filter(requests::state.ne_all(without()))
            .limit(i64::try_from(MOST + 1).unwrap_or(i64::MAX))
            .select((requests::request_id, requests::body));
        let owner = ask.owner();
        let found: Vec<(String, String)> = match by {
            By::Actor => query.filter(requests::actor.eq(owner)).load(c)?,
            By::Conversation => query.filter(requests::subject.eq(owner)).load(c)?,
            By::Customer => query.filter(requests::customer_id.eq(owner)).load(c)?,
            By::Everyone => query.load(c)?,
        };
        rows.extend(found.into_iter().map(|(id, body)| (place, id, body)));
    }
    Ok(rows)
}

/// The requests of several histories, and whose. The beginnings are what the indexes hold.
macro_rules! of {
    ($name:ident, $owner:literal) => {
        struct $name;

        impl Statement for $name {
            const TEXT: &'static str = concat!(
                "SELECT wanted.place, found.request_id, found.body \
                FROM unnest(?, ?, ?, ?) AS wanted(place, action, owner, since), LATERAL ( \
                    SELECT request_id, body FROM requests \
                    WHERE left(action, 100) = left(wanted.action, 100) \
                        AND action = wanted.action AND requested_at > wanted.since \
                        AND ",
                $owner,
                " AND state <> ALL(?) LIMIT ? \
                ) found"
            );
            type Row = (BigInt, Text, Text);
        }
    };
}

of!(
    OfActor,
    "left(actor, 100) = left(wanted.owner, 100) AND actor = wanted.owner"
);
of!(OfConversation, "subject = wanted.owner");
of!(
    OfCustomer,
    "left(customer_id, 100) = left(wanted.owner, 100) AND customer_id = wanted.owner"
);
// Everyone's owner is nobody.
of!(OfEveryone, "wanted.owner = ''");

fn on_postgres(
    c: &mut PgConnection,
    by: By,
    asks: &[&HistoryAsk],
    now: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    let places = 0..i64::try_from(asks.len()).unwrap_or(i64::MAX);
    let since = asks.iter().map(|ask| now.minus(ask.window).micros());
    let binds = vec![
        Bind::BigInts(places.collect()),
        Bind::Texts(asks.iter().map(|ask| ask.action.as_str()).collect()),
        Bind::Texts(asks.iter().map(|ask| ask.owner()).collect()),
        Bind::BigInts(since.collect()),
        Bind::Texts(without()),
        Bind::BigInt(i64::try_from(MOST + 1).unwrap_or(i64::MAX)),
    ];
    Ok(match by {
        By::Actor => Fixed::<OfActor>::new(binds).load(c)?,
        By::Conversation => Fixed::<OfConversation>::new(binds).load(c)?,
        By::Customer => Fixed::<OfCustomer>::new(binds).load(c)?,
        By::Everyone => Fixed::<OfEveryone>::new(binds).load(c)?,
    })
}
