//! Requests, approvals, executions and leads as they are listed, shown and looked after.
//!
//! Each is one JSON document with the columns by which it is found; what writes them is
//! `super::commit`.

use diesel::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Map;

use super::{
    commit::json,
    connection::{Connection, on},
    error::StoreError,
    reader::{Desk, Listing, Page, Reader},
    schema::{approvals, executions, leads, requests},
};
use crate::domain::{
    actor::ActorKind, approval::Approval, execution::Execution, lead::Lead, request::Request,
    time::Timestamp,
};

/// Which requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Where it stands, as its wire name.
    pub state: Option<String>,
    /// Its action.
    pub action: Option<String>,
    /// Its conversation.
    pub conversation: Option<String>,
}

/// Which approvals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Where it stands, as its wire name.
    pub state: Option<String>,
    /// Its action.
    pub action: Option<String>,
    /// Its conversation.
    pub conversation: Option<String>,
}

type Row = (i64, String);

impl Reader {
    /// Lists requests, newest first.
    pub fn requests(
        &mut self,
        filter: &RequestFilter,
        page: Page,
    ) -> Result<Listing<Request>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => {
                let mut query = requests::table
                    .filter(requests::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                    .order(requests::ordinal.desc())
                    .limit(page.fetch())
                    .select((requests::ordinal, requests::body))
                    .into_boxed::<Db>();
                if let Some(state) = &filter.state {
                    query = query.filter(requests::state.eq(state));
                }
                if let Some(action) = &filter.action {
                    query = query.filter(requests::action.eq(action));
                }
                if let Some(conversation) = &filter.conversation {
                    query = query.filter(requests::subject.eq(conversation));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.0, |(_, body)| document("requests", &body))
        })
    }

    /// Gives a request.
    pub fn request(&mut self, id: &str) -> Result<Option<Request>, StoreError> {
        self.ask(|connection| {
            let body: Option<String> = on!(connection, c => requests::table
                .filter(requests::request_id.eq(id))
                .select(requests::body)
                .first(c)
                .optional()?);
            body.map(|body| document("requests", &body)).transpose()
        })
    }

    /// Lists approvals, newest first.
    pub fn approvals(
        &mut self,
        filter: &ApprovalFilter,
        page: Page,
    ) -> Result<Listing<Approval>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => {
                let mut query = approvals::table
                    .filter(approvals::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                    .order(approvals::ordinal.desc())
                    .limit(page.fetch())
                    .select((approvals::ordinal, approvals::body))
                    .into_boxed::<Db>();
                if let Some(state) = &filter.state {
                    query = query.filter(approvals::state.eq(state));
                }
                if let Some(action) = &filter.action {
                    query = query.filter(approvals::action.eq(action));
                }
                if let Some(conversation) = &filter.conversation {
                    query = query.filter(approvals::subject.eq(conversation));
                }
                query.load(c)?
            });
            page.list(rows, |row| row.0, |(_, body)| document("approvals", &body))
        })
    }

    /// Gives an approval.
    pub fn approval(&mut self, id: &str) -> Result<Option<Approval>, StoreError> {
        self.ask(|connection| {
            let body: Option<String> = on!(connection, c => approvals::table
                .filter(approvals::approval_id.eq(id))
                .select(approvals::body)
                .first(c)
                .optional()?);
            body.map(|body| document("approvals", &body)).transpose()
        })
    }

    /// Gives pending approvals that a clock has to look at by now, the longest due first.
    pub fn approvals_due(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Approval>, StoreError> {
        self.ask(|connection| {
            let bodies: Vec<String> = on!(connection, c => approvals::table
                .filter(approvals::due_at.le(now.micros()))
                .order(approvals::due_at)
                .limit(limit)
                .select(approvals::body)
                .load(c)?);
            let bodies = bodies.iter();
            bodies.map(|body| document("approvals", body)).collect()
        })
    }

    /// Gives when the next approval is to be looked at; `None` when none is.
    pub fn approvals_next(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.ask(|connection| {
            let next: Option<Option<i64>> = on!(connection, c => approvals::table
                .filter(approvals::due_at.is_not_null())
                .order(approvals::due_at)
                .select(approvals::due_at)
                .first(c)
                .optional()?);
            Ok(next.flatten().map(Timestamp::from_micros))
        })
    }

    /// Gives the executions that a daemon has.
    pub fn executions_of(&mut self, daemon: i64) -> Result<Vec<Execution>, StoreError> {
        self.ask(|connection| {
            let bodies: Vec<String> = on!(connection, c => executions::table
                .filter(executions::daemon.eq(daemon))
                .order(executions::due_at)
                .select(executions::body)
                .load(c)?);
            let bodies = bodies.iter();
            bodies.map(|body| document("executions", body)).collect()
        })
    }

    /// Lists leads, newest first.
    pub fn leads(&mut self, page: Page) -> Result<Listing<Lead>, StoreError> {
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => leads::table
                .filter(leads::ordinal.lt(page.after.unwrap_or(i64::MAX)))
                .order(leads::ordinal.desc())
                .limit(page.fetch())
                .select((leads::ordinal, leads::body))
                .load(c)?);
            page.list(rows, |row| row.0, |(_, body)| document("leads", &body))
        })
    }
}

