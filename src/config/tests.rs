//! What loading promises: all faults at once, in place, and a sample that is the defaults.
//!
//! The shipped file is read three ways: as it is, with its defaults uncommented, and
//! with its examples uncommented too.

use std::{collections::BTreeSet, fs, path::PathBuf};

use secrecy::ExposeSecret;

use super::*;
use crate::domain::access::Verb;

/// The folder that ships with the repository.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");

/// A configuration folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, toml: &str) -> Self {
        let name = format!("provost-config-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder");
        fs::write(folder.join(FILE), toml).expect("a temporary file");
        Self(folder)
    }

    fn load(&self, env: &Env) -> Result<Loaded, Vec<ConfigFault>> {
        Config::load(&self.0, env)
    }

    /// Gives the faults without the folder's name, one a line.
    fn faults(&self, env: &Env) -> String {
        let faults = self.load(env).expect_err("the configuration is in error");
        shown(&faults, &self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shown(faults: &[ConfigFault], folder: &Path) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines
        .join("\n")
        .replace(&format!("{}/", folder.display()), "")
}

/// Everything but the shown secrets, for comparison.
fn fingerprint(config: &Config) -> String {
    format!("{config:#?} {} {}", config.database.url, config.broker.url)
}

#[test]
fn an_absent_folder_gives_the_defaults_and_the_default_directory() {
    let loaded = Config::load(Path::new("no/such/folder"), &Env::default()).expect("defaults");
    assert_eq!(loaded.file, None);
    assert_eq!(loaded.config.http.listen, "127.0.0.1:8642");
    assert_eq!(loaded.config.database.url, "sqlite:provost.db");
    assert!(loaded.config.broker.urls().is_empty());
    assert!(!loaded.config.instance.is_empty());
    assert_eq!(loaded.config.directory(), Directory::default());
}

#[test]
fn the_variables_of_the_contract_win_over_the_file() {
    let folder = Folder::with(
        "variables",
        r#"
        log = "warn"
        database.url = "sqlite:${env:UNSET}.db"
        broker.url = "amqp://file"
        http.listen = "127.0.0.1:1"
        policy.rules = "file-rules"
        "#,
    );
    let env = Env::from([
        ("PROVOST_DATABASE_URL", "postgres://db/provost"),
        ("PROVOST_AMQP_URL", ""),
        ("PROVOST_HTTP_LISTEN", "localhost:2"),
        ("PROVOST_RULES", "env-rules"),
        ("PROVOST_LOG", "debug"),
    ]);
    let config = folder.load(&env).expect("loads").config;
    assert_eq!(config.database.url, "postgres://db/provost");
    assert_eq!(config.broker.url, "", "an empty variable means no broker");
    assert_eq!(config.http.listen, "localhost:2");
    assert_eq!(config.policy.rules, PathBuf::from("env-rules"));
    assert_eq!(config.log, "debug");

    let env = Env::from([
        ("PROVOST_HTTP_LISTEN", "8642"),
        ("PROVOST_AMQP_URL", "mq:5672"),
    ]);
    let folder = Folder::with("bad-variables", "");
    insta::assert_snapshot!(folder.faults(&env), @r##"
    PROVOST_AMQP_URL: PV-CONF-005 `broker.url` is not a broker's address; write `amqp://USER:PASSWORD@HOST:PORT/VHOST` or `amqps://…`
    PROVOST_HTTP_LISTEN: PV-CONF-005 `http.listen` is `8642`, which is no address and port (write `127.0.0.1:8642`, `[::]:8642` or `localhost:8642`)
    "##);
}

#[test]
fn every_fault_is_reported_at_once_with_its_place_and_the_nearest_key() {
    let folder = Folder::with("faults", FAULTY);
    fs::create_dir_all(folder.0.join("mappings")).expect("a folder");
    fs::write(folder.0.join("mappings/helpdesk.rhai"), "").expect("a file");
    insta::assert_snapshot!(folder.faults(&Env::default()), @r##"
    provost.toml:1:1: PV-CONF-003 unknown key `sorce` (did you mean `source`?)
    provost.toml:2:1: PV-CONF-003 unknown key `prefetch` (`broker.prefetch` is known)
    provost.toml:3:20: PV-CONF-005 `shutdown_timeout` is no length of time: `20 parsecs` is not a duration; write a number and a unit: ms, s, m, h or d
    provost.toml:4:20: PV-CONF-005 `conversation_url` is no `https://` or `http://` address
    provost.toml:4:20: PV-CONF-005 `conversation_url` names `conversation`, which a link does not know (did you mean `conversation_id`?)
    provost.toml:7:9: PV-CONF-005 `database.lanes` is 17, not within 1 to 16
    provost.toml:8:11: PV-CONF-004 `database.readers` must be a whole number, not a string
    provost.toml:11:7: PV-CONF-005 `broker.url` is not a broker's address; write `amqp://USER:PASSWORD@HOST:PORT/VHOST` or `amqps://…`
    provost.toml:12:1: PV-CONF-003 unknown key `prefech` in `broker` (did you mean `prefetch`?)
    provost.toml:13:14: PV-CONF-004 `broker.partitions` must be a whole number, not a float
    provost.toml:14:14: PV-CONF-005 `broker.queue_type` is `quorun`, not one of quorum, classic (did you mean `quorum`?)
    provost.toml:15:15: PV-CONF-004 `broker.trust_actor` must be true or false, not a string
    provost.toml:17:1: PV-CONF-006 `queues[0]` lacks `name`
    provost.toml:18:11: PV-CONF-007 `queues[0].mapping` names the mapping `raza`, which does not exist (did you mean `rasa`?)
    provost.toml:21:8: PV-CONF-005 `queues[1].name` is `provost.inbox`, which is consumed already
    provost.toml:25:10: PV-CONF-005 `http.listen` is `8642`, which is no address and port (write `127.0.0.1:8642`, `[::]:8642` or `localhost:8642`)
    provost.toml:27:9: PV-CONF-007 `intake.zendesk` names the mapping `zendesk`, which does not exist (add mappings/zendesk.rhai, or name a built-in one: `chatwoot`, `rasa`)
    provost.toml:30:10: PV-CONF-008 `intake.chatwoot.secret`: the environment variable `CHATWOOT_SECRET` is not set
    provost.toml:33:1: PV-CONF-003 unknown key `nmae` in `people.dana` (did you mean `name`?)
    provost.toml:34:9: PV-CONF-005 `people.dana.email` is `dana`, which is no mail address
    provost.toml:37:20: PV-CONF-007 `teams.billing.members[1]` names the person `dena`, who is not in [people] (did you mean `dana`?)
    provost.toml:38:11: PV-CONF-005 `teams.billing.channel` is `billing`, which is no channel (write `#billing`)
    provost.toml:40:8: PV-CONF-009 `teams.nobody` has neither members nor a channel (add members = ["…"] or channel = "#…")
    provost.toml:42:8: PV-CONF-005 `teams.dana` has the name of a person: `@dana` would be either
    provost.toml:46:8: PV-CONF-005 `channels.billing.kind` is `slak`, not one of slack, teams, mattermost, discord, webhook, email, amqp (did you mean `slack`?)
    provost.toml:49:20: PV-CONF-005 `outbound.allow_addresses[0]` is `10.0.0.0/64`, which is no network such as `10.0.0.0/8`
    provost.toml:52:11: PV-CONF-005 `retention.journal` must be longer than nothing
    provost.toml:53:10: PV-CONF-004 `retention.parked` must be a "text" in quotes, not an integer
    provost.toml:55:2: PV-CONF-003 unknown key `polcy` (did you mean `policy`?)
    "##);
}

const FAULTY: &str = r#"sorce = "/shop"
prefetch = 10
shutdown_timeout = "20 parsecs"
conversation_url = "chat.example.com/{{conversation}}"

[database]
lanes = 17
readers = "two"

[broker]
url = "http://mq"
prefech = 10
partitions = 2.5
queue_type = "quorun"
trust_actor = "yes"

[[queues]]
mapping = "raza"

[[queues]]
name = "provost.inbox"
mapping = "helpdesk"

[http]
listen = "8642"

[intake.zendesk]

[intake.chatwoot]
secret = "${env:CHATWOOT_SECRET}"

[people.dana]
nmae = "Dana"
email = "dana"

[teams.billing]
members = ["dana", "dena"]
channel = "billing"

[teams.nobody]

[teams.dana]
members = ["dana"]

[channels.billing]
kind = "slak"

[outbound]
allow_addresses = ["10.0.0.0/64"]

[retention]
journal = "0s"
parked = 30

[polcy]
rules = "x"
"#;

#[test]
fn a_syntax_error_is_reported_in_place_and_hides_what_follows_from_it() {
    let folder = Folder::with(
        "syntax",
        "sorce = 1\n[teams.x]\nmembers = [\"\nsource = \"/b\"\n[broker\nurl = x\n",
    );
    insta::assert_snapshot!(folder.faults(&Env::default()), @r##"
    provost.toml:1:1: PV-CONF-003 unknown key `sorce` (did you mean `source`?)
    provost.toml:3:13: PV-CONF-002 not TOML: invalid basic string, expected `"`
    provost.toml:4:1: PV-CONF-002 not TOML: missing comma between array elements, expected `,`
    provost.toml:4:1: PV-CONF-002 not TOML: string values must be quoted, expected literal string
    provost.toml:4:8: PV-CONF-002 not TOML: unexpected `=` in array, expected value, `]`
    provost.toml:4:10: PV-CONF-002 not TOML: missing comma between array elements, expected `,`
    provost.toml:5:1: PV-CONF-002 not TOML: missing comma between array elements, expected `,`
    provost.toml:5:2: PV-CONF-002 not TOML: string values must be quoted, expected literal string
    provost.toml:6:1: PV-CONF-002 not TOML: missing comma between array elements, expected `,`
    provost.toml:6:1: PV-CONF-002 not TOML: string values must be quoted, expected literal string
    provost.toml:6:5: PV-CONF-002 not TOML: unexpected `=` in array, expected value, `]`
    provost.toml:6:7: PV-CONF-002 not TOML: missing comma between array elements, expected `,`
    provost.toml:6:7: PV-CONF-002 not TOML: string values must be quoted, expected literal string
    provost.toml:6:8: PV-CONF-002 not TOML: unclosed array, expected `]`
    provost.toml:6:8: PV-CONF-002 not TOML: unclosed array, expected `]`
    "##);
}

#[test]
fn keys_of_later_releases_and_the_contracts_sample_are_accepted() {
    let folder = Folder::with("contract", CONTRACT);
    let url = "https://hooks.slack.com/services/T0/B0/xyzzy";
    let env = Env::from([("CHATWOOT_SECRET", "s3cret"), ("SLACK_BILLING", url)]);
    let loaded = folder.load(&env).expect("the contract's sample loads");
    assert_eq!(shown(&loaded.warnings, &folder.0), "");
    let secret = loaded.config.intake["chatwoot"].secret.as_ref();
    assert_eq!(secret.map(ExposeSecret::expose_secret), Some("s3cret"));
    let debug = format!("{:?}", loaded.config);
    assert!(!debug.contains("s3cret") && !debug.contains("xyzzy"));
    let directory = loaded.config.directory();
    assert!(directory.knows("@dana") && directory.knows("@billing") && directory.knows("#billing"));
    assert!(!directory.knows("@owner"));
}

#[test]
fn secrets_come_from_files_and_credentials_without_their_line_end() {
    let folder = Folder::with(
        "secrets",
        "intake.rasa.secret = \"${file:key}\"\nintake.chatwoot.secret = \"${credential:hook}\"\n",
    );
    fs::write(folder.0.join("key"), "one\n").expect("a file");
    fs::write(folder.0.join("hook"), "two").expect("a file");
    let env = Env::from([("CREDENTIALS_DIRECTORY", folder.0.to_str().expect("UTF-8"))]);
    let loaded = folder.load(&env).expect("loads");
    let secret = |name: &str| {
        let secret = loaded.config.intake[name].secret.as_ref();
        secret.map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(secret("rasa").as_deref(), Some("one"));
    assert_eq!(secret("chatwoot").as_deref(), Some("two"));
    assert!(loaded.warnings.is_empty());
}

#[test]
fn working_hours_and_days_away_are_read_and_checked() {
    let folder = Folder::with(
        "hours",
        "[people.dana]\ncalendar = \"berlin\"\naway = [\"2026-12-20/2026-12-31\", \"2027-01-06\"]\n",
    );
    let config = folder.load(&Env::default()).expect("loads").config;
    let dana = &config.people["dana"];
    assert_eq!(dana.calendar.as_deref(), Some("berlin"));
    let away: Vec<String> = dana.away.iter().map(ToString::to_string).collect();
    assert_eq!(away, ["2026-12-20/2026-12-31", "2027-01-06"]);

    let folder = Folder::with(
        "bad-hours",
        "[people.dana]\ncalendar = \"\"\nawayy = []\naway = [\"2026-12-31/2026-12-20\", \"tomorrow\", 7]\n",
    );
    insta::assert_snapshot!(folder.faults(&Env::default()), @r#"
    provost.toml:2:12: PV-CONF-005 `people.dana.calendar` is empty (name a `calendar` of the rules, or leave the key out)
    provost.toml:3:1: PV-CONF-003 unknown key `awayy` in `people.dana` (did you mean `away`?)
    provost.toml:4:9: PV-CONF-005 `people.dana.away[0]` is wrong: `2026-12-31/2026-12-20` ends before it begins (write `2026-12-24` or `2026-12-20/2026-12-31`)
    provost.toml:4:34: PV-CONF-005 `people.dana.away[1]` is wrong: `tomorrow` is neither a day nor a stretch of days (write `2026-12-24` or `2026-12-20/2026-12-31`)
    provost.toml:4:46: PV-CONF-004 `people.dana.away[2]` must be a "text" in quotes, not an integer
    "#);
}

const CONTRACT: &str = r##"
conversation_url = "https://chat.example.com/c/{{conversation_id}}"
[people.dana]
name = "Dana"
email = "dana@example.com"
roles = ["agent", "manager"]
[teams.billing]
members = ["dana"]
channel = "#billing"
[channels.billing]
kind = "slack"
url = "${env:SLACK_BILLING}"
[intake.chatwoot]
secret = "${env:CHATWOOT_SECRET}"
[[queues]]
name = "rasa"
mapping = "rasa"
trust_actor = true
[outbound]
allow_addresses = ["127.0.0.0/8"]
[policy]
shadow = "rules-next"
[audit]
key = "audit.key"
"##;

#[test]
fn what_only_looks_wrong_is_a_warning() {
    let folder = Folder::with(
        "warnings",
        "conversation_url = \"https://chat.example.com\"\n\
         intake.chatwoot.secret = \"open\"\n\
         teams.t.channel = \"#nowhere\"\n",
    );
    let loaded = folder.load(&Env::default()).expect("loads");
    insta::assert_snapshot!(shown(&loaded.warnings, &folder.0), @r##"
    provost.toml:1:20: PV-CONF-011 `conversation_url` is the same for every conversation (put {{conversation_id}} where its id belongs)
    provost.toml:2:26: PV-CONF-010 `intake.chatwoot.secret` is a secret written in the file (refer to it: ${env:NAME}, ${file:PATH} or ${credential:NAME})
    provost.toml:3:19: PV-CONF-011 `teams.t.channel` names `#nowhere`, but there is no [channels.nowhere]
    "##);
}

/// Takes the `#` off the lines of the shipped sample that `marker` recognises.
fn uncommented(markers: &[fn(&str) -> Option<&str>]) -> String {
    let text = fs::read_to_string(Path::new(SHIPPED).join(FILE)).expect("the sample");
    let lines = text.lines().map(|line| {
        let found = markers.iter().find_map(|marker| marker(line));
        found.unwrap_or(line).to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `#key = value` and `#[section]`.
fn default_line(line: &str) -> Option<&str> {
    line.strip_prefix('#')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '['))
}

/// `#| example`.
fn example_line(line: &str) -> Option<&str> {
    line.strip_prefix("#| ")
}

#[test]
fn the_shipped_file_behaves_like_an_empty_one() {
    let shipped = Config::load(Path::new(SHIPPED), &Env::default()).expect("the sample loads");
    assert!(shipped.file.is_some() && shipped.warnings.is_empty());
    assert_eq!(
        fingerprint(&shipped.config),
        fingerprint(&Config::default())
    );
}

#[test]
fn the_shipped_file_states_the_defaults() {
    let folder = Folder::with("defaults", &uncommented(&[default_line]));
    let loaded = folder.load(&Env::default()).expect("the defaults load");
    assert_eq!(fingerprint(&loaded.config), fingerprint(&Config::default()));
}

#[test]
fn the_shipped_file_names_every_key() {
    let text = uncommented(&[default_line, example_line]);
    let env = Env::from([
        ("CHATWOOT_SECRET", "x"),
        ("SLACK_BILLING", "https://slack.example"),
        ("TEAMS_MANAGERS", "https://teams.example"),
        ("MATTERMOST_SUPPORT", "https://mattermost.example"),
        ("DISCORD_COMMUNITY", "https://discord.example"),
        ("PAGER_URL", "https://pager.example"),
        ("PAGER_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("SMTP_URL", "smtps://mail.example"),
    ]);
    let document = Document::new(FILE.to_owned(), &text, &env, Path::new(""));
    read(&document);
    assert_eq!(shown(&document.faults.take(), Path::new("")), "");
    let table: toml::Table = toml::from_str(&text).expect("the sample is TOML");
    let mut named = BTreeSet::new();
    for (key, value) in table {
        paths(&key, &value, &mut named);
    }
    let known = document.known.take();
    // The entries of a list name its keys together.
    let of_any_entry = |names: BTreeSet<String>| -> BTreeSet<String> {
        names
            .iter()
            .map(|name| of_any_channel(&name.replace("[1]", "[0]")))
            .collect()
    };
    let (known, named) = (of_any_entry(known), of_any_entry(named));
    let absent: Vec<_> = known.difference(&named).collect();
    assert!(absent.is_empty(), "not in the sample: {absent:?}");
}

/// Channels of all kinds name their keys together.
fn of_any_channel(path: &str) -> String {
    let mut parts = path.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("channels"), Some(_), Some(key)) => format!("channels.any.{key}"),
        _ => path.to_owned(),
    }
}

fn paths(path: &str, value: &toml::Value, into: &mut BTreeSet<String>) {
    into.insert(path.to_owned());
    if let Some(table) = value.as_table() {
        for (key, value) in table {
            paths(&format!("{path}.{key}"), value, into);
        }
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        paths(&format!("{path}[{index}]"), value, into);
    }
}

#[test]
fn every_code_that_is_used_has_a_remedy() {
    let folder = Folder::with("codes", FAULTY);
    for fault in folder.load(&Env::default()).expect_err("in error") {
        assert!(
            CODES.iter().any(|(code, _)| *code == fault.code),
            "{}",
            fault.code
        );
    }
}

#[test]
fn a_role_replaces_the_built_in_one_and_its_faults_are_named() {
    let folder = Folder::with(
        "roles",
        "[roles.agent]\ngrants = [{ verbs = [\"view\"] }]\n[people.dana]\nroles = [\"agnt\"]\n",
    );
    let loaded = folder.load(&Env::default()).expect("it loads");
    let roles = &loaded.config.roles;
    let agent = ["agent".to_owned()];
    assert!(roles.permit_somewhere(&agent, Verb::View));
    assert!(!roles.permit_somewhere(&agent, Verb::Work));
    assert!(roles.permit_somewhere(&["manager".to_owned()], Verb::Work));
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings[0].contains("did you mean `agent`?"),
        "{warnings:?}"
    );

    let folder = Folder::with(
        "bad-roles",
        "[roles.a]\ngrants = [{ verbs = [\"aprove\"] }, { amount = 5 },\n  { verbs = [\"view\"], channels = [\"web\"] }]\ndenials = [{ verbs = [\"approve\"], amount = \"ten\" }]\n",
    );
    insta::assert_snapshot!(folder.faults(&Env::default()), @r"
    provost.toml:2:22: PV-CONF-005 `roles.a.grants[0].verbs[0]` is `aprove`, which is no verb (did you mean `approve`?)
    provost.toml:2:35: PV-CONF-006 `roles.a.grants[1]` lacks `verbs`
    provost.toml:3:3: PV-CONF-005 `roles.a.grants[2]` narrows `view`, which is not asked of an action (give that verb a grant of its own, without a scope)
    provost.toml:4:44: PV-CONF-004 `roles.a.denials[0].amount` must be a number, not a string
    ");
}

/// What is known of a channel, but for its secrets.
fn channel_shown(config: &Config, name: &str) -> String {
    let channel = &config.notices.channels[name];
    format!(
        "{} {} every {} digest above {} within {}",
        channel.name,
        channel.kind.name(),
        channel.spacing,
        channel.digest_above,
        channel.timeout
    )
}

const CHANNELS: &str = r##"
broker.results_exchange = "out"
[channels.s]
kind = "slack"
url = "${env:HOOK}"
[channels.t]
kind = "teams"
url = "${env:HOOK}"
rate = 0.5
digest_above = 0
timeout = "3s"
[channels.m]
kind = "mattermost"
url = "${env:HOOK}"
[channels.d]
kind = "discord"
url = "${env:HOOK}"
[channels.w]
kind = "webhook"
url = "${env:HOOK}"
secret = "${env:KEY}"
[channels.e]
kind = "email"
url = "smtp://relay"
from = "Desk <desk@example.com>"
to = ["a@example.com", "b@example.com"]
[channels.q]
kind = "amqp"
routing_key = "notice.q"
[notices]
operators = "#s"
mail = { url = "smtp://relay", from = "desk@example.com" }
templates.rule = "{{title}}: {{text}} {{facts.Asked_by}}"
"##;

#[test]
fn each_kind_of_channel_has_its_keys_and_its_pace() {
    let folder = Folder::with("channels", CHANNELS);
    let env = Env::from([
        ("HOOK", "https://hooks.example/xyzzy"),
        ("KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ]);
    let loaded = folder.load(&env).expect("loads");
    assert_eq!(shown(&loaded.warnings, &folder.0), "");
    let lines: Vec<String> = loaded
        .config
        .notices
        .channels
        .keys()
        .map(|name| channel_shown(&loaded.config, name))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    d discord every 500ms digest above 2 within 10s
    e email every 500ms digest above 2 within 10s
    m mattermost every 100ms digest above 2 within 10s
    q amqp every 10ms digest above 2 within 10s
    s slack every 1s digest above 2 within 10s
    t teams every 2s digest above 0 within 3s
    w webhook every 50ms digest above 2 within 10s
    ");
    let notices = &loaded.config.notices;
    assert_eq!(notices.operators.as_deref(), Some("s"));
    assert!(notices.mail.is_some() && notices.templates.len() == 1);
    let kind = &notices.channels["q"].kind;
    assert!(
        format!("{kind:?}").contains("exchange: \"out\""),
        "{kind:?}"
    );
}

#[test]
fn a_channel_that_cannot_be_is_refused_with_its_place() {
    let folder = Folder::with("bad-channels", BAD_CHANNELS);
    insta::assert_snapshot!(folder.faults(&Env::default()), @r##"
    provost.toml:1:11: PV-CONF-006 `channels.a` lacks `url` (it has `uri`)
    provost.toml:3:1: PV-CONF-003 unknown key `uri` in `channels.a` (did you mean `url`?)
    provost.toml:4:11: PV-CONF-006 `channels.b` lacks `kind`
    provost.toml:8:7: PV-CONF-005 `channels.c.url` is no `https://` or `http://` address
    provost.toml:9:8: PV-CONF-005 `channels.c.rate` is 0, not above 0 and up to 1000 a second
    provost.toml:10:11: PV-CONF-005 `channels.c.timeout` is 2m, longer than 1m
    provost.toml:14:10: PV-CONF-005 `channels.d.secret` is no key: `whsec_` and base64 (make one: echo whsec_$(openssl rand -base64 32))
    provost.toml:15:16: PV-CONF-005 `channels.d.digest_above` is -1, not within 0 to 1000
    provost.toml:18:7: PV-CONF-005 `channels.e.url` is no mail server: `smtps://`, `smtp+starttls://` or `smtp://`
    provost.toml:19:8: PV-CONF-005 `channels.e.from` is `desk`, which is no mail address
    provost.toml:20:7: PV-CONF-005 `channels.e.to[0]` is `a`, which is no mail address
    provost.toml:21:11: PV-CONF-006 `channels.f` lacks `routing_key`
    provost.toml:23:20: PV-CONF-005 `channels.f.allow_addresses[0]` is `10.0.0.0/64`, which is no network such as `10.0.0.0/8`
    provost.toml:24:13: PV-CONF-005 `channels.g h` is no name: letters, digits, `-`, `_` and `.` only
    provost.toml:28:13: PV-CONF-007 `notices.operators` names `#aa`, but there is no [channels.aa] (did you mean `a`?)
    provost.toml:29:1: PV-CONF-003 unknown key `operator` in `notices` (did you mean `operators`?)
    provost.toml:30:8: PV-CONF-006 `notices.mail` lacks `from` (it has `form`)
    provost.toml:30:32: PV-CONF-003 unknown key `form` in `notices.mail` (did you mean `from`?)
    provost.toml:32:8: PV-CONF-005 `notices.templates.rule` names `tile`, which a notice does not have (did you mean `title`?)
    provost.toml:32:8: PV-CONF-005 `notices.templates.rule` names `facts.a.b`, which a notice does not have (a notice has {{title}}, {{text}}, {{about}}, {{at}}, {{kind}}, {{link}} and {{facts.NAME}})
    provost.toml:33:1: PV-CONF-003 unknown key `rul` in `notices.templates` (did you mean `rule`?)
    provost.toml:34:8: PV-CONF-005 `notices.templates.test` has `{{` without `}}`
    "##);
}

const BAD_CHANNELS: &str = r##"[channels.a]
kind = "slack"
uri = "https://hooks.example"
[channels.b]
url = "https://hooks.example"
[channels.c]
kind = "teams"
url = "hooks.example/secret"
rate = 0
timeout = "2m"
[channels.d]
kind = "webhook"
url = "https://hooks.example"
secret = "whsec_not base64"
digest_above = -1
[channels.e]
kind = "email"
url = "https://mail"
from = "desk"
to = ["a", "b@example.com"]
[channels.f]
kind = "amqp"
allow_addresses = ["10.0.0.0/64"]
["channels"."g h"]
kind = "discord"
url = "https://hooks.example"
[notices]
operators = "#aa"
operator = "#a"
mail = { url = "smtp://relay", form = "x@example.com" }
[notices.templates]
rule = "{{tile}} {{facts.a.b}} {{text}}"
rul = "x"
test = "{{text"
"##;
