//! Definitions in a daemon: listed, drawn, written, published, stopped; runs moved to another version.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Format, Meant, Migrate,
    files::{self, draw, tell_changes},
};
use crate::{
    cli::{
        Failure,
        client::{Client, Page, segment},
        faults,
        output::{self, Column, Output},
    },
    domain::procedure::Definition,
    procedures::diff::Change,
};

const LIST: &[Column] = &[
    ("SLUG", "/slug"),
    ("STAGE", "/stage"),
    ("VERSION", "/version"),
    ("NAME", "/display_name"),
    ("STARTED WHEN", "/trigger_description"),
    ("SOURCE", "/source"),
    ("DRAFT", "/draft_in_words"),
    ("STOPPED", "/stopped"),
];

const VERSIONS: &[Column] = &[
    ("VERSION", "/version"),
    ("STAGE", "/stage"),
    ("SOURCE", "/source"),
    ("CHANGED", "/changed_at"),
    ("BY", "/changed_by"),
    ("STOPPED", "/stopped"),
];

const MOVES: &[Column] = &[
    ("RUN", "/run_id"),
    ("CONVERSATION", "/conversation_id"),
    ("WAITS AT", "/step"),
    ("FROM", "/from"),
    ("STAYS BECAUSE", "/reason"),
];

fn path(slug: &str, then: &str) -> String {
    format!("/v1/procedures/{}{then}", segment(slug))
}

/// Lists procedures.
pub(super) async fn list(client: &Client, output: Output, page: &Page) -> Result<(), Failure> {
    let query = page.onto(Vec::new());
    let mut answer = client.get("/v1/procedures", &query).await?;
    if output == Output::Table {
        let items = answer["items"].as_array_mut().into_iter().flatten();
        items.for_each(|item| {
            let differs = item["draft_differs"] == true;
            item["draft_in_words"] = if differs { "differs" } else { "" }.into();
        });
    }
    output::listing(output, &answer, LIST)
}

/// Draws a version, the active one unless another is wanted, and lists all versions.
pub(super) async fn show(
    client: &Client,
    output: Output,
    slug: &str,
    (number, format): (Option<i64>, Format),
) -> Result<(), Failure> {
    let mut all = Value::Null;
    let number = if let Some(number) = number {
        number
    } else {
        all = client.get(&path(slug, ""), &[]).await?;
        all["version"].as_i64().unwrap_or_default()
    };
    if output == Output::Json && !all.is_null() {
        return output::json(&all);
    }
    let one = path(slug, &format!("/versions/{number}"));
    let version = client.get(&one, &[]).await?;
    if output == Output::Json {
        return output::json(&version);
    }
    let definition = Definition::read(version["definition"].clone());
    let definition =
        definition.map_err(|malformed| files::refuse(slug, output, &malformed.faults))?;
    draw(&definition, format)?;
    if !matches!(format, Format::Terminal) {
        return Ok(());
    }
    output::line("")?;
    let only = [version];
    let versions = all["versions"].as_array();
    let versions = versions.filter(|versions| !versions.is_empty());
    let versions = versions.map_or(&only[..], Vec::as_slice);
    output::line(&output::table(VERSIONS, versions))?;
    if all["draft_differs"] == true {
        output::aside("the draft differs: look at it with --version 0")?;
    }
    Ok(())
}

/// Compares two versions.
pub(super) async fn compare(
    client: &Client,
    output: Output,
    slug: &str,
    (from, to): (i64, i64),
) -> Result<(), Failure> {
    let query = [("from", from.to_string()), ("to", to.to_string())];
    let mut answer = client.get(&path(slug, "/diff"), &query).await?;
    if output == Output::Json {
        return output::json(&answer);
    }
    let changes: Vec<Change> = serde_json::from_value(answer["changes"].take())
        .map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))?;
    tell_changes(&changes)
}

