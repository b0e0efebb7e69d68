//! `/v1/procedures`: drafts written, checked, tried out, published, archived; versions looked at and stopped.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth::Owner,
    extract::{self, Asked, Named},
    page::{PageQuery, shown},
    problem::{Kind, Problem},
    state::Api,
};
use crate::{
    daemon::Receipt,
    decide::{Decide, VersionStopped, procedure_subject},
    domain::{
        access::Verb,
        procedure::{
            Definition, Fault,
            version::{DRAFT, Procedures, Source, Stage, Version},
        },
    },
    procedures::diff::diff,
    store::Reader,
    workbench::{simulate::Script, verify::Verified},
};

/// Lists procedures by slug: what is active of each, and its draft.
pub(super) async fn list(
    State(api): State<Api>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Value>, Problem> {
    let (limit, after) = query.by_name()?;
    let versions = api.read(|reader| reader.procedure_versions(None)).await?;
    let mut by_slug: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
    for version in &versions {
        by_slug.entry(&version.slug).or_default().push(version);
    }
    let rest =
        by_slug.range::<str, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
    let mut rest = rest.map(|(slug, versions)| (*slug, overview(versions)));
    let items: Vec<(&str, Value)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(items.last()).map(|(slug, _)| *slug);
    let items: Vec<&Value> = items.iter().map(|(_, item)| item).collect();
    Ok(Json(json!({"items": items, "next": next})))
}

/// Shows a procedure in a line: the active version, else the newest, and how the draft stands.
fn overview(versions: &[&Version]) -> Value {
    let active = versions.iter().find(|one| one.stage == Stage::Active);
    let draft = versions.iter().find(|one| one.version == DRAFT);
    let main = active.or(versions.last()).or(draft);
    let Some(main) = main else { return Value::Null };
    let text = |name: &str| main.definition.get(name).cloned().unwrap_or_default();
    let is_changed = draft.is_some_and(|draft| draft.definition != main.definition);
    let mut shown = json!({
        "slug": main.slug, "stage": main.stage, "version": main.version,
        "display_name": text("display_name"), "trigger_description": text("trigger_description"),
        "source": source(&main.source), "changed_at": main.changed_at,
        "changed_by": main.changed_by, "draft_differs": is_changed,
    });
    if let Some(why) = &main.stopped {
        shown["stopped"] = json!(why);
    }
    shown
}

fn source(source: &Source) -> Value {
    match source {
        Source::Api => json!("api"),
        Source::File(file) => json!(format!("procedures/{file}")),
    }
}

/// Shows a version whole.
fn whole(version: &Version) -> Value {
    let mut shown = shown(version);
    shown["source"] = source(&version.source);
    shown
}

/// Gives the active procedures with their triggers, for the platform's AI.
pub(super) async fn catalogue(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let all: Arc<Procedures> = api.read(Reader::published).await?;
    let live = all.active.values().filter(|published| {
        let version = &published.version;
        all.why_stopped(&version.slug, version.version).is_none()
    });
    let items: Vec<Value> = live
        .map(|published| {
            json!({
                "slug": published.version.slug, "version": published.version.version,
                "display_name": published.definition.display_name,
                "trigger_description": published.definition.trigger_description,
            })
        })
        .collect();
    Ok(Json(json!({"items": items, "next": null})))
}

async fn versions(api: &Api, slug: &str) -> Result<Vec<Version>, Problem> {
    let wanted = slug.to_owned();
    let versions = api
        .read(move |reader| reader.procedure_versions(Some(&wanted)))
        .await?;
    if versions.is_empty() {
        return Err(Problem::unknown("procedure", slug));
    }
    Ok(versions)
}

pub(super) async fn version(api: &Api, slug: &str, number: i64) -> Result<Version, Problem> {
    let wanted = slug.to_owned();
    let found = api
        .read(move |reader| reader.procedure_version(&wanted, number))
        .await?;
    found.ok_or_else(|| match number {
        DRAFT => Problem::unknown("draft of the procedure", slug),
        number => Problem::unknown(&format!("version {number} of the procedure"), slug),
    })
}

/// Shows a procedure: what is active, its draft, and its versions.
pub(super) async fn show(
    State(api): State<Api>,
    Named(slug): Named,
) -> Result<Json<Value>, Problem> {
    let versions = versions(&api, &slug).await?;
    let all: Vec<&Version> = versions.iter().collect();
    let mut shown = overview(&all);
    let of = |wanted: fn(&Version) -> bool| {
        let found = versions.iter().find(|one| wanted(one));
        found.map(|one| one.definition.clone())
    };
    shown["definition"] = json!(of(|one| one.stage == Stage::Active));
    shown["draft"] = json!(of(|one| one.version == DRAFT));
    let numbered = versions.iter().filter(|one| one.version != DRAFT);
    let numbered: Vec<Value> = numbered
        .map(|one| {
            let mut line = whole(one);
            if let Some(line) = line.as_object_mut() {
                line.remove("definition");
            }
            line
        })
        .collect();
    shown["versions"] = json!(numbered);
    Ok(Json(shown))
}

/// Shows a version; 0 is the draft.
pub(super) async fn show_version(
    State(api): State<Api>,
    Path((slug, number)): Path<(String, i64)>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(whole(&version(&api, &slug, number).await?)))
}

