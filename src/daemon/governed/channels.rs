//! Team channels: what goes next, how fast, and what becomes of it.

use std::{collections::BTreeMap, sync::Arc};

use secrecy::SecretString;

use super::desk::{Desk, agent, ai};
use crate::{
    decide::{PostDue, PostEnded, channel_subject},
    domain::{
        channel::{Channel, ChannelKind, MailServer, Notices},
        delivery::{ChannelState, Delivery, DeliveryState, PostEnd, Posting},
        directory::{Directory, Person, Team},
        notice::{Notice, NoticeKind},
        outcome::Change,
        time::{Span, Timestamp},
    },
};

fn url(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn channel(name: &str) -> (String, Arc<Channel>) {
    let channel = Channel {
        name: name.to_owned(),
        kind: ChannelKind::Slack {
            url: url("https://hooks.example/x"),
        },
        spacing: Span::from_secs(1),
        digest_above: 2,
        allow_addresses: Vec::new(),
        timeout: Span::from_secs(10),
    };
    (name.to_owned(), Arc::new(channel))
}

/// Dana, who has an address, and Lee, who has none, are of the team billing, which has a channel;
/// there is one for the operators, and mail.
fn desk(policy: &str) -> Desk {
    let person = |email: Option<&str>| Person {
        email: email.map(str::to_owned),
        roles: vec!["agent".to_owned()],
        ..Person::default()
    };
    let billing = Team {
        members: vec!["dana".to_owned(), "lee".to_owned()],
        channel: Some("#billing".to_owned()),
    };
    let directory = Directory {
        people: BTreeMap::from([
            ("dana".to_owned(), person(Some("dana@example.com"))),
            ("lee".to_owned(), person(None)),
        ]),
        teams: BTreeMap::from([("billing".to_owned(), billing)]),
        channels: ["billing".to_owned(), "ops".to_owned()].into(),
        ..Directory::default()
    };
    let notices = Notices {
        channels: BTreeMap::from([channel("billing"), channel("ops")]),
        operators: Some("ops".to_owned()),
        mail: Some(MailServer {
            url: url("smtp://relay"),
            from: "desk@example.com".to_owned(),
            spacing: Span::from_millis(500),
            allow_addresses: Vec::new(),
            timeout: Span::from_secs(10),
        }),
        templates: BTreeMap::new(),
    };
    Desk::with(policy, directory, notices)
}

impl Desk {
    /// Puts a notice on its way to `#billing`, as a decision elsewhere would.
    fn say(&mut self, id: &str, kind: NoticeKind, at: Timestamp) {
        let notice = Notice {
            kind,
            about: format!("tkt_{id}"),
            title: id.to_owned(),
            text: String::new(),
            facts: Vec::new(),
            link: None,
            at,
            not_before: None,
            look_up: None,
        };
        let delivery = Delivery {
            delivery_id: id.to_owned(),
            notice_id: format!("ntc_{id}"),
            channel: "billing".to_owned(),
            subject: "c1".to_owned(),
            state: DeliveryState::Pending,
            attempts: 0,
            ambiguous: 0,
            not_before: at,
            updated_at: at,
            part_of: None,
            error: None,
            notice: Arc::new(notice),
        };
        self.put(&Change::Delivery {
            delivery: Arc::new(delivery),
            is_new: true,
        });
    }

    /// Begins the next post to a channel; gives what it is made of, the carrier first.
    fn begin(&mut self, channel: &str) -> Vec<String> {
        let verb = PostDue {
            channel: channel.to_owned(),
        };
        self.about(channel_subject(channel), verb);
        let Some(posting) = self.posting(channel) else {
            return Vec::new();
        };
        let desk = &self.world().channels[channel];
        let post = desk.post(&posting.post_id);
        post.iter().map(|one| one.delivery_id.clone()).collect()
    }

    fn posting(&self, channel: &str) -> Option<Posting> {
        self.channel(channel).posting
    }

    fn channel(&self, name: &str) -> ChannelState {
        let desk = self.world().channels.get(name);
        desk.map(|desk| (*desk.state).clone()).unwrap_or_default()
    }

    /// Ends the post that is under way; gives what is said of it.
    fn end(&mut self, channel: &str, end: PostEnd) -> Vec<String> {
        let posting = self.posting(channel).expect("a post under way");
        let verb = PostEnded {
            channel: channel.to_owned(),
            post_id: posting.post_id,
            attempt: posting.attempt,
            end,
        };
        let out = self.about(channel_subject(channel), verb);
        out.kinds().into_iter().map(str::to_owned).collect()
    }

    fn delivery(&self, id: &str) -> Arc<Delivery> {
        let mut all = self
            .world()
            .channels
            .values()
            .flat_map(|desk| &desk.deliveries);
        Arc::clone(all.find(|one| one.delivery_id == id).expect("a delivery"))
    }

    fn stands(&self, id: &str) -> (DeliveryState, u32) {
        let delivery = self.delivery(id);
        (delivery.state, delivery.attempts)
    }

    /// Moves the clock to where a delivery may be posted again.
    fn until_due(&mut self, id: &str) {
        let now = self.now();
        let due = self.delivery(id).not_before;
        let open = self.channel("billing").open_at();
        self.pass_time(due.max(open).since(now).max(Span::default()));
    }
}

fn later(retry_after: Option<Span>) -> PostEnd {
    PostEnd::Later {
        detail: "it answered 429".to_owned(),
        retry_after,
    }
}

fn perhaps() -> PostEnd {
    PostEnd::Perhaps {
        detail: "no answer".to_owned(),
    }
}

fn refused() -> PostEnd {
    PostEnd::Refused {
        detail: "it answered 404".to_owned(),
    }
}

const BREACH: NoticeKind = NoticeKind::SlaBreached;

#[test]
fn a_rule_tells_people_in_the_app_and_by_mail_and_channels_by_a_post() {
    let rule = r##"
        on("conversation.message", "Tell", #{ then: |e| notify(["#billing", "@billing", "#ops"], "look") });
    "##;
    let mut desk = desk(rule);
    let message =
        serde_json::json!({"id": "m", "text": "hi", "author": {"kind": "customer", "id": "a"}});
    let out = desk.deliver(
        "conversation.message",
        serde_json::json!({"message": message}),
    );
    assert_eq!(out.kinds(), ["notice.posted"]);
    let told = out.one("notice.posted");
    // The bench shows the channels too; what is published names people alone.
    assert_eq!(
        told["to"],
        serde_json::json!(["dana", "lee", "#billing", "#ops"])
    );
    assert_eq!(
        (&told["kind"], &told["title"]),
        (&"rule".into(), &"Tell".into())
    );
    let waiting: Vec<(&str, &str)> = desk
        .world()
        .channels
        .values()
        .flat_map(|desk| &desk.deliveries)
        .map(|one| (one.channel.as_str(), one.notice.text.as_str()))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(
        waiting,
        [("@dana", "look"), ("billing", "look"), ("ops", "look")],
        "one post a channel, whoever named it"
    );
    assert_eq!(desk.begin("@dana").len(), 1);
}

#[test]
fn an_approval_asks_in_the_channel_and_again_when_it_still_waits() {
    let policy = r##"
        approval("Large", #{ action: "refund", approvers: ["manager"], notify: ["#billing"], remind_after: "1h" });
    "##;
    let mut desk = desk(policy);
    let params = serde_json::json!({"order_id": "A-1", "amount": 5});
    let out = desk.ask("r1", "refund", params, ai());
    let id = out.text("approval.requested", "approval_id");
    desk.pass_time(Span::from_secs(3_600));
    desk.due(&id);
    let said: Vec<String> = desk.world().channels["billing"]
        .deliveries
        .iter()
        .map(|one| {
            format!(
                "{} {}: {}",
                one.notice.about == id,
                one.notice.title,
                one.notice.text
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "true Approval: refund: your decision is asked for: refund: amount 5, order_id A-1",
            "true Approval: refund: still waiting for a decision: refund: amount 5, order_id A-1",
        ]
    );
    desk.vote(&id, "approve", agent("ann", &["manager"]));
    assert_eq!(desk.world().channels["billing"].deliveries.len(), 2);
}

#[test]
fn a_breach_goes_ahead_of_what_was_there_before_it() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("rule", NoticeKind::Rule, now.minus(Span::from_secs(60)));
    desk.say("warning", NoticeKind::SlaWarning, now);
    desk.say("old", BREACH, now.minus(Span::from_secs(5)));
    desk.say("new", BREACH, now);
    for expected in ["old", "new", "warning", "rule"] {
        assert_eq!(desk.begin("billing"), [expected]);
        assert_eq!(desk.end("billing", PostEnd::Sent), ["notification.sent"]);
        desk.pass_time(Span::from_secs(1));
    }
    assert_eq!(desk.begin("billing"), [""; 0]);
}

#[test]
fn the_three_breaches_of_a_standstill_are_one_digest_each_with_its_own_time() {
    let mut desk = desk("");
    let down = desk.now();
    let minutes = |count: i64| Span::from_secs(count * 60);
    // Found out late, in any order.
    for (id, minute) in [("b", 10), ("a", 5), ("c", 20)] {
        desk.say(id, BREACH, down.plus(minutes(minute)));
    }
    desk.say("warning", NoticeKind::SlaWarning, down);
    desk.pass_time(minutes(30));
    assert_eq!(desk.begin("billing"), ["a", "b", "c"]);
    assert_eq!(desk.stands("a"), (DeliveryState::Posting, 1));
    assert_eq!(desk.stands("b"), (DeliveryState::Joined, 1));
    assert_eq!(desk.delivery("b").part_of.as_deref(), Some("a"));
    let times: Vec<Timestamp> = ["a", "b", "c"]
        .iter()
        .map(|id| desk.delivery(id).notice.at)
        .collect();
    let due: Vec<Timestamp> = [5, 10, 20].map(|minute| down.plus(minutes(minute))).into();
    assert_eq!(times, due);
    assert_eq!(desk.end("billing", PostEnd::Sent), ["notification.sent"; 3]);
    for id in ["a", "b", "c"] {
        assert_eq!(desk.stands(id), (DeliveryState::Sent, 1));
    }
    desk.pass_time(Span::from_secs(1));
    assert_eq!(desk.begin("billing"), ["warning"]);
}

#[test]
fn two_breaches_at_once_are_two_posts() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", BREACH, now);
    desk.say("b", BREACH, now);
    assert_eq!(desk.begin("billing"), ["a"]);
}

#[test]
fn a_digest_holds_a_hundred_and_the_rest_is_the_next() {
    let mut desk = desk("");
    let now = desk.now();
    for number in 0..103 {
        desk.say(&format!("{number:03}"), BREACH, now);
    }
    assert_eq!(desk.begin("billing").len(), 100);
    desk.end("billing", PostEnd::Sent);
    desk.pass_time(Span::from_secs(1));
    assert_eq!(desk.begin("billing"), ["100", "101", "102"]);
}

#[test]
fn one_post_a_second_and_one_at_a_time() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Rule, now);
    desk.say("b", NoticeKind::Rule, now);
    assert_eq!(desk.begin("billing"), ["a"]);
    desk.pass_time(Span::from_secs(5));
    assert_eq!(
        desk.begin("billing"),
        ["a"],
        "still the one that is under way"
    );
    desk.end("billing", PostEnd::Sent);
    assert_eq!(desk.begin("billing"), ["b"]);
    desk.end("billing", PostEnd::Sent);
    let now = desk.now();
    desk.say("c", NoticeKind::Rule, now);
    desk.pass_time(Span::from_millis(999));
    assert_eq!(desk.begin("billing"), [""; 0]);
    desk.pass_time(Span::from_millis(1));
    assert_eq!(desk.begin("billing"), ["c"]);
}

