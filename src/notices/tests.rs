//! Payloads held against what their vendors publish, whatever customers have said.

mod limits;
mod vendors;

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    delivery::{DeliveryState, PostEnd},
    notice::Notice,
    time::{Span, Timestamp},
};

/// The instant of most notices.
fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-11-23T{text}Z")).expect("a time")
}

fn url(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn channel(kind: ChannelKind) -> Channel {
    Channel {
        name: "billing".to_owned(),
        kind,
        spacing: Span::from_secs(1),
        digest_above: 2,
        allow_addresses: Vec::new(),
        timeout: Span::from_secs(10),
    }
}

fn slack() -> ChannelKind {
    ChannelKind::Slack {
        url: url("https://hooks.slack.com/services/T0/B0/xyzzyplugh"),
    }
}

fn delivery(id: &str, notice: Notice) -> Delivery {
    Delivery {
        delivery_id: id.to_owned(),
        notice_id: format!("ntc_{id}"),
        channel: "billing".to_owned(),
        subject: "c1".to_owned(),
        state: DeliveryState::Posting,
        attempts: 1,
        ambiguous: 0,
        not_before: notice.at,
        updated_at: notice.at,
        part_of: None,
        error: None,
        notice: Arc::new(notice),
    }
}

fn notice(kind: NoticeKind, title: &str, text: &str) -> Notice {
    Notice {
        kind,
        about: "tkt_1".to_owned(),
        title: title.to_owned(),
        text: text.to_owned(),
        facts: vec![
            ("Priority".to_owned(), "urgent".to_owned()),
            ("Asked by".to_owned(), "ada".to_owned()),
        ],
        link: Some("https://chat.example.com/c/c1".to_owned()),
        at: at("10:00:00"),
        not_before: None,
        look_up: None,
    }
}

/// Makes the message of deliveries that are posted at a time.
fn made(kind: &ChannelKind, deliveries: &[Delivery], now: Timestamp) -> Message {
    templated(kind, deliveries, &BTreeMap::new(), now)
}

fn templated(
    kind: &ChannelKind,
    deliveries: &[Delivery],
    templates: &BTreeMap<NoticeKind, Template>,
    now: Timestamp,
) -> Message {
    let channel = channel(kind.clone());
    compose(&Post {
        channel: &channel,
        deliveries,
        page: None,
        source: "/provost",
        templates,
        now,
    })
    .expect("a message")
}

fn body(message: Message) -> Value {
    match message {
        Message::Http(request) => serde_json::from_str(&request.body).expect("JSON"),
        Message::Amqp(message) => serde_json::from_str(&message.body).expect("JSON"),
        Message::Mail(mail) => json!({"subject": mail.subject, "text": mail.text}),
    }
}

fn kinds() -> Vec<ChannelKind> {
    let url = || url("https://hooks.example/secret");
    vec![
        slack(),
        ChannelKind::Teams { url: url() },
        ChannelKind::Mattermost { url: url() },
        ChannelKind::Discord { url: url() },
        ChannelKind::Webhook {
            url: url(),
            secret: None,
        },
        ChannelKind::Email {
            url: url(),
            from: "Desk <desk@example.com>".to_owned(),
            to: vec!["a@example.com".to_owned()],
        },
        ChannelKind::Amqp {
            exchange: "out".to_owned(),
            routing_key: "notice".to_owned(),
        },
    ]
}

#[test]
fn three_breaches_with_their_own_times_are_one_digest_in_every_kind_of_channel() {
    let breaches: Vec<Delivery> = ["10:05:00.001", "10:10:00.001", "10:20:00.001"]
        .into_iter()
        .enumerate()
        .map(|(number, due)| {
            let title = format!("Ticket #{number}: first response is overdue");
            let mut notice = notice(NoticeKind::SlaBreached, &title, "");
            notice.at = at(due);
            delivery(&format!("dlv_{number}"), notice)
        })
        .collect();
    for kind in kinds() {
        let said = body(made(&kind, &breaches, at("10:30:00"))).to_string();
        assert!(said.contains("3 SLA breaches"), "{said}");
        for number in 0..3 {
            let title = ["Ticket", "first response is overdue"];
            assert!(
                title.iter().all(|word| said.contains(word)),
                "{number}: {said}"
            );
        }
        let times = ["10:05:00", "10:10:00", "10:20:00"];
        let places: Vec<usize> = times
            .iter()
            .map(|time| said.find(time).unwrap_or_else(|| panic!("{time}: {said}")))
            .collect();
        assert!(places.is_sorted(), "in their order: {said}");
    }
}

#[test]
fn a_digest_lists_twenty_and_counts_the_rest() {
    let breaches: Vec<Delivery> = (0..100)
        .map(|number| {
            let title = format!("breach {number:03} {}", "x".repeat(500));
            let notice = notice(NoticeKind::SlaBreached, &title, &"y".repeat(900));
            delivery(&format!("dlv_{number}"), notice)
        })
        .collect();
    for kind in kinds() {
        let said = body(made(&kind, &breaches, at("10:30:00"))).to_string();
        if matches!(kind, ChannelKind::Webhook { .. } | ChannelKind::Amqp { .. }) {
            assert!(said.contains("breach 099"), "programs get all of it");
            continue;
        }
        let shown = (0..100)
            .filter(|number| said.contains(&format!("breach {number:03}")))
            .count();
        assert!((10..=20).contains(&shown), "{} {shown}", kind.name());
        assert!(
            said.contains(&format!("and {} more", 100 - shown)),
            "{said}"
        );
    }
}

#[test]
fn a_late_post_says_when_it_was_due_and_a_repeat_that_it_is_one() {
    let mut delivery = delivery("dlv_1", notice(NoticeKind::Rule, "Late", "text"));
    for kind in kinds() {
        let said = |delivery: &Delivery, now: &str| {
            body(made(&kind, std::slice::from_ref(delivery), at(now))).to_string()
        };
        let is_read = matches!(kind, ChannelKind::Webhook { .. } | ChannelKind::Amqp { .. });
        assert!(!said(&delivery, "10:01:00").contains("due at"));
        let late = said(&delivery, "10:01:01");
        assert!(
            is_read || late.contains("It was due at 2026-11-23 10:00:00 UTC."),
            "{late}"
        );
        assert!(!late.contains("perhaps posted before)"));
        delivery.ambiguous = 1;
        let again = said(&delivery, "10:00:01");
        let mark = if is_read {
            "\"perhaps_posted_before\":true"
        } else {
            "(perhaps posted before) Late"
        };
        assert!(again.contains(mark), "{again}");
        delivery.ambiguous = 0;
    }
}

#[test]
fn a_template_says_it_its_own_way_and_what_it_names_stays_as_it_is() {
    let template = Template::parse("*{{title}}* by {{facts.Asked_by}} <!here> {{facts.None}}|");
    let templates = BTreeMap::from([(NoticeKind::Rule, template.expect("a template"))]);
    let deliveries = [delivery(
        "dlv_1",
        notice(NoticeKind::Rule, "<!here> *x*", "text"),
    )];
    let slack = body(templated(&slack(), &deliveries, &templates, at("10:00:01")));
    assert_eq!(
        slack["blocks"][1]["text"]["text"],
        "*&lt;\u{200b}!here&gt; *x** by ada <!here> |"
    );
    let discord = ChannelKind::Discord {
        url: url("https://discord.example/x"),
    };
    let discord = body(templated(&discord, &deliveries, &templates, at("10:00:01")));
    assert_eq!(
        discord["embeds"][0]["description"],
        "*\\<\u{200b}!here\\> \\*x\\** by ada <!here> |"
    );
    let other = [delivery(
        "dlv_1",
        notice(NoticeKind::Approval, "A", "its own"),
    )];
    let said = body(templated(&kinds()[5], &other, &templates, at("10:00:01")));
    assert!(
        said["text"]
            .as_str()
            .expect("a text")
            .starts_with("its own")
    );
}

#[test]
fn a_webhook_is_signed_so_that_standard_webhooks_verifies_it() {
    // The example of the specification's own libraries.
    let secret = url("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let kind = ChannelKind::Webhook {
        url: url("https://pager.example/x"),
        secret: Some(secret),
    };
    let deliveries = [delivery("dlv_1", notice(NoticeKind::Rule, "T", "text"))];
    let Message::Http(request) = made(&kind, &deliveries, at("10:00:01")) else {
        panic!("a request");
    };
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).expect("a header")
    };
    assert_eq!(header("webhook-id"), "dlv_1");
    assert_eq!(header("webhook-timestamp"), "1795428001");
    assert!(vendors::is_signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        (
            header("webhook-id"),
            header("webhook-timestamp"),
            &request.body
        ),
        header("webhook-signature"),
    ));
    let event: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(
        event,
        json!({
            "specversion": "1.0", "id": "dlv_1", "source": "/provost", "type": "notice.posted",
            "subject": "tkt_1", "time": "2026-11-23T10:00:01Z", "datacontenttype": "application/json",
            "data": {
                "notice_id": "ntc_dlv_1", "to": ["#billing"], "kind": "rule", "about": "tkt_1",
                "title": "T", "text": "text", "link": "https://chat.example.com/c/c1",
                "facts": [
                    {"name": "Priority", "value": "urgent"}, {"name": "Asked by", "value": "ada"},
                ],
                "at": "2026-11-23T10:00:00Z", "perhaps_posted_before": false,
            },
        })
    );
}

