//! What the catalogue promises: shipped files that hold, every fault in its place, and
//! one bad file that spoils no other.

use std::path::PathBuf;

use super::*;
use crate::domain::{
    action::{BuiltIn, Level},
    integration::{Auth, Kind},
};

fn shipped() -> CatalogueSources {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config");
    CatalogueSources::read(&folder).expect("readable")
}

fn sources(actions: &[(&str, &str)], integrations: &[(&str, &str)]) -> CatalogueSources {
    let owned = |files: &[(&str, &str)]| {
        let files = files.iter();
        files
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    };
    CatalogueSources {
        actions: owned(actions),
        integrations: owned(integrations),
    }
}

fn load(sources: &CatalogueSources) -> LoadedCatalogue {
    let env = Env::from([("PAY_TOKEN", "s3cret")]);
    read_catalogue(sources, &ground(&env, &Roles::default()))
}

fn ground<'a>(env: &'a Env, roles: &'a Roles) -> Ground<'a> {
    Ground {
        env,
        folder: Path::new(""),
        roles,
    }
}

const PAYMENTS: &str = r#"
kind = "http"
base_url = "https://pay.example.com/"
honours_idempotency_key = true
idempotency_window = "24h"
auth = { kind = "bearer", token = "${env:PAY_TOKEN}" }
[operations.refund]
method = "POST"
path = "/refunds"
body = { amount = "{{amount}}", order = "{{order_id}}" }
[operations.find]
method = "GET"
path = "/orders/{{order_id}}"
"#;

const REFUND: &str = r#"
description = "Pays money back"
integration = "payments"
operation = "refund"
allow = ["ai", "agent"]
confirmation = "Shall I refund {{amount}}?"
approval = "require"
amount = "amount"
[params]
required = ["amount", "order_id"]
[params.properties]
amount = { type = "number", minimum = 0.01 }
order_id = { type = "string" }
"#;

#[test]
fn the_shipped_files_hold_without_any_variable() {
    let loaded = read_catalogue(&shipped(), &ground(&Env::default(), &Roles::default()));
    assert_eq!(loaded.faults, []);
    assert_eq!(loaded.warnings, []);
    let named: Vec<&str> = loaded
        .catalogue
        .actions
        .keys()
        .map(String::as_str)
        .collect();
    for example in [
        "apply_discount",
        "check_order_status",
        "create_ticket",
        "schedule_callback",
        "send_confirmation",
        "update_contact_info",
    ] {
        assert!(named.contains(&example), "{example}");
        let action = &loaded.catalogue.actions[example];
        assert!(
            !action.trigger.is_empty() && !action.examples.is_empty(),
            "{example}"
        );
    }
}

#[test]
fn an_action_is_read_whole() {
    let loaded = load(&sources(&[("refund", REFUND)], &[("payments", PAYMENTS)]));
    assert_eq!(loaded.faults, []);
    let action = &loaded.catalogue.actions["refund"];
    assert_eq!(action.name, "refund");
    assert_eq!(action.approval, Level::Require);
    assert_eq!(action.approvers, ["manager"]);
    assert_eq!(action.params.text()["additionalProperties"], false);
    assert_eq!(
        action.params.text()["properties"]["amount"]["minimum"].to_string(),
        "0.01"
    );
    let (integration, operation) = loaded.catalogue.operation_of(action).expect("performed");
    assert_eq!(integration.placeholders(&operation), ["amount", "order_id"]);
    let Kind::Http { base_url, auth, .. } = &integration.kind else {
        panic!("{:?}", integration.kind);
    };
    assert_eq!(base_url, "https://pay.example.com");
    assert!(matches!(**auth, Auth::Bearer { .. }));
    assert!(!format!("{integration:?}").contains("s3cret"));
}

#[test]
fn what_provost_does_itself_needs_no_integration() {
    let text = "description = \"Tags\"\nbuilt_in = \"tag_session\"\nallow = [\"ai\"]";
    let loaded = load(&sources(&[("tag", text)], &[]));
    assert_eq!(loaded.faults, []);
    let performer = &loaded.catalogue.actions["tag"].performer;
    assert_eq!(*performer, Performer::BuiltIn(BuiltIn::TagSession));
}

