//! Steps that act: what is sent, what the house does itself, and what comes back of it.

use super::*;
use crate::domain::channel::{MailServer, Notices};

#[test]
fn limits_and_rules_hold_for_steps_as_for_every_action() {
    let policy = r#"on("action.requested", "No calls today", #{ then: |e| if e.action == "api_call" { [deny("not today")] } else { [] } });"#;
    let mut desk = with(policy, REFUND);
    start(&mut desk, "refund", json!({}));
    say(&mut desk, "4711");
    let out = say(&mut desk, "x");
    assert_eq!(out.denied(), ("rule", "not today"));
    assert_eq!(out.text("procedure.escalated", "error"), "not today");
}

#[test]
fn the_customer_confirms_in_his_own_words_what_an_action_asks_first() {
    let text = r#"
display_name: Discount
trigger_description: x
steps:
  - { id: off, type: api_call, action: discount, params: { percent: 5, amount: 3 }, response_variable: done }
  - { id: told, type: message, content: "Done." }
"#;
    for (word, kind) in [("Yes!", "action.started"), ("no", "procedure.cancelled")] {
        let mut desk = with("", text);
        let out = start(&mut desk, "discount", json!({}));
        assert_eq!(said(&out), ["Shall I take 5 percent off?"]);
        assert_eq!(
            said(&say(&mut desk, "what for?")),
            [""; 0],
            "neither yes nor no"
        );
        let out = say(&mut desk, word);
        assert!(out.kinds().contains(&kind), "{word}: {:?}", out.kinds());
    }
}

#[test]
fn every_internal_action_is_done() {
    let text = r#"
display_name: All
trigger_description: x
steps:
  - { id: lead, type: internal_action, action: create_lead, approval: notify, params: { email: "{{email}}", name: Ada, company: "{{nothing}}" } }
  - { id: tag, type: internal_action, action: tag_session, params: { tag: "lead-{{leadId}}" } }
  - { id: resolve, type: internal_action, action: resolve_session }
  - { id: mail, type: internal_action, action: send_email, params: { to: "{{email}}", subject: "Hi", body: "There you are." } }
  - { id: told, type: message, content: "Done." }
"#;
    let mut desk = with("", text);
    let out = start(&mut desk, "all", json!({"email": "ada@example.com"}));
    assert!(out.kinds().contains(&"action.notice"));
    assert_eq!(out.text("lead.created", "email"), "ada@example.com");
    assert_eq!(out.one("lead.created").get("company"), None);
    let tag = out.text("conversation.tag", "tag");
    assert!(tag.starts_with("lead-led_"), "{tag}");
    assert_eq!(out.all("conversation.resolve").len(), 1);
    // There is no mail server here.
    let error = out.text("procedure.failed", "error");
    assert!(error.contains("notices.mail"), "{error}");
}

#[test]
fn an_api_that_fails_or_talks_nonsense_hands_over_and_fills_nothing() {
    for (ended, part) in [
        (answered(404, json!({"refundable": true})), "404"),
        (answered(200, Value::Null), "nothing readable"),
        (answered(200, json!("<html>Login</html>")), "is a page"),
        (
            Ended::Refused {
                detail: "a private address".to_owned(),
            },
            "a private address",
        ),
    ] {
        let mut desk = with("", REFUND);
        let call = up_to_call(&mut desk);
        let out = desk.ended(&call, 1, ended);
        let error = out.text("procedure.failed", "error");
        assert!(error.contains(part), "{error}");
        assert_eq!(run(&desk).state, RunState::Failed);
        assert!(!run(&desk).variables.contains_key("order"));
        assert_eq!(out.one("conversation.escalated")["trigger"], "procedure");
    }
}

#[test]
fn a_value_that_would_leave_the_path_is_sent_nowhere() {
    let mut desk = with("", REFUND);
    start(&mut desk, "refund", json!({}));
    say(&mut desk, "..");
    let out = say(&mut desk, "x");
    let error = out.text("procedure.failed", "error");
    assert!(
        error.contains("`order_id` has no value that can stand in the path"),
        "{error}"
    );
}

#[test]
fn a_mail_goes_to_one_plain_address_by_the_house_server() {
    let text = r#"
display_name: Mail
trigger_description: x
steps:
  - { id: mail, type: internal_action, action: send_email, params: { to: "{{email}}", subject: "Hi {{name}}", body: "There you are." } }
  - { id: told, type: message, content: "Sent." }
"#;
    let server = MailServer {
        url: "smtp://relay".into(),
        from: "Shop <shop@example.com>".to_owned(),
        spacing: Span::from_secs(1),
        allow_addresses: Vec::new(),
        timeout: Span::from_secs(5),
    };
    let with_mail = || {
        let mut desk = with("", text);
        desk.settings_mut().notices = Arc::new(Notices {
            mail: Some(server.clone()),
            ..Notices::default()
        });
        desk
    };
    let mut desk = with_mail();
    start(
        &mut desk,
        "mail",
        json!({"email": "ada@example.com", "name": "Ada"}),
    );
    let id = awaited(&desk);
    let sent = desk.execution(&id).expect("an execution");
    assert_eq!(sent.integration, "notices.mail");
    assert!(
        sent.prepared.contains("ada@example.com"),
        "{}",
        sent.prepared
    );
    let out = desk.ended(&id, 1, answered(202, Value::Null));
    assert_eq!(said(&out), ["Sent."]);
    for wrong in [
        "a@example.com, b@example.com",
        "nobody",
        "a@example.com\nBcc: c@example.com",
    ] {
        let mut desk = with_mail();
        let out = start(&mut desk, "mail", json!({"email": wrong, "name": "x"}));
        assert!(
            out.kinds().contains(&"procedure.failed"),
            "{wrong}: {:?}",
            out.kinds()
        );
    }
}