impl Desk {
    /// Hands the executions of one daemon to another and gives them.
    pub fn executions_hand_over(
        &mut self,
        from: i64,
        to: i64,
    ) -> Result<Vec<Execution>, StoreError> {
        self.transact(|connection| {
            let bodies: Vec<String> = on!(connection, c => diesel::update(executions::table)
                .filter(executions::daemon.eq(from))
                .set(executions::daemon.eq(to))
                .returning(executions::body)
                .get_results(c)?);
            let bodies = bodies.iter();
            bodies.map(|body| document("executions", body)).collect()
        })
    }

    /// Leaves executions that were never sent to whoever comes next.
    pub fn executions_leave(&mut self, request_ids: &[String]) -> Result<(), StoreError> {
        self.transact(|connection| {
            for id in request_ids {
                on!(connection, c => diesel::update(executions::table.find(id))
                    .set(executions::daemon.eq(NOBODY))
                    .execute(c)?);
            }
            Ok(())
        })
    }
}

/// Takes everything personal out of a subject's requests and approvals, deletes its leads, and tells
/// how many requests there were. An execution under way keeps what it sends until it has ended.
pub(super) fn blank(connection: &mut Connection, subject: &str) -> Result<usize, StoreError> {
    on!(connection, c => {
        let bodies: Vec<String> = requests::table
            .filter(requests::subject.eq(subject))
            .select(requests::body)
            .load(c)?;
        for body in &bodies {
            let request = blanked_request(document("requests", body)?);
            diesel::update(requests::table.filter(requests::request_id.eq(&request.request_id)))
                .set((
                    requests::actor.eq(request.actor.label()),
                    requests::customer_id.eq(""),
                    requests::body.eq(json(&request)?),
                ))
                .execute(c)?;
        }
        let asked: Vec<String> = approvals::table
            .filter(approvals::subject.eq(subject))
            .select(approvals::body)
            .load(c)?;
        for body in &asked {
            let mut approval: Approval = document("approvals", body)?;
            approval.context.clear();
            approval.summary.clone_from(&approval.action);
            for vote in &mut approval.votes {
                vote.reason = None;
            }
            diesel::update(approvals::table.filter(approvals::approval_id.eq(&approval.approval_id)))
                .set(approvals::body.eq(json(&approval)?))
                .execute(c)?;
        }
        diesel::delete(leads::table.filter(leads::conversation_id.eq(subject))).execute(c)?;
        Ok(bodies.len())
    })
}

fn blanked_request(request: Request) -> Request {
    let mut actor = request.actor;
    if actor.kind == ActorKind::Customer {
        GONE.clone_into(&mut actor.id);
    }
    Request {
        actor,
        params: Map::new(),
        customer_id: String::new(),
        output: None,
        reason: None,
        checks: Vec::new(),
        ..request
    }
}

/// What stands in the place of a name.
const GONE: &str = "(erased)";

/// The daemon of executions that were certainly not sent and that nobody has.
pub const NOBODY: i64 = 0;

/// Reads a document.
pub(super) fn document<T: DeserializeOwned>(table: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body)
        .map_err(|error| StoreError::Lasting(format!("`{table}.body` cannot be read: {error}")))
}