#[test]
fn a_mail_reads_like_one_and_keeps_its_id_over_repeats() {
    let deliveries = [delivery(
        "dlv_1",
        notice(NoticeKind::Rule, "Over\r\nBcc: x@y", "One.\nTwo."),
    )];
    let Message::Mail(mail) = made(&kinds()[5], &deliveries, at("10:05:00")) else {
        panic!("a mail");
    };
    assert_eq!(mail.subject, "Over Bcc: x@y");
    assert_eq!(mail.message_id, "<dlv_1@example.com>");
    insta::assert_snapshot!(mail.text, @r"
    One.
    Two.

    Priority: urgent
    Asked by: ada

    https://chat.example.com/c/c1

    It was due at 2026-11-23 10:00:00 UTC.
    ");
}

#[test]
fn discord_is_asked_to_answer_when_the_message_stands() {
    for (given, asked) in [
        ("https://d.example/x", "https://d.example/x?wait=true"),
        (
            "https://d.example/x?thread_id=1",
            "https://d.example/x?thread_id=1&wait=true",
        ),
    ] {
        assert_eq!(discord::waiting(&url(given)).expose_secret(), asked);
    }
}

#[test]
fn nothing_that_shows_a_message_shows_an_address() {
    for kind in kinds() {
        let deliveries = [delivery(
            "dlv_1",
            notice(NoticeKind::Rule, "T", "confidential"),
        )];
        let shown = format!("{:?}", made(&kind, &deliveries, at("10:00:01")));
        assert!(!shown.contains("hooks"), "{shown}");
        let shown = format!("{:?}", Arc::new(channel(kind)));
        assert!(!shown.contains("hooks"), "{shown}");
    }
}

fn answer(status: u16, body: Value) -> Answer {
    Answer {
        status,
        retry_after: None,
        body,
    }
}

#[test]
fn what_an_answer_means_is_told_by_its_status() {
    let mean = |status| meaning(&slack(), &answer(status, Value::Null));
    for status in [200, 201, 202, 204] {
        assert_eq!(mean(status), PostEnd::Sent, "{status}");
    }
    for (statuses, name) in [
        ([301, 400, 401, 403, 404, 410, 413], "refused"),
        ([408, 425, 429, 503, 429, 503, 503], "later"),
        ([500, 501, 502, 504, 520, 599, 600], "perhaps"),
    ] {
        for status in statuses {
            assert_eq!(mean(status).name(), name, "{status}");
        }
    }
}

#[test]
fn each_vendor_says_it_in_his_own_way() {
    let discord = &kinds()[3];
    let body =
        json!({"message": "You are being rate limited.", "retry_after": 0.6535, "global": false});
    assert_eq!(
        meaning(discord, &answer(429, body.clone())),
        PostEnd::Later {
            detail: "it answered 429: You are being rate limited.".to_owned(),
            retry_after: Some(Span::from_millis(654)),
        }
    );
    let with_header = Answer {
        retry_after: Some(Span::from_secs(7)),
        ..answer(429, body)
    };
    let PostEnd::Later { retry_after, .. } = meaning(discord, &with_header) else {
        panic!("later");
    };
    assert_eq!(retry_after, Some(Span::from_secs(7)));
    let of_slack = |body: Value| meaning(&slack(), &answer(200, body)).name();
    assert_eq!(of_slack(json!("ok")), "sent");
    assert_eq!(of_slack(json!("invalid_payload")), "refused");
    assert_eq!(
        of_slack(json!({"ok": false, "error": "no_service"})),
        "refused"
    );
    assert_eq!(of_slack(json!({"ok": true})), "sent");
    let teams = |text: &str| meaning(&kinds()[1], &answer(200, json!(text))).name();
    assert_eq!(teams("1"), "sent");
    let said =
        "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error";
    assert_eq!(teams(&format!("{said} 429 with ContextId x")), "later");
    assert_eq!(teams(&format!("{said} 413")), "refused");
}

#[test]
fn a_reason_is_passed_on_and_an_address_never_is() {
    let detail = |body: Value| {
        let end = meaning(&slack(), &answer(404, body));
        end.detail().expect("a reason").to_owned()
    };
    assert_eq!(detail(json!("no_service")), "it answered 404: no_service");
    assert_eq!(
        detail(json!({"message": "Unknown Webhook", "code": 10015})),
        "it answered 404: Unknown Webhook"
    );
    for said in [
        "<html><body>The requested URL /services/T0/B0/xyzzyplugh was not found</body></html>",
        "no such hook: xyzzyplugh",
        "{\"broken\": ",
        &"long ".repeat(100),
    ] {
        assert_eq!(detail(json!(said)), "it answered 404", "{said}");
    }
}

/// A text with what would call somebody, or be more than a text.
fn nasty() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("@channel"),
        Just("@here"),
        Just("@everyone"),
        Just("@all"),
        Just("<!here>"),
        Just("<!channel>"),
        Just("<@U123>"),
        Just("<#C1>"),
        Just("<at>x</at>"),
        Just("<http://x|y>"),
        Just("[a](http://x)"),
        Just("&"),
        Just("\\"),
        Just("```"),
        Just("**"),
        Just("\u{0}"),
        Just("\r\n"),
        Just("# "),
        Just("😀"),
        Just("ü"),
        Just("a@b.example"),
        Just(" "),
        Just("<:x:1>"),
        Just("\u{200d}"),
        Just("word"),
    ];
    proptest::collection::vec((parts, 1..150_usize), 0..8).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(part, count)| part.repeat(count))
            .collect()
    })
}

