//! `/v1/runs`: runs of procedures, where each stands and what it did; calling one off, moving those that wait
//! to another version, and trying a recorded one again.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{self, shown},
    problem::{Kind, Problem},
    procedures,
    state::Api,
    submit::{Command, command, idempotency_key},
};
use crate::{
    daemon::{MigrationFault, MigrationWish},
    domain::{
        members,
        procedure::version::DRAFT,
        run::{Run, RunState},
    },
    store::RunFilter,
};

impl From<MigrationFault> for Problem {
    fn from(fault: MigrationFault) -> Self {
        match fault {
            MigrationFault::Store(error) => error.into(),
            MigrationFault::Submit(error) => error.into(),
        }
    }
}

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<i64>,
    after: Option<String>,
    procedure: Option<String>,
    state: Option<RunState>,
    conversation: Option<String>,
}

/// Lists runs, newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(query.limit, query.after.as_deref())?;
    let filter = RunFilter {
        procedure: query.procedure,
        state: query.state.map(|state| state.as_str().to_owned()),
        conversation: query.conversation,
    };
    let listing = api.read(move |reader| reader.runs(&filter, page)).await?;
    Ok(page::listing(listing, |run| whole(&run)))
}

/// Shows a run with its conversation under the name that the API has for it.
fn whole(run: &Run) -> Value {
    let mut shown = shown(run);
    if let Some(members) = shown.as_object_mut()
        && let Some(subject) = members.remove("subject")
    {
        members.insert("conversation_id".to_owned(), subject);
    }
    shown
}

async fn find(api: &Api, id: &str) -> Result<Run, Problem> {
    let wanted = id.to_owned();
    let found = api.read(move |reader| reader.run(&wanted)).await?;
    found.ok_or_else(|| Problem::unknown("run", id))
}

/// Shows a run: where it stands, what it knows, and what each step did.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Json<Value>, Problem> {
    Ok(Json(whole(&find(&api, &id).await?)))
}

/// What is to be started, and where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    procedure: String,
    conversation_id: String,
    #[serde(default)]
    variables: Map<String, Value>,
}

/// Starts a procedure in a conversation.
///
/// *Errors*: 404 for one that is not active, 409 where another one is under way.
pub(super) async fn start(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    extract::Json(wanted): extract::Json<Start>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let data = json!({"procedure": wanted.procedure, "variables": wanted.variables});
    let wish = Command {
        kind: "procedure.requested",
        subject: Some(wanted.conversation_id),
        data: members::of(data),
        key: idempotency_key(&headers)?,
    };
    let done = command(&api, &owner, wish).await?;
    // The id follows from the event, so that the same request again is answered alike.
    let id = done
        .result_text("procedure.started", "run_id")
        .unwrap_or_else(|| done.key.derive("run", 1).to_id("run"));
    Ok((StatusCode::CREATED, Json(whole(&find(&api, &id).await?))))
}

/// Why a run is called off.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    reason: Option<String>,
}

/// Calls a run off.
///
/// *Errors*: 403 for who neither started it nor may work, 409 when it is over.
pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    Named(id): Named,
    extract::Json(wanted): extract::Json<Cancel>,
) -> Result<Json<Value>, Problem> {
    let run = find(&api, &id).await?;
    let mut data = Map::from_iter([("run_id".to_owned(), Value::from(id.clone()))]);
    if let Some(reason) = wanted.reason {
        data.insert("reason".to_owned(), reason.into());
    }
    let wish = Command {
        kind: "procedure.cancelled",
        subject: Some(run.subject),
        data,
        key: idempotency_key(&headers)?,
    };
    command(&api, &owner, wish).await?;
    Ok(Json(whole(&find(&api, &id).await?)))
}

/// What a recorded run is tried again with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Replay {
    version: Option<i64>,
    definition: Option<Value>,
}

/// Runs what was recorded of a run through another definition, without any effect: the draft, else
/// what is active; a version; or one that is given.
///
/// *Errors*: 404 for what is not there, 422 for a definition that is wrong.
pub(super) async fn replay(
    State(api): State<Api>,
    Named(id): Named,
    extract::Json(wanted): extract::Json<Replay>,
) -> Result<Json<Value>, Problem> {
    let run = find(&api, &id).await?;
    let definition = match (wanted.definition, wanted.version) {
        (Some(text), _) => procedures::read(&api, text)?,
        (None, Some(number)) => {
            let version = procedures::version(&api, &run.procedure, number).await?;
            procedures::read(&api, version.definition)?
        }
        (None, None) => procedures::meant(&api, &run.procedure).await?,
    };
    let replayed = api.app.replay_run(&run, &definition).await?;
    Ok(Json(shown(&replayed)))
}

/// Which runs are moved to which version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Migration {
    to: i64,
    preview: Option<bool>,
    limit: Option<i64>,
    after: Option<String>,
}

/// Moves the runs of a procedure that wait for an answer to another version; a preview unless `preview` is
/// false.
pub(super) async fn migrate(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(slug): Named,
    extract::Json(wanted): extract::Json<Migration>,
) -> Result<Json<Value>, Problem> {
    let page = page::page(wanted.limit, wanted.after.as_deref())?;
    if wanted.to == DRAFT {
        let detail = "a run goes by a published version";
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "to"));
    }
    let wish = MigrationWish {
        slug,
        to: wanted.to,
        is_preview: wanted.preview.unwrap_or(true),
        page,
    };
    let moved = api.app.migrate_runs(&wish, &owner.entry()).await?;
    let moved = moved.ok_or_else(|| {
        Problem::unknown(&format!("version {} of the procedure", wish.to), &wish.slug)
    })?;
    Ok(Json(shown(&moved)))
}