#[expect(
    clippy::too_many_lines,
    reason = "a table of mistakes and what is said of them"
)]
#[test]
fn every_fault_is_told_with_its_place_and_spoils_no_other_file() {
    let bad_action = r#"
descripton = "x"
integration = "payment"
operation = "refund"
allow = ["agents"]
approval = "always"
timeout = "soon"
"#;
    let bad_params = r#"
description = "x"
integration = "payments"
operation = "refnd"
amount = "sum"
irreversible = true
[params.properties]
sum = { type = "text" }
"#;
    let short = r#"
description = "x"
integration = "payments"
operation = "refund"
cache = "1m"
[params.properties]
amount = { type = "number" }
[reversible]
action = "charge"
"#;
    let texts = r#"
description = "x"
integration = "payments"
operation = "refund"
confirmation = "Shall I pay {{amont}} back?"
[params.properties]
amount = { type = "number" }
order_id = { type = "string" }
customer = { type = "string" }
[say]
succeeded = "{{receipt}}"
waiting = "Somebody looks at {{order}}, {{customer.name}}."
"#;
    let plain = PAYMENTS.replace("${env:PAY_TOKEN}", "abc123");
    let loaded = load(&sources(
        &[
            ("bad_action", bad_action),
            ("bad_params", bad_params),
            ("broken", "description = "),
            ("refund", REFUND),
            ("short", short),
            ("texts", texts),
        ],
        &[
            (
                "get",
                "kind = \"http\"\nbase_url = \"ftp://x\"\n[operations.a]\nmethod = \"GET\"\npath = \"/{{a\"\nbody = {}",
            ),
            ("payments", PAYMENTS),
            ("plain", &plain),
        ],
    ));
    let shown: Vec<String> = loaded.faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    actions/bad_action.toml:1:1: PV-CONF-006 the file lacks `description` (it has `descripton`)
    actions/bad_action.toml:2:1: PV-CONF-003 unknown key `descripton` (did you mean `description`?)
    actions/bad_action.toml:3:15: PV-CONF-007 `integration` is `payment`, which is no integration (did you mean `payments`?)
    actions/bad_action.toml:5:9: PV-CONF-007 `allow` names the role `agents`, which nothing defines (did you mean `agent`?)
    actions/bad_action.toml:6:12: PV-CONF-005 `approval` is `always`, not one of auto, notify, require
    actions/bad_action.toml:7:11: PV-CONF-005 `timeout` is no length of time: `soon` is not a duration; write a number and a unit: ms, s, m, h or d
    actions/bad_params.toml:1:1: PV-CONF-005 the file calls it irreversible, and nobody is asked first (give it a `confirmation`, or approval = "require")
    actions/bad_params.toml:1:1: PV-CONF-005 the file names `sum` as its amount, which `params` has not as a number
    actions/bad_params.toml:4:13: PV-CONF-007 `operation` is `refnd`, which `payments` has not (did you mean `refund`?)
    actions/bad_params.toml:7:2: PV-CONF-005 `params` is no JSON Schema: "text" is not valid under any of the schemas listed in the 'anyOf' keyword at `/properties/sum/type`
    actions/broken.toml:1:15: PV-CONF-002 not TOML: string values must be quoted, expected literal string
    actions/short.toml:5:9: PV-CONF-007 `cache` keeps the answers of `refund`, which does more than read
    actions/short.toml:6:2: PV-CONF-007 `params` lack `order_id`, which `payments.refund` puts in
    actions/short.toml:8:1: PV-CONF-007 `reversible.action` is `charge`, which is no action
    actions/texts.toml:5:16: PV-CONF-007 `confirmation` puts `amont` in, which is not there (did you mean `amount`?)
    actions/texts.toml:6:2: PV-CONF-007 `params` have `customer`, a name that templates have for something else (call it `customer_given`, or whatever it is)
    actions/texts.toml:10:1: PV-CONF-007 `say.waiting` puts `order` in, which is not there
    integrations/get.toml:1:1: PV-CONF-005 the file has the `base_url` `ftp://x`, which is no http address
    integrations/get.toml:3:13: PV-CONF-005 `operations.a` sends a body with GET
    integrations/get.toml:5:8: PV-CONF-005 `operations.a.path` has `{{` without `}}`
    integrations/plain.toml:6:35: PV-CONF-010 `auth.token` is a secret written in the file (refer to it: ${env:NAME}, ${file:PATH} or ${credential:NAME})
    "#);
    let good: Vec<&str> = loaded
        .catalogue
        .actions
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(good, ["refund"]);
    let good: Vec<&str> = loaded
        .catalogue
        .integrations
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(good, ["payments"]);
}