/// Writes the draft that a file says.
pub(super) async fn draft(client: &Client, output: Output, file: &Path) -> Result<(), Failure> {
    let definition = files::read(file, output)?;
    let answer = write(client, &definition).await?;
    if output == Output::Json {
        return output::json(&answer);
    }
    show_faults(&answer)?;
    let slug = &definition.slug;
    let mut faults = answer["faults"].as_array().into_iter().flatten();
    output::line(&if faults.any(|fault| fault["severity"] == "error") {
        format!("`{slug}`: the draft is written; it cannot be published like this")
    } else {
        format!("`{slug}`: the draft is written; `provost procedures publish {slug}` publishes it")
    })
}

async fn write(client: &Client, definition: &Definition) -> Result<Value, Failure> {
    let path = path(&definition.slug, "");
    client.send_json(Method::PUT, &path, &definition.text).await
}

/// Shows what a definition was taken with.
fn show_faults(answer: &Value) -> Result<(), Failure> {
    let faults = answer["faults"].as_array().into_iter().flatten();
    faults
        .filter_map(faults::told)
        .try_for_each(|line| output::aside(&line))
}

/// Publishes a file, or a draft.
pub(super) async fn publish(client: &Client, output: Output, what: Meant) -> Result<(), Failure> {
    let slug = match what {
        Meant::Slug(slug) => slug,
        Meant::File(file) => {
            let definition = files::read(&file, output)?;
            write(client, &definition).await?;
            definition.slug
        }
    };
    let path = path(&slug, "/publish");
    let answer = client.send_json(Method::POST, &path, &json!({})).await?;
    if output == Output::Json {
        return output::json(&answer);
    }
    show_faults(&answer)?;
    output::line(&format!(
        "`{slug}`: version {} is active",
        answer["version"]
    ))
}

/// Archives a procedure.
pub(super) async fn archive(client: &Client, output: Output, slug: &str) -> Result<(), Failure> {
    let path = path(slug, "/archive");
    let answer = client.send_json(Method::POST, &path, &json!({})).await?;
    match output {
        Output::Json => output::json(&answer),
        Output::Table => output::line(&format!("`{slug}` is archived: no run begins with it")),
    }
}

/// Stops a version, or lets it go on.
pub(super) async fn stop(
    client: &Client,
    output: Output,
    (slug, number): (&str, i64),
    reason: Option<String>,
) -> Result<(), Failure> {
    let (verb, body, said) = match reason {
        Some(reason) => ("stop", json!({"reason": reason}), "is stopped"),
        None => ("release", json!({}), "goes on"),
    };
    let path = path(slug, &format!("/versions/{number}/{verb}"));
    let answer = client.send_json(Method::POST, &path, &body).await?;
    match output {
        Output::Json => output::json(&answer),
        Output::Table => output::line(&format!("`{slug}`: version {number} {said}")),
    }
}

/// Shows which runs would move or moves them, page by page where they are many.
pub(super) async fn migrate(
    client: &Client,
    output: Output,
    wish: &Migrate,
) -> Result<(), Failure> {
    let path = path(&wish.slug, "/migrate");
    let mut body = json!({"to": wish.to, "preview": !wish.yes});
    let (mut items, mut moved) = (Vec::new(), 0);
    loop {
        let mut answer = client.send_json(Method::POST, &path, &body).await?;
        moved += answer["moved"].as_u64().unwrap_or(0);
        if let Value::Array(more) = answer["items"].take() {
            items.extend(more);
        }
        match answer["next"].take() {
            Value::Null => break,
            next => body["after"] = next,
        }
    }
    if output == Output::Json {
        let (preview, to) = (!wish.yes, wish.to);
        return output::json(&json!({
            "preview": preview, "to": to, "moved": moved, "items": items, "next": null,
        }));
    }
    if !items.is_empty() {
        output::line(&output::table(MOVES, &items))?;
    }
    if wish.yes {
        return output::line(&format!("moved {moved}"));
    }
    output::aside(&match moved {
        0 => "nothing would move".to_owned(),
        _ => format!("{moved} would move; with --yes they do"),
    })
}
