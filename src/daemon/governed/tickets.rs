//! The life of a ticket: its moves, what is said about it, how it ends, and what the customer hears.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the tests are read more easily without borrows"
)]

use serde_json::{Value, json};

use super::desk::{Desk, Out, agent, customer};
use crate::domain::{directory::Person, template::Template, ticket::TicketStatus};

fn dana() -> Value {
    agent("dana", &["agent"])
}

/// Opens a ticket in a conversation and gives its id.
fn open(desk: &mut Desk, conversation: &str, subject: &str) -> String {
    let data = json!({"subject": subject, "actor": dana()});
    let out = desk.deliver_in(conversation, "ticket.requested", data);
    out.text("ticket.created", "ticket_id")
}

/// The customer writes, so that there is somebody to tell something.
fn written(desk: &mut Desk) {
    let message = json!({"id": "m1", "text": "hello", "author": customer()});
    let data = json!({"message": message, "channel": "web",
        "customer": {"id": "ada", "name": "Ada"}});
    desk.deliver("conversation.message", data);
}

fn update(desk: &mut Desk, id: &str, fields: Value) -> Out {
    let mut data = json!({"ticket_id": id, "actor": dana()});
    for (name, value) in fields.as_object().expect("an object") {
        data[name] = value.clone();
    }
    desk.deliver("ticket.updated", data)
}

fn close_as(desk: &mut Desk, id: &str, closed_as: &str, into: Option<&str>) -> Out {
    let mut data = json!({"ticket_id": id, "as": closed_as, "actor": dana()});
    if let Some(into) = into {
        data["into"] = json!(into);
    }
    desk.deliver("ticket.closed_as", data)
}

fn comment(desk: &mut Desk, id: &str, internal: Option<bool>) -> Out {
    let mut data = json!({"ticket_id": id, "body": "the parcel came back", "actor": dana()});
    if let Some(internal) = internal {
        data["internal"] = json!(internal);
    }
    desk.deliver("ticket.commented", data)
}

#[test]
fn closing_the_loop_tells_the_customer_unless_told_otherwise() {
    let mut desk = Desk::new("");
    written(&mut desk);
    let id = open(&mut desk, "c1", "Lost parcel");
    let out = update(&mut desk, &id, json!({"status": "resolved"}));
    assert_eq!(out.kinds(), ["ticket.updated", "message.send"]);
    let said = out.one("message.send");
    assert_eq!(
        said["text"],
        "Your request 1 is resolved. Just answer here if there is anything else."
    );
    assert_eq!(said["reason"], "ticket:1");
    let again = update(&mut desk, &id, json!({"status": "resolved"}));
    assert_eq!(again.kinds(), [""; 0], "nothing is said twice");
    update(&mut desk, &id, json!({"status": "open"}));
    let own = json!({"status": "resolved", "message": "{{number}} is done"});
    let out = update(&mut desk, &id, own);
    assert_eq!(out.one("message.send")["text"], "{{number}} is done");
    update(&mut desk, &id, json!({"status": "open"}));
    let out = update(&mut desk, &id, json!({"status": "resolved", "message": ""}));
    assert_eq!(out.kinds(), ["ticket.updated"]);
    update(&mut desk, &id, json!({"status": "open"}));
    let out = update(&mut desk, &id, json!({"status": "closed"}));
    assert_eq!(out.kinds(), ["ticket.updated"], "closing says nothing");
}

#[test]
fn the_closing_message_is_configured_and_knows_the_customer() {
    let mut desk = Desk::new("");
    let text = "{{customer.name}}: {{subject}} ({{number}}, {{link}})";
    desk.settings_mut().conversation_url = "https://chat.example.com/{{conversation_id}}".into();
    desk.settings_mut().resolved_message = Template::parse(text).ok();
    written(&mut desk);
    let id = open(&mut desk, "c1", "Lost parcel");
    let out = update(&mut desk, &id, json!({"status": "resolved"}));
    assert_eq!(
        out.one("message.send")["text"],
        "Ada: Lost parcel (1, https://chat.example.com/c1)"
    );
    desk.settings_mut().resolved_message = None;
    update(&mut desk, &id, json!({"status": "open"}));
    let out = update(&mut desk, &id, json!({"status": "resolved"}));
    assert_eq!(out.kinds(), ["ticket.updated"]);
}