#[test]
fn the_channels_own_wait_is_honoured_for_all_that_it_is_sent() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Rule, now);
    desk.begin("billing");
    assert_eq!(
        desk.end("billing", later(Some(Span::from_secs(90)))),
        [""; 0]
    );
    desk.say("breach", BREACH, now);
    desk.pass_time(Span::from_millis(89_999));
    assert_eq!(desk.begin("billing"), [""; 0]);
    desk.pass_time(Span::from_millis(1));
    assert_eq!(desk.begin("billing"), ["breach"]);
    desk.end("billing", later(Some(Span::from_secs(86_400))));
    let waits = desk.channel("billing").open_at().since(desk.now());
    assert_eq!(waits, Span::from_secs(3_600), "an hour at most");
}

#[test]
fn what_was_certainly_not_posted_is_tried_eight_times_and_then_failed_and_told_once() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Rule, now);
    desk.say("b", NoticeKind::Rule, now.plus(Span::from_secs(86_400)));
    for attempt in 1..8 {
        assert_eq!(desk.begin("billing"), ["a"]);
        assert_eq!(desk.end("billing", later(None)), [""; 0]);
        assert_eq!(desk.stands("a"), (DeliveryState::Pending, attempt));
        let wait = desk.delivery("a").not_before.since(desk.now());
        assert!(wait <= Span::from_secs(5 << (attempt - 1)), "{wait}");
        desk.until_due("a");
    }
    assert_eq!(desk.begin("billing"), ["a"]);
    assert_eq!(
        desk.end("billing", later(None)),
        ["notification.failed", "notice.posted"],
        "and the operators hear of it"
    );
    assert_eq!(desk.stands("a"), (DeliveryState::Failed, 8));
    assert!(desk.channel("billing").failing_since.is_some());
    let told = &desk.world().channels["ops"].deliveries;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].notice.title, "#billing does not take notices");
    desk.pass_time(Span::from_secs(86_400));
    desk.begin("billing");
    assert_eq!(
        desk.end("billing", refused()),
        ["notification.failed"],
        "told already"
    );
}

