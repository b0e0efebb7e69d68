//! The desk as a teammate works at it: the command line against a running daemon.

use serde_json::{Value, json};

use crate::support::{
    Daemon, Kind, Rig,
    ledger::{event, message},
    on_both_databases,
};

on_both_databases!(
    the_life_of_a_ticket_at_the_command_line,
    two_tickets_merged_into_one_another_at_once_make_no_circle,
);

/// A teammate with a running daemon.
struct Desk {
    rig: Rig,
    daemon: Daemon,
}

impl Desk {
    async fn open(kind: Kind) -> Self {
        let rig = Rig::embedded(kind);
        let daemon = rig.start().await;
        Self { rig, daemon }
    }

    /// Runs a command that succeeds, and reads its JSON.
    fn tickets(&self, words: &[&str]) -> Value {
        let words = [&["tickets"], words, &["--output", "json"]].concat();
        let output = self.rig.ask(&self.daemon, &words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Runs a command that fails, and gives what it says.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.rig.ask(&self.daemon, &[&["tickets"], words].concat());
        assert!(!output.status.success(), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Gives the numbers that a search finds.
    fn found(&self, words: &[&str]) -> Vec<i64> {
        let listed = self.tickets(&[&["search"], words].concat());
        let items = listed["items"].as_array().expect("items").iter();
        items.filter_map(|item| item["number"].as_i64()).collect()
    }
}

async fn the_life_of_a_ticket_at_the_command_line(kind: Kind) {
    let desk = Desk::open(kind).await;
    let written = message("e1", "c1", "where is my parcel?");
    desk.daemon.post(&[written]).await;
    let wanted = ["create", "--subject", "Lost parcel", "--conversation", "c1"];
    let made = desk.tickets(&wanted);
    let number = made["number"].to_string();
    work_on(&desk, &number);
    close(&desk, &made);
    desk.rig.settle(&desk.daemon).await;
    let results = desk.rig.results(&desk.daemon).await;
    let texts = |kind: &str, member: &str| -> Vec<String> {
        let of_kind = results.iter().filter(|result| result["type"] == kind);
        let texts = of_kind.filter_map(|result| result["data"][member].as_str());
        texts.map(str::to_owned).collect()
    };
    assert_eq!(texts("ticket.commented", "body"), ["We found it"]);
    let mut told = texts("message.send", "text");
    told.retain(|text| !text.starts_with("echo: "));
    assert_eq!(told, ["Here it is"]);
    let everything = serde_json::to_string(&results).expect("JSON");
    assert!(!everything.contains("depot"), "{everything}");
}

/// Assigns, comments on, finds and resolves a ticket.
fn work_on(desk: &Desk, number: &str) {
    let assigned = desk.tickets(&["assign", number, "owner"]);
    assert_eq!(assigned["assignee"], "owner");
    let free = desk.tickets(&["assign", number, "--nobody"]);
    assert!(free.get("assignee").is_none(), "{free}");
    let said = desk.tickets(&["comment", number, "The depot has it"]);
    assert_eq!(said["internal"], true);
    assert_eq!(said["number"].to_string(), number);
    desk.tickets(&["comment", number, "We found it", "--public"]);
    let comments = desk.tickets(&["comments", number]);
    assert_eq!(comments["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.found(&["parc", "depot"]).len(), 1);
    assert_eq!(desk.found(&["parc", "nowhere"]), [0; 0]);
    assert_eq!(desk.found(&["parc", "--unassigned"]).len(), 1);
    let resolve = ["update", number, "--status", "resolved"];
    desk.tickets(&[&resolve[..], &["--message", "Here it is"]].concat());
    let said = desk.refused(&["update", number, "--status", "waiting"]);
    let expected = format!("ticket {number} is resolved, it cannot become waiting");
    assert!(said.contains(&expected), "{said}");
    let counts = desk.tickets(&["counts"]);
    assert_eq!(counts["open"], 0);
    assert_eq!(counts["resolved_today"], 1);
}

/// Closes the ticket, reopens it, merges another into it, and closes a third as spam.
fn close(desk: &Desk, made: &Value) {
    let number = made["number"].to_string();
    desk.tickets(&["close", &number]);
    let again = desk.tickets(&["create", "--subject", "Parcel again"]);
    let second = again["number"].to_string();
    let said = desk.refused(&["merge", &second, &number]);
    assert!(said.contains("which is closed; reopen it first"), "{said}");
    desk.tickets(&["update", &number, "--status", "open"]);
    let merged = desk.tickets(&["merge", &format!("#{second}"), &number]);
    assert_eq!(merged["merged_into"], made["ticket_id"]);
    let shown = desk.tickets(&["show", &number]);
    assert_eq!(shown["merged_from"][0]["number"], again["number"]);
    assert_eq!(shown["reopened"], 1);
    assert_eq!(shown["comments"], 2);
    let spam = desk.tickets(&["create", "--subject", "Buy now"]);
    let number = spam["number"].to_string();
    let closed = desk.tickets(&["close", &number, "--as", "spam"]);
    assert_eq!(closed["closed_as"], "spam");
}

/// Each pair lives in two conversations, so that both merges may be decided side by side.
async fn two_tickets_merged_into_one_another_at_once_make_no_circle(kind: Kind) {
    let desk = Desk::open(kind).await;
    let actor = json!({"kind": "agent", "id": "owner", "roles": ["owner"]});
    let mut pairs = Vec::new();
    for n in 0..20 {
        let ends: Vec<String> = ["a", "b"].iter().map(|end| format!("{end}{n}")).collect();
        let data = json!({"subject": "Lost", "actor": actor});
        let opened: Vec<Value> = ends
            .iter()
            .map(|end| event(&format!("open-{end}"), "ticket.requested", end, &data))
            .collect();
        desk.daemon.post(&opened).await;
        pairs.push(ends);
    }
    let listed = desk.tickets(&["list", "--limit", "100"]);
    let tickets = listed["items"].as_array().expect("items");
    let id_in = |conversation: &str| {
        let mut found = tickets.iter();
        let ticket = found.find(|ticket| ticket["conversation_id"] == conversation);
        ticket.expect("a ticket")["ticket_id"].clone()
    };
    for ends in &pairs {
        let merge = |from: &str, into: &str| {
            let data = json!({"ticket_id": id_in(from), "as": "merged", "into": id_in(into), "actor": actor});
            [event(
                &format!("merge-{from}"),
                "ticket.closed_as",
                from,
                &data,
            )]
        };
        let (there, back) = (merge(&ends[0], &ends[1]), merge(&ends[1], &ends[0]));
        tokio::join!(desk.daemon.post(&there), desk.daemon.post(&back));
    }
    let listed = desk.tickets(&["list", "--limit", "100"]);
    let tickets = listed["items"].as_array().expect("items");
    let closed = tickets
        .iter()
        .filter(|ticket| ticket["closed_as"] == "merged");
    assert_eq!(closed.count(), pairs.len(), "one of each pair goes on");
    desk.rig.settle(&desk.daemon).await;
}