/// What differs between which versions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiffQuery {
    from: i64,
    to: i64,
}

/// Shows what differs between two versions; 0 is the draft.
pub(super) async fn compare(
    State(api): State<Api>,
    Named(slug): Named,
    Asked(query): Asked<DiffQuery>,
) -> Result<Json<Value>, Problem> {
    let read = |version: Version| read(&api, version.definition);
    let from = read(version(&api, &slug, query.from).await?)?;
    let to = read(version(&api, &slug, query.to).await?)?;
    Ok(Json(
        json!({"from": query.from, "to": query.to, "changes": diff(&from, &to)}),
    ))
}

/// Reads a definition.
///
/// *Errors*: 422 with every fault of its form, and with what it names that is not there.
pub(super) fn read(api: &Api, text: Value) -> Result<Definition, Problem> {
    let wrong = |malformed| rejected(api.app.verify_procedure(Err(malformed)).faults);
    Definition::read(text).map_err(wrong)
}

/// Refuses a definition for what is wrong with it.
#[expect(clippy::needless_pass_by_value, reason = "it is handed on as an error")]
fn rejected(faults: Vec<Fault>) -> Problem {
    let detail = match &faults[..] {
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        [] => String::new(),
    };
    Problem::new(Kind::ProcedureRejected, detail).with("errors", shown(&faults))
}

/// Makes a procedure, as a draft.
///
/// *Errors*: 422 with every fault of its form, 409 for one that is there already.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    extract::Json(body): extract::Json<Value>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let definition = read(&api, body)?;
    let slug = definition.slug.clone();
    if versions(&api, &slug).await.is_ok() {
        let detail = format!("there is a procedure `{slug}`; change its draft with PUT");
        return Err(Problem::new(Kind::IllegalMove, detail));
    }
    let verified = draft(&api, &owner, definition).await?;
    Ok((StatusCode::CREATED, Json(verified)))
}

/// Replaces the draft of a procedure.
///
/// *Errors*: 422 with every fault of its form, 409 for one that a file says.
pub(super) async fn replace(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(slug): Named,
    extract::Json(body): extract::Json<Value>,
) -> Result<Json<Value>, Problem> {
    let definition = read(&api, body)?;
    if definition.slug != slug {
        let detail = format!(
            "the definition is of `{}`, not of `{slug}`",
            definition.slug
        );
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "slug"));
    }
    Ok(Json(draft(&api, &owner, definition).await?))
}

/// Writes a draft and tells what stands against publishing it.
async fn draft(api: &Api, owner: &Owner, definition: Definition) -> Result<Value, Problem> {
    let verified = api.app.verify_procedure(Ok(definition.clone()));
    let how = (Stage::Draft, Source::Api);
    let slug = definition.slug.clone();
    let by = owner.entry();
    let written = api.app.write_procedure(definition, how, &by);
    done(written.await?)?;
    let mut shown = whole(&version(api, &slug, DRAFT).await?);
    shown["faults"] = json!(verified.faults);
    Ok(shown)
}

fn done(receipt: Receipt) -> Result<(), Problem> {
    match receipt {
        Receipt::Refused(rejection) => Err(rejection.into()),
        Receipt::Accepted { .. } | Receipt::Duplicate { .. } | Receipt::Ignored { .. } => Ok(()),
    }
}