#[test]
fn nobody_is_told_where_nobody_listens_and_no_message_is_dropped_unsaid() {
    let mut desk = Desk::new("");
    let id = open(&mut desk, "c1", "Order paper");
    let out = update(&mut desk, &id, json!({"priority": "low", "message": "Hi"}));
    assert_eq!(
        out.one("event.rejected")["detail"],
        "`message` is said when a ticket becomes resolved, and ticket 1 does not by this"
    );
    let out = update(&mut desk, &id, json!({"status": "resolved"}));
    assert_eq!(out.kinds(), ["ticket.updated"], "nobody has written");
}

#[test]
fn an_internal_comment_never_leaves_and_a_public_one_is_told() {
    let mut desk = Desk::new("");
    written(&mut desk);
    let id = open(&mut desk, "c1", "Lost parcel");
    for internal in [None, Some(true)] {
        assert_eq!(comment(&mut desk, &id, internal).kinds(), [""; 0]);
    }
    let out = comment(&mut desk, &id, Some(false));
    assert_eq!(out.kinds(), ["ticket.commented"], "and no message besides");
    let told = out.one("ticket.commented");
    assert_eq!(
        (&told["body"], &told["by"], &told["ticket_id"]),
        (&json!("the parcel came back"), &json!("dana"), &json!(id))
    );
    update(&mut desk, &id, json!({"status": "closed"}));
    let out = comment(&mut desk, &id, Some(false));
    assert_eq!(
        out.kinds(),
        ["ticket.commented"],
        "a closed one takes it too"
    );
    let theirs = json!({"ticket_id": id, "body": "hm", "actor": customer()});
    let out = desk.deliver("ticket.commented", theirs);
    assert_eq!(out.one("event.rejected")["reason"], "forbidden");
    let out = comment(&mut desk, "tkt_none", None);
    assert_eq!(out.one("event.rejected")["reason"], "unknown_reference");
}

#[test]
fn a_comment_says_something_and_not_without_end() {
    let read = |body: Value| {
        let data = json!({"ticket_id": "tkt_1", "body": body, "actor": dana()});
        Desk::fault("ticket.commented", data)
    };
    for (body, expected) in [
        (json!(" \n"), "`data.body`: must not be empty"),
        (
            json!("x".repeat(65_537)),
            "`data.body`: has 65537 bytes, a comment has at most 65536",
        ),
    ] {
        assert_eq!(read(body).as_deref(), Some(expected));
    }
    assert_eq!(read(json!("x".repeat(65_536))), None);
}

#[test]
fn every_illegal_move_names_both_states() {
    let mut desk = Desk::new("");
    let id = open(&mut desk, "c1", "Lost parcel");
    update(&mut desk, &id, json!({"status": "resolved"}));
    for (from, to) in [
        ("resolved", "in_progress"),
        ("resolved", "waiting"),
        ("closed", "in_progress"),
        ("closed", "waiting"),
        ("closed", "resolved"),
    ] {
        update(&mut desk, &id, json!({"status": from}));
        let out = update(&mut desk, &id, json!({"status": to}));
        let rejected = out.one("event.rejected");
        assert_eq!(rejected["reason"], "illegal_move");
        assert_eq!(
            rejected["detail"],
            format!("ticket 1 is {from}, it cannot become {to}")
        );
    }
    let reopened = update(&mut desk, &id, json!({"status": "open"}));
    assert_eq!(
        reopened.one("ticket.updated")["changes"]["status"],
        json!(["closed", "open"])
    );
    let ticket = desk.ticket(&id);
    assert_eq!((ticket.reopened, ticket.resolved_at), (1, None));
}

#[test]
fn a_rule_that_asks_for_an_illegal_move_is_told_both_states() {
    let mut desk = Desk::new(
        r#"on("conversation.updated", "Back to work", #{ then: |e| update_ticket(#{ ticket_id: e.data.attributes.ticket, status: "waiting" }) });"#,
    );
    let id = open(&mut desk, "c1", "Lost parcel");
    update(&mut desk, &id, json!({"status": "resolved"}));
    let data = json!({"attributes": {"ticket": id}});
    let out = desk.deliver("conversation.updated", data);
    assert_eq!(
        out.one("rule.failed")["error"],
        "ticket 1 is resolved, it cannot become waiting"
    );
}