#[test]
fn the_operators_hear_again_only_after_it_worked_and_never_of_their_own_channel() {
    let mut desk = desk("");
    for (end, expected) in [
        (refused(), vec!["notification.failed", "notice.posted"]),
        (refused(), vec!["notification.failed"]),
        (PostEnd::Sent, vec!["notification.sent"]),
        (refused(), vec!["notification.failed", "notice.posted"]),
    ] {
        let now = desk.now();
        desk.say(&format!("at {now}"), NoticeKind::Rule, now);
        desk.begin("billing");
        assert_eq!(desk.end("billing", end), expected);
        desk.pass_time(Span::from_secs(1));
    }
    assert_eq!(desk.begin("ops").len(), 1);
    assert_eq!(desk.end("ops", refused()), ["notification.failed"]);
}

#[test]
fn what_may_have_been_posted_is_repeated_as_it_was_and_stays_unknown_after_three() {
    let mut desk = desk("");
    let now = desk.now();
    for id in ["a", "b", "c"] {
        desk.say(id, BREACH, now);
    }
    assert_eq!(desk.begin("billing"), ["a", "b", "c"]);
    assert_eq!(desk.end("billing", perhaps()), ["notification.unknown"; 3]);
    assert_eq!(desk.stands("b"), (DeliveryState::Joined, 1));
    // What has come since is no part of the repeat.
    desk.say("d", BREACH, now.minus(Span::from_secs(1)));
    desk.until_due("a");
    assert_eq!(desk.begin("billing"), ["d"]);
    desk.end("billing", PostEnd::Sent);
    desk.pass_time(Span::from_secs(1));
    assert_eq!(desk.begin("billing"), ["a", "b", "c"]);
    assert_eq!(desk.delivery("a").ambiguous, 1, "so that it is marked");
    // Certainly not this time: it is known no better than before.
    assert_eq!(desk.end("billing", later(None)), [""; 0]);
    desk.until_due("a");
    assert_eq!(desk.begin("billing"), ["a", "b", "c"]);
    assert_eq!(
        desk.end("billing", PostEnd::Adopted),
        ["notification.unknown"; 3]
    );
    desk.until_due("a");
    desk.begin("billing");
    let said = desk.end("billing", perhaps());
    let unknown = said.iter().filter(|kind| *kind == "notification.unknown");
    assert_eq!(unknown.count(), 3);
    for id in ["a", "b", "c"] {
        assert_eq!(desk.stands(id), (DeliveryState::Unknown, 4));
    }
    desk.pass_time(Span::from_secs(86_400));
    assert_eq!(desk.begin("billing"), [""; 0]);
}