/// Gives the definition that is meant: the draft, or what is active where there is none.
pub(super) async fn meant(api: &Api, slug: &str) -> Result<Definition, Problem> {
    let versions = versions(api, slug).await?;
    let draft = versions.iter().find(|one| one.version == DRAFT);
    let active = versions.iter().find(|one| one.stage == Stage::Active);
    let found = draft.or(active).or(versions.last());
    let found = found.ok_or_else(|| Problem::unknown("procedure", slug))?;
    read(api, found.definition.clone())
}

/// Publishes the draft as a new version.
///
/// *Errors*: 422 with everything that stands against it, scenarios that fail included.
pub(super) async fn publish(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(slug): Named,
) -> Result<Json<Value>, Problem> {
    let draft = version(&api, &slug, DRAFT).await?;
    let read = Definition::read(draft.definition);
    let verified = api.app.verify_procedure(read);
    let Some(definition) = verified.publishable() else {
        return Err(rejected(verified.faults));
    };
    let how = (Stage::Active, Source::Api);
    let by = owner.entry();
    let written = api.app.write_procedure(definition.clone(), how, &by);
    done(written.await?)?;
    let versions = versions(&api, &slug).await?;
    let active = versions.iter().find(|one| one.stage == Stage::Active);
    let mut shown = active.map(whole).unwrap_or_default();
    shown["faults"] = json!(verified.faults);
    Ok(Json(shown))
}

/// Archives a procedure: no run begins with it any more.
pub(super) async fn archive(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Named(slug): Named,
) -> Result<Json<Value>, Problem> {
    versions(&api, &slug).await?;
    let by = owner.entry();
    let archived = api.app.archive_procedure(&slug, Source::Api, &by);
    done(archived.await?)?;
    let versions = versions(&api, &slug).await?;
    let all: Vec<&Version> = versions.iter().collect();
    Ok(Json(overview(&all)))
}

/// Tells everything that is wrong or doubtful about the draft.
pub(super) async fn validate(
    State(api): State<Api>,
    Named(slug): Named,
) -> Result<Json<Value>, Problem> {
    let verified = api.app.verify_procedure(Ok(meant(&api, &slug).await?));
    let is_good = verified.publishable().is_some();
    let Verified {
        faults, simulated, ..
    } = verified;
    let scenarios: Vec<Value> = simulated
        .iter()
        .map(|(name, simulated)| json!({"name": name, "simulated": simulated}))
        .collect();
    Ok(Json(
        json!({"ok": is_good, "faults": faults, "scenarios": scenarios}),
    ))
}

/// Runs the draft by a script, without any effect.
pub(super) async fn simulate(
    State(api): State<Api>,
    Named(slug): Named,
    extract::Json(script): extract::Json<Script>,
) -> Result<Json<Value>, Problem> {
    let definition = meant(&api, &slug).await?;
    Ok(Json(shown(
        &api.app.simulate_procedure(&definition, &script),
    )))
}

/// Why a version is stopped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stop {
    reason: String,
}

/// Stops a version: no run begins or goes on with it.
pub(super) async fn stop(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Path(place): Path<(String, i64)>,
    extract::Json(wanted): extract::Json<Stop>,
) -> Result<Json<Value>, Problem> {
    if wanted.reason.trim().is_empty() {
        let detail = "say why, for those whose conversations are handed over";
        return Err(Problem::new(Kind::BadRequest, detail).with("field", "reason"));
    }
    set_stopped(&api, &owner, place, Some(wanted.reason)).await
}

/// Lets a stopped version go on.
pub(super) async fn release(
    State(api): State<Api>,
    Extension(owner): Extension<Owner>,
    Path(place): Path<(String, i64)>,
) -> Result<Json<Value>, Problem> {
    set_stopped(&api, &owner, place, None).await
}

async fn set_stopped(
    api: &Api,
    owner: &Owner,
    (slug, number): (String, i64),
    why: Option<String>,
) -> Result<Json<Value>, Problem> {
    version(api, &slug, number).await?;
    let kind = if why.is_some() {
        "procedure.stopped"
    } else {
        "procedure.released"
    };
    let verb: Arc<dyn Decide> = Arc::new(VersionStopped {
        slug: slug.clone(),
        version: number,
        why,
    });
    let subject = procedure_subject(&slug);
    let entry = owner.entry();
    let decided = api
        .app
        .have_decided(kind, &subject, (verb, &[Verb::Publish]), &entry);
    done(decided.await?)?;
    Ok(Json(whole(&version(api, &slug, number).await?)))
}