#[test]
fn a_null_takes_away_and_what_is_absent_stays() {
    let mut desk = Desk::new("");
    let id = open(&mut desk, "c1", "Lost parcel");
    let given = json!({"assignee": "owner", "team": "support", "category": "parcels"});
    update(&mut desk, &id, given);
    let out = update(&mut desk, &id, json!({"assignee": null, "category": null}));
    assert_eq!(
        Value::Object(
            out.one("ticket.updated")["changes"]
                .as_object()
                .cloned()
                .expect("changes")
        ),
        json!({"assignee": ["owner", null], "category": ["parcels", null]})
    );
    let ticket = desk.ticket(&id);
    assert_eq!(ticket.team.as_deref(), Some("support"));
    assert_eq!((&ticket.assignee, &ticket.category), (&None, &None));
}

#[test]
fn a_merged_ticket_goes_on_in_another_conversations_ticket() {
    let mut desk = Desk::new("");
    written(&mut desk);
    let id = open(&mut desk, "c1", "Lost parcel");
    let target = open(&mut desk, "c2", "Parcel lost");
    let out = close_as(&mut desk, &id, "merged", Some("#2"));
    assert_eq!(
        out.kinds(),
        ["ticket.updated"],
        "the customer is told nothing"
    );
    let told = out.one("ticket.updated");
    assert_eq!(told["ticket_id"], json!(id));
    assert_eq!(
        told["changes"],
        json!({"status": ["open", "closed"], "closed_as": [null, "merged"], "merged_into": [null, target]})
    );
    let out = comment(&mut desk, &id, None);
    assert_eq!(
        out.one("event.rejected")["detail"],
        format!("ticket 1 was merged into ticket 2 `{target}`; comment there")
    );
    let out = update(&mut desk, &id, json!({"status": "open"}));
    assert_eq!(
        out.one("event.rejected")["detail"],
        "ticket 1 is closed as merged, which is for good: it cannot become open"
    );
    let again = close_as(&mut desk, &id, "spam", None);
    assert_eq!(again.one("event.rejected")["reason"], "settled");
}

#[test]
fn no_circle_of_merged_tickets_comes_about() {
    let mut desk = Desk::new("");
    let ids: Vec<String> = (0..4)
        .map(|_| open(&mut desk, "c1", "Lost parcel"))
        .collect();
    let mut refused = |id: &str, into: &str| {
        let out = close_as(&mut desk, id, "merged", Some(into));
        let rejected = out.one("event.rejected").clone();
        (
            rejected["reason"].as_str().expect("a reason").to_owned(),
            rejected["detail"].as_str().expect("a detail").to_owned(),
        )
    };
    let illegal = |detail: &str| ("illegal_move".to_owned(), detail.to_owned());
    assert_eq!(
        refused(&ids[0], &ids[0]),
        illegal("ticket 1 cannot be merged into itself")
    );
    assert_eq!(refused(&ids[0], "9").0, "unknown_reference");
    close_as(&mut desk, &ids[0], "merged", Some(&ids[1]));
    close_as(&mut desk, &ids[2], "deleted", None);
    update(&mut desk, &ids[3], json!({"status": "closed"}));
    let mut refused = |into: &str| {
        let out = close_as(&mut desk, &ids[1], "merged", Some(into));
        out.text("event.rejected", "detail")
    };
    assert_eq!(
        refused("1"),
        "ticket 2 cannot be merged into ticket 1, which is closed as merged"
    );
    assert_eq!(
        refused("3"),
        "ticket 2 cannot be merged into ticket 3, which is closed as deleted"
    );
    assert_eq!(
        refused("4"),
        "ticket 2 cannot be merged into ticket 4, which is closed; reopen it first"
    );
}