#[test]
fn a_file_at_fault_keeps_its_last_good_form_and_the_others_are_swapped() {
    let (env, roles) = (Env::from([("PAY_TOKEN", "s3cret")]), Roles::default());
    let tag = "description = \"Tags\"\nbuilt_in = \"tag_session\"";
    let good = sources(
        &[("refund", REFUND), ("tag", tag)],
        &[("payments", PAYMENTS)],
    );
    let other_tag = tag.replace("Tags", "Tags it");
    let changed = sources(
        &[
            ("refund", "timeout = 5"),
            ("tag", &other_tag),
            ("new", "x = 1"),
        ],
        &[("payments", "kind = \"htp\"")],
    );
    let (kept, loaded) = read_catalogue_over(&good, changed, &ground(&env, &roles));
    assert_eq!(kept.actions["refund"], REFUND);
    assert_eq!(kept.integrations["payments"], PAYMENTS);
    assert!(!kept.actions.contains_key("new"), "it had no good form");
    let actions = &loaded.catalogue.actions;
    assert_eq!(actions["tag"].description, "Tags it");
    assert_eq!(actions["refund"].description, "Pays money back");
    let files: BTreeSet<&str> = loaded
        .faults
        .iter()
        .map(|fault| fault.file.as_str())
        .collect();
    let expected = [
        "actions/new.toml",
        "actions/refund.toml",
        "integrations/payments.toml",
    ];
    assert_eq!(files, BTreeSet::from(expected));
}

#[test]
fn a_probe_is_read_whole_and_its_faults_have_their_places() {
    let probe = r#"
[probe]
operation = "find"
done = { path = "refund.status", equals = "paid" }
missing = "failed"
every = "1m"
"#;
    let bad = r#"
[probe]
operation = "refund"
done = { path = "a b", equals = ["x"] }
failed = { equals = 1 }
missing = "done"
times = 0
tries = 1
"#;
    let pay = REFUND.replace("approval = \"require\"\n", "");
    let looks = "description = \"x\"\nintegration = \"payments\"\noperation = \"find\"\n[params.properties]\norder_id = { type = \"string\" }\n[probe]\noperation = \"fnd\"";
    let inside = "description = \"x\"\nbuilt_in = \"tag_session\"\n[probe]\ndone = { path = \"a\" }\noperation = \"find\"";
    let lacks = "description = \"x\"\nintegration = \"payments\"\noperation = \"ping\"\n[probe]\noperation = \"find\"\ndone = { path = \"id\" }";
    let ping =
        format!("{PAYMENTS}[operations.ping]\nmethod = \"POST\"\npath = \"/{{{{request.key}}}}\"");
    let loaded = load(&sources(
        &[
            ("bad", &format!("{pay}{bad}")),
            ("good", &format!("{pay}{probe}")),
            ("inside", inside),
            ("lacks", lacks),
            ("looks", looks),
        ],
        &[("payments", &ping)],
    ));
    let shown: Vec<String> = loaded.faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    actions/bad.toml:14:1: PV-CONF-007 `probe.operation` is `refund`, which does more than read
    actions/bad.toml:16:17: PV-CONF-005 `probe.done.path` is `a b`, which is no path such as `refund.status`
    actions/bad.toml:16:33: PV-CONF-005 `probe.done.equals` is no text, number, true or false
    actions/bad.toml:17:10: PV-CONF-006 `probe.failed` lacks `path`
    actions/bad.toml:18:11: PV-CONF-005 `probe.missing` is `done`, not one of failed, unknown
    actions/bad.toml:19:9: PV-CONF-005 `probe.times` is 0, not within 1 to 1000
    actions/bad.toml:20:1: PV-CONF-003 unknown key `tries` in `probe` (did you mean `times`?)
    actions/inside.toml:3:1: PV-CONF-007 `probe` asks an integration, and none performs the action
    actions/lacks.toml:1:1: PV-CONF-007 `params` lack `order_id`, which `payments.find` puts in
    actions/looks.toml:6:1: PV-CONF-006 `probe` lacks `done`
    actions/looks.toml:6:1: PV-CONF-007 `probe.operation` is `fnd`, which `payments` has not (did you mean `find`?)
    ");
    let probe = loaded.catalogue.actions["good"].probe.clone();
    let probe = probe.expect("a probe");
    assert_eq!((probe.operation.as_str(), probe.times), ("find", 10));
    assert_eq!(probe.done.path.to_string(), "{{refund.status}}");
    assert_eq!(probe.every, crate::domain::time::Span::from_secs(60));
    assert!(probe.is_failed_when_missing && probe.failed.is_none());
}

