//! The keys above all sections, and the order in which sections are read.
//!
//! A new section is a file of its own and one line here. An absent section gives
//! its defaults, so the same code makes `Config::default`.

use std::sync::Arc;

use super::{
    Audit, Broker, Config, Database, Http, Intake, Limits, Outbound, PolicySection, Queue,
    Retention, Tickets, channels::read_channels, directory, document::Document, env, fault,
    notices::read_notices, procedures::read_procedures, roles, section::Section,
};
use crate::domain::{
    directory::Directory, event::MAX_ATTRIBUTE_BYTES, nearest::did_you_mean, time::Span,
};
use toml::de::DeTable;

/// What a ticket's link may name.
const LINK_VARIABLES: [&str; 1] = ["conversation_id"];

/// Reads every section; absent ones give their defaults.
pub(super) fn read<'d>(document: &'d Document<'d>, table: &'d DeTable<'d>) -> Config {
    let mut root = Section::root(document, table);
    let roles = roles::read_roles(root.named("roles"));
    let people = directory::read_people(root.named("people"), &roles);
    let broker = Broker::read(root.section("broker"));
    let channels = read_channels(root.named("channels"), &broker.results_exchange);
    let channel_names = channels.keys().cloned().collect();
    let teams = directory::read_teams(root.named("teams"), &people, &channel_names);
    let mut config = Config {
        source: read_source(&mut root),
        instance: read_instance(&mut root),
        conversation_url: read_conversation_url(&mut root),
        log: read_log(&mut root),
        shutdown_timeout: root.span("shutdown_timeout", Span::from_secs(20)),
        database: Database::read(root.section("database")),
        queues: Queue::read_all(root.list("queues"), &broker.inbox),
        broker,
        http: Http::read(root.section("http")),
        intake: Intake::read_all(root.named("intake")),
        limits: Limits::read(root.section("limits")),
        policy: PolicySection::read(root.section("policy")),
        retention: Retention::read(root.section("retention")),
        roles,
        people,
        teams,
        notices: Arc::new(read_notices(root.section("notices"), channels)),
        outbound: Outbound::read(root.section("outbound")),
        audit: Audit::read(root.section("audit")),
        tickets: Tickets::read(root.section("tickets")),
        procedures: read_procedures(root.section("procedures")),
    };
    root.end();
    if config.instance.is_empty() {
        config.instance = made_up_instance(&config.http.listen);
    }
    if config.people.is_empty() && config.teams.is_empty() {
        let default = Directory::default();
        config.people = default.people;
        config.teams = default.teams;
    }
    config
}

fn read_source(root: &mut Section<'_>) -> String {
    let default = "/provost".to_owned();
    match root.text("source") {
        Some(found) if !is_uri_reference(&found.value) => {
            let said = format!(
                "must be a URI reference without blanks of 1 to {MAX_ATTRIBUTE_BYTES} bytes"
            );
            root.bad(&found.place, &said, None);
            default
        }
        Some(found) => found.value,
        None => default,
    }
}

fn is_uri_reference(text: &str) -> bool {
    (1..=MAX_ATTRIBUTE_BYTES).contains(&text.len())
        && !text
            .contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c))
}

/// An empty name is made up later.
fn read_instance(root: &mut Section<'_>) -> String {
    match root.text("instance") {
        Some(found) if found.value.len() > 255 => {
            root.bad(&found.place, "must have at most 255 bytes", None);
            String::new()
        }
        found => found.map(|found| found.value).unwrap_or_default(),
    }
}

/// Gives a name that stays over a restart and differs between daemons on one machine: the host's and the port.
fn made_up_instance(listen: &str) -> String {
    let port = listen.rsplit(':').next().unwrap_or_default();
    format!("{}:{port}", host_name())
}

/// Asks the kernel, not a file below `/proc`: a hardened service does not see that.
fn host_name() -> String {
    let uname = rustix::system::uname();
    match uname.nodename().to_string_lossy() {
        name if name.is_empty() => "provost".to_owned(),
        name => name.into_owned(),
    }
}

fn read_conversation_url(root: &mut Section<'_>) -> String {
    let Some(found) = root.text("conversation_url") else {
        return String::new();
    };
    let url = &found.value;
    if url.is_empty() {
        return String::new();
    }
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        root.bad(&found.place, "is no `https://` or `http://` address", None);
    }
    let mut variables = url
        .split("{{")
        .skip(1)
        .map(|rest| rest.split("}}").next().unwrap_or(rest).trim());
    if let Some(unknown) = variables.find(|name| !LINK_VARIABLES.contains(name)) {
        let hint = did_you_mean(unknown, LINK_VARIABLES)
            .or_else(|| Some("a link knows {{conversation_id}}".to_owned()));
        root.bad(
            &found.place,
            &format!("names `{unknown}`, which a link does not know"),
            hint,
        );
    } else if !url.contains("{{") {
        let message = "`conversation_url` is the same for every conversation";
        let hint = Some("put {{conversation_id}} where its id belongs".to_owned());
        root.doc
            .warn(found.place.fault(fault::NO_EFFECT, message, hint));
    }
    found.value
}

fn read_log(root: &mut Section<'_>) -> String {
    let default = "info".to_owned();
    let Some(found) = root.text_or_variable("log", env::LOG, false) else {
        return default;
    };
    match tracing_subscriber::EnvFilter::builder().parse(&found.value) {
        Ok(_) => found.value,
        Err(error) => {
            let hint = Some("write `info`, `debug`, or `info,provost::broker=debug`".to_owned());
            root.bad(&found.place, &format!("is no filter: {error}"), hint);
            default
        }
    }
}