#[test]
fn a_ticket_is_closed_as_something_wherever_it_stands() {
    let mut desk = Desk::new("");
    for status in TicketStatus::ALL {
        let id = open(&mut desk, "c1", "Buy now");
        update(&mut desk, &id, json!({"status": status}));
        let out = close_as(&mut desk, &id, "spam", None);
        assert_eq!(out.kinds(), ["ticket.updated"], "{status}");
        assert_eq!(desk.ticket(&id).status, TicketStatus::Closed);
    }
    for data in [
        json!({"as": "merged"}),
        json!({"as": "spam", "into": "tkt_2"}),
        json!({"as": "done"}),
        json!({"as": "merged", "into": [1]}),
    ] {
        let mut data = data;
        data["ticket_id"] = json!("tkt_1");
        data["actor"] = dana();
        assert!(
            Desk::fault("ticket.closed_as", data.clone()).is_some(),
            "{data}"
        );
    }
}

#[test]
fn a_conversation_knows_which_of_its_tickets_a_message_may_reopen() {
    let mut desk = Desk::new("");
    let ids: Vec<String> = (0..10)
        .map(|_| open(&mut desk, "c1", "Lost parcel"))
        .collect();
    for id in &ids {
        update(&mut desk, id, json!({"status": "resolved"}));
    }
    let finished = |desk: &Desk| desk.conversation().finished_tickets.clone();
    assert_eq!(finished(&desk), ids[2..]);
    // What changes nothing about where it stands changes no list either.
    update(&mut desk, &ids[0], json!({"priority": "low"}));
    update(&mut desk, &ids[4], json!({"status": "closed"}));
    assert_eq!(finished(&desk), ids[2..]);
    close_as(&mut desk, &ids[5], "spam", None);
    update(&mut desk, &ids[3], json!({"status": "open"}));
    let left = [2, 4, 6, 7, 8, 9].map(|n: usize| ids[n].clone());
    assert_eq!(finished(&desk), left);
    assert_eq!(desk.conversation().open_tickets, [ids[3].clone()]);
}

#[test]
fn who_opened_a_ticket_is_known_and_of_a_customer_only_that_it_was_one() {
    let mut desk = Desk::new("");
    let mut by = |actor: Value| {
        let data = json!({"subject": "s", "actor": actor});
        let out = desk.deliver("ticket.requested", data);
        out.text("ticket.created", "created_by")
    };
    assert_eq!(by(dana()), "agent:dana");
    assert_eq!(by(customer()), "customer");
}

#[test]
fn what_was_found_out_about_the_customer_goes_into_the_ticket() {
    let mut desk = Desk::new("");
    written(&mut desk);
    desk.any_params("log_issue");
    let params = json!({"subject": "Lost parcel", "name": "Someone", "email": "ada@example.com", "tags": ["dhl"]});
    let out = desk.ask("r1", "log_issue", params, super::desk::ai());
    let created = out.one("ticket.created");
    assert_eq!(created["tags"], json!(["dhl"]));
    assert_eq!(
        created["context"]["customer"],
        json!({"id": "ada", "name": "Ada", "email": "ada@example.com"})
    );
}

#[test]
fn a_ticket_finds_its_team_by_category_and_there_a_person() {
    let mut desk = Desk::new(
        r#"
        route("Money", #{ categories: ["refund"], team: "support", assign: "least_open" });
        route("Rest", #{ team: "support", assign: "round_robin" });
        "#,
    );
    let directory = &mut desk.settings_mut().directory;
    for name in ["ann", "bob"] {
        directory.people.insert(name.to_owned(), Person::default());
    }
    let support = directory.teams.get_mut("support").expect("a team");
    support.members = vec!["ann".to_owned(), "bob".to_owned()];
    let mut opened = |category: Option<&str>| {
        let data = json!({"subject": "s", "category": category, "actor": dana()});
        let out = desk.deliver("ticket.requested", data);
        let ticket = out.one("ticket.created");
        assert_eq!(ticket["team"], "support");
        ticket["assignee"].as_str().expect("a person").to_owned()
    };
    let by_turn: Vec<String> = (0..3).map(|_| opened(None)).collect();
    assert_eq!(by_turn, ["ann", "bob", "ann"]);
    // Ann has two, Bob one.
    assert_eq!(opened(Some("refund")), "bob");
    assert_eq!(opened(Some("refund")), "ann", "the first among equals");
}