#[test]
fn what_dying_daemons_had_is_repeated_with_the_mark_until_eight_have_died() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Rule, now);
    for attempt in 1..8 {
        assert_eq!(desk.begin("billing"), ["a"]);
        assert_eq!(
            desk.end("billing", PostEnd::Adopted),
            ["notification.unknown"]
        );
        assert_eq!(desk.stands("a"), (DeliveryState::Pending, attempt));
        desk.until_due("a");
    }
    desk.begin("billing");
    let said = desk.end("billing", PostEnd::Adopted);
    assert_eq!(said[0], "notification.unknown");
    assert_eq!(desk.stands("a"), (DeliveryState::Unknown, 8));
}

#[test]
fn a_no_after_what_may_have_been_posted_is_unknown_and_no_failure() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Rule, now);
    desk.begin("billing");
    desk.end("billing", perhaps());
    desk.until_due("a");
    desk.begin("billing");
    let said = desk.end("billing", refused());
    assert_eq!(said[0], "notification.unknown");
    assert_eq!(desk.stands("a"), (DeliveryState::Unknown, 2));
}

#[test]
fn a_digest_that_was_certainly_not_posted_is_made_anew_with_what_came_since() {
    let mut desk = desk("");
    let now = desk.now();
    for id in ["a", "b", "c"] {
        desk.say(id, BREACH, now);
    }
    desk.begin("billing");
    desk.end("billing", later(None));
    assert_eq!(desk.stands("b"), (DeliveryState::Pending, 1));
    desk.until_due("a");
    desk.say("d", BREACH, now);
    assert_eq!(desk.begin("billing"), ["a", "b", "c", "d"]);
}