fn any_notice() -> impl Strategy<Value = Notice> {
    let facts = proptest::collection::vec((nasty(), nasty()), 0..30);
    let link = prop_oneof![
        Just(None),
        Just(Some("https://chat.example.com/c/a%20b".to_owned())),
        Just(Some("javascript:alert(1)".to_owned())),
        Just(Some("https://x.example/>|<!here>(\")".to_owned())),
    ];
    (nasty(), nasty(), facts, link, any::<bool>()).prop_map(
        |(title, text, facts, link, is_breach)| Notice {
            kind: if is_breach {
                NoticeKind::SlaBreached
            } else {
                NoticeKind::Rule
            },
            facts,
            link,
            ..notice(NoticeKind::Rule, &title, &text)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_said_it_fits_and_calls_nobody(
        notices in proptest::collection::vec(any_notice(), 1..8),
        is_repeat: bool,
    ) {
        let mut deliveries: Vec<Delivery> = notices
            .into_iter()
            .enumerate()
            .map(|(number, notice)| delivery(&format!("dlv_{number}"), notice))
            .collect();
        deliveries[0].ambiguous = u32::from(is_repeat);
        for count in [1, deliveries.len()] {
            for kind in kinds() {
                let message = made(&kind, &deliveries[..count], at("10:30:00"));
                limits::hold(&kind, &message);
            }
        }
    }
}
