//! Access at the command line: every subcommand has a case, and none does its work without leave.

use std::collections::BTreeSet;

use crate::support::{Kind, Rig};

const EVENT: &str = r#"{"specversion":"1.0","id":"e-1","source":"/chat","type":"conversation.ended","subject":"c-1","data":{}}"#;

const DEFINITION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/config/procedures/order-status-lookup.yaml"
);

/// Every subcommand that asks a daemon, as it would be typed.
const ASKING: &[&str] = &[
    "actions list",
    "actions show refund",
    "anomalies",
    "approvals approve apr_1",
    "approvals list",
    "approvals reject apr_1 --reason no",
    "approvals show apr_1",
    "audit export",
    "audit seals",
    "audit search",
    "audit show 1",
    "audit verify",
    "channels deliveries",
    "channels list",
    "channels test billing",
    "conversations list",
    "conversations show c-1",
    "customers erase c-1",
    "delegations add bob --for 3d",
    "delegations list",
    "delegations revoke dlg_1",
    "escalations ack esc_1",
    "escalations list",
    "escalations settle esc_1",
    "escalations show esc_1",
    "leads",
    "parked drop prk_1",
    "parked list",
    "parked replay prk_1",
    "parked show prk_1",
    "procedures archive refund",
    "procedures diff refund --from 1",
    "procedures draft DEFINITION",
    "procedures list",
    "procedures migrate refund --to 2",
    "procedures publish refund",
    "procedures release refund 1",
    "procedures run refund --conversation c-1",
    "procedures runs cancel run_1",
    "procedures runs list",
    "procedures runs replay run_1",
    "procedures runs show run_1",
    "procedures show refund",
    "procedures stop refund 1 --reason no",
    "publish EVENTS",
    "reports actions",
    "reports sla --by team",
    "requests ask refund",
    "requests cancel r-1",
    "requests list",
    "requests resolve r-1 failed --reason no",
    "requests reverse r-1 --reason no",
    "requests show r-1",
    "requests try refund --param amount=1",
    "results",
    "sla explain 1",
    "sla repin",
    "sla status",
    "status",
    "tickets assign tkt_1 dana",
    "tickets close tkt_1",
    "tickets comment tkt_1 Hello",
    "tickets comments tkt_1",
    "tickets counts",
    "tickets create --subject Parcel",
    "tickets list",
    "tickets merge tkt_1 tkt_2",
    "tickets search parcel",
    "tickets show tkt_1",
    "tickets update tkt_1 --status open",
];

/// Every subcommand that works on this machine's files, or on a database whose password it has.
const LOCAL: &[&str] = &[
    "actions schema",
    "bench actions",
    "bench procedures",
    "bench sla",
    "completions",
    "explain",
    "migrate",
    "procedures schema",
    "procedures simulate",
    "procedures validate",
    "rules check",
    "rules explain",
    "rules list",
    "rules test",
    "run",
    "token create",
    "token list",
    "token revoke",
];

fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
    let mut below = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help");
    if let Some(first) = below.next() {
        for sub in std::iter::once(first).chain(below) {
            leaves(sub, format!("{path} {}", sub.get_name()).trim(), found);
        }
    } else {
        found.insert(path.to_owned());
    }
}

#[tokio::test]
async fn every_command_that_asks_a_daemon_is_refused_without_a_role() {
    let mut unlisted = BTreeSet::new();
    leaves(&provost::cli::definition(), "", &mut unlisted);
    for local in LOCAL {
        assert!(unlisted.remove(*local), "there is no command `{local}`");
    }
    let rig = Rig::embedded(Kind::Sqlite);
    let mut daemon = rig.start().await;
    let token = rig.token_for("nobody", "nobody");
    let events = rig.place.path().join("events.ndjson");
    std::fs::write(&events, format!("{EVENT}\n")).expect("a file");
    for typed in ASKING {
        let typed = typed
            .replace("EVENTS", &events.display().to_string())
            .replace("DEFINITION", DEFINITION);
        let words: Vec<&str> = typed.split(' ').collect();
        let mut depth = 1..=words.len().min(3);
        let is_listed = depth.any(|depth| unlisted.remove(&words[..depth].join(" ")));
        assert!(is_listed, "there is no command `{typed}`");
        let output = rig.ask_with(&token, &daemon, &words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{typed}: {said}");
        assert!(said.contains("needs the verb"), "{typed}: {said}");
    }
    assert!(
        unlisted.is_empty(),
        "no authorisation case for {unlisted:?}"
    );
    daemon.stop().await;
}