#[test]
fn an_action_that_gathers_requests_wants_an_operation_that_takes_a_list() {
    let all =
        "[operations.all]\nmethod = \"POST\"\npath = \"/all\"\nbody = { refunds = \"{{items}}\" }";
    let payments = format!("{PAYMENTS}{all}");
    let gathers = |operation: &str| {
        let text = REFUND.replace("\"refund\"", &format!("\"{operation}\""));
        format!("batch = {{ max = 20 }}\n{text}")
    };
    let (good, one) = (gathers("all"), gathers("refund"));
    let inside = "description = \"x\"\nbuilt_in = \"tag_session\"\nbatch = {}";
    let loaded = load(&sources(
        &[("good", &good), ("inside", inside), ("one", &one)],
        &[("payments", &payments)],
    ));
    let shown: Vec<String> = loaded.faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    actions/inside.toml:1:1: PV-CONF-005 the file gathers requests (`batch`), and no operation of an integration performs it
    actions/one.toml:1:9: PV-CONF-007 `batch` gathers requests for `payments.refund`, which takes no list (put {{items}} into its body)
    actions/one.toml:1:9: PV-CONF-007 `batch` gathers requests for `payments.refund`, which puts `amount` of one request in
    actions/one.toml:1:9: PV-CONF-007 `batch` gathers requests for `payments.refund`, which puts `order_id` of one request in
    ");
    let batch = loaded.catalogue.actions["good"].batch.clone();
    assert_eq!(batch.expect("a batch").max, 20);
}

/// Gives the dotted keys of a JSON Schema's objects; the parts of free tables have none.
fn keys_of(schema: &Value, path: &str, into: &mut BTreeSet<String>) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (name, below) in properties {
        let path = format!("{path}{name}");
        into.insert(path.clone());
        keys_of(below, &format!("{path}."), into);
        if below["additionalProperties"]["properties"].is_object() {
            keys_of(&below["additionalProperties"], &format!("{path}.x."), into);
        }
    }
}

/// Gives every key that the reader asks for in these texts.
fn keys_asked(kind: &str, texts: &[&str]) -> BTreeSet<String> {
    let (env, roles) = (Env::default(), Roles::default());
    let mut asked = BTreeSet::new();
    for text in texts {
        let document = open(kind, "x", text, &ground(&env, &roles));
        if kind == "actions" {
            read_file(&document, |section| actions::read_action(section, "x"));
        } else {
            read_file(&document, |section| {
                integrations::read_integration(section, "x")
            });
        }
        asked.extend(document.known.take());
    }
    asked
}

#[test]
fn the_schemas_name_the_keys_that_are_read_and_fit_the_shipped_files() {
    let action = "description = \"x\"\nbatch = {}\nprobe = { failed = {} }\nrate_limit = 1\n[reversible]\naction = \"y\"";
    let auths = ["none", "api_key", "basic", "bearer", "oauth2"];
    let mut integrations: Vec<String> = auths
        .iter()
        .map(|auth| {
            format!(
                "kind = \"http\"\nrate_limit = 1\nauth = {{ kind = \"{auth}\" }}\n[operations.x]"
            )
        })
        .collect();
    integrations
        .extend(["amqp", "smtp", "sql"].map(|kind| format!("kind = \"{kind}\"\n[operations.x]")));
    let integrations: Vec<&str> = integrations.iter().map(String::as_str).collect();
    for (schema, asked, shipped) in [
        (
            ACTION_SCHEMA,
            keys_asked("actions", &[action]),
            shipped().actions,
        ),
        (
            INTEGRATION_SCHEMA,
            keys_asked("integrations", &integrations),
            shipped().integrations,
        ),
    ] {
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let mut named = BTreeSet::new();
        keys_of(&schema, "", &mut named);
        assert_eq!(named, asked);
        let validator = jsonschema::validator_for(&schema).expect("a JSON Schema");
        for (name, text) in shipped {
            let table: toml::Table = toml::from_str(&text).expect("TOML");
            let value = serde_json::to_value(table).expect("JSON");
            let faults: Vec<String> = validator
                .iter_errors(&value)
                .map(|e| e.to_string())
                .collect();
            assert!(faults.is_empty(), "{name}: {faults:?}");
        }
    }
}