#[test]
fn an_end_that_is_told_twice_or_too_late_changes_nothing() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Rule, now);
    desk.begin("billing");
    let posting = desk.posting("billing").expect("a post");
    desk.end("billing", PostEnd::Sent);
    for attempt in [posting.attempt, 2] {
        let verb = PostEnded {
            channel: "billing".to_owned(),
            post_id: posting.post_id.clone(),
            attempt,
            end: refused(),
        };
        let out = desk.about(channel_subject("billing"), verb);
        assert_eq!(out.kinds(), [""; 0]);
    }
    assert_eq!(desk.stands("a"), (DeliveryState::Sent, 1));
}

#[test]
fn what_waits_for_a_channel_that_is_gone_is_failed_with_the_reason() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", BREACH, now);
    let settings = desk.settings_mut();
    Arc::make_mut(&mut settings.notices)
        .channels
        .remove("billing");
    let verb = PostDue {
        channel: "billing".to_owned(),
    };
    let out = desk.about(channel_subject("billing"), verb);
    assert_eq!(
        out.one("notification.failed")["error"],
        "there is no [channels.billing]"
    );
    assert_eq!(desk.stands("a"), (DeliveryState::Failed, 0));
}

#[test]
fn a_test_is_tried_once_and_nobody_else_hears_of_it() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", NoticeKind::Test, now);
    desk.begin("billing");
    assert_eq!(desk.end("billing", later(None)), ["notification.failed"]);
    assert_eq!(desk.stands("a"), (DeliveryState::Failed, 1));
}

#[test]
fn what_is_held_until_an_opening_waits_for_it() {
    let mut desk = desk("");
    let now = desk.now();
    desk.say("a", BREACH, now);
    let held = Delivery {
        not_before: now.plus(Span::from_secs(3_600)),
        ..(*desk.delivery("a")).clone()
    };
    desk.put(&Change::Delivery {
        delivery: Arc::new(held),
        is_new: false,
    });
    assert_eq!(desk.begin("billing"), [""; 0]);
    desk.pass_time(Span::from_secs(3_600));
    assert_eq!(desk.begin("billing"), ["a"]);
}
