//! Deliveries: kept, found in the order of the line, moved, listed, blanked, deleted; and channels.

use super::*;
use crate::domain::{
    delivery::{ChannelState, Delivery, DeliveryState, Posting},
    notice::{Notice, NoticeKind},
    record::WrittenDelivery,
    time::Span,
    world::Need,
};

fn delivery(id: &str, kind: NoticeKind, (channel, at): (&str, Timestamp)) -> Delivery {
    Delivery {
        delivery_id: id.to_owned(),
        notice_id: format!("ntc_{id}"),
        channel: channel.to_owned(),
        subject: "c1".to_owned(),
        state: DeliveryState::Pending,
        attempts: 0,
        ambiguous: 0,
        not_before: at,
        updated_at: at,
        part_of: None,
        error: None,
        notice: Arc::new(Notice {
            kind,
            about: format!("about_{id}"),
            title: "Ada Lovelace is angry".to_owned(),
            text: "IBAN GB33".to_owned(),
            facts: vec![("Customer".to_owned(), "Ada".to_owned())],
            link: Some("https://chat.example.com/c/c1".to_owned()),
            at,
            not_before: None,
            look_up: None,
        }),
    }
}

fn written(delivery: &Delivery, is_new: bool) -> WrittenDelivery {
    WrittenDelivery {
        delivery: Arc::new(delivery.clone()),
        is_new,
    }
}

fn write(
    writer: &mut Writer,
    (daemon, id): (i64, &str),
    rows: &[(&Delivery, bool)],
    channels: &[(&str, &ChannelState)],
) {
    commit_with(writer, daemon, &[("c1", id)], |write| {
        let rows = rows.iter();
        write.deliveries = rows.map(|(row, is_new)| written(row, *is_new)).collect();
        let channels = channels.iter();
        write.channels = channels
            .map(|(name, state)| ((*name).to_owned(), Arc::new((*state).clone())))
            .collect();
    })
    .expect("commits");
}

/// The state of a channel that fails while a post carried by `head` is under way.
fn posting(now: Timestamp) -> ChannelState {
    ChannelState {
        posting: Some(Posting {
            post_id: "head".to_owned(),
            attempt: 1,
            turn: "t".to_owned(),
        }),
        failing_since: Some(now),
        error: Some("it answered 404".to_owned()),
        ..ChannelState::default()
    }
}

/// Gives what a batch reads of a channel: the state, and what is due, in order.
fn read(writer: &mut Writer, channel: &str) -> (ChannelState, Vec<Delivery>) {
    let mut world = open(writer, &[("c1", "later")]).expect("opens").world;
    let needs = [Need::Channel(channel.to_owned())];
    writer.load(&needs, &mut world).expect("loads");
    writer.abandon();
    let desk = world.channel(channel).expect("loaded");
    let found = desk.deliveries.iter().map(|one| Delivery::clone(one));
    ((*desk.state).clone(), found.collect())
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|one| &*one.delivery_id).collect()
}

fn now(writer: &mut Writer) -> Timestamp {
    let now = open(writer, &[("c1", "now")]).expect("opens").now;
    writer.abandon();
    now
}

#[test]
fn what_is_due_to_a_channel_is_read_in_the_order_of_the_line() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let now = now(&mut writer);
        let (old, soon) = (
            now.minus(Span::from_secs(60)),
            now.plus(Span::from_secs(60)),
        );
        let rows = [
            delivery("rule", NoticeKind::Rule, ("a", old)),
            delivery("new", NoticeKind::SlaBreached, ("a", now)),
            delivery("old", NoticeKind::SlaBreached, ("a", old)),
            delivery("held", NoticeKind::SlaBreached, ("a", soon)),
            delivery("other", NoticeKind::SlaBreached, ("b", old)),
        ];
        let new: Vec<(&Delivery, bool)> = rows.iter().map(|row| (row, true)).collect();
        write(&mut writer, (daemon, "a"), &new, &[]);
        let (state, found) = read(&mut writer, "a");
        assert_eq!(state, ChannelState::default());
        assert_eq!(ids(&found), ["old", "new", "rule"]);
        assert_eq!(found[0], rows[2], "as it was written");
        let mut reader = store.reader();
        let mut due = reader.channels_due().expect("reads");
        due.sort();
        assert_eq!(due, ["a", "b"]);
        let look = reader.channel_look("a").expect("reads");
        assert_eq!(look.due_at, Some(old));
        assert!(look.now >= now);
        let pending = reader.deliveries_pending().expect("reads");
        assert_eq!(
            pending,
            BTreeMap::from([("a".to_owned(), 4), ("b".to_owned(), 1)])
        );
        assert_eq!(reader.channel_look("c").expect("reads").due_at, None);
    });
}

#[test]
fn a_post_under_way_is_its_daemons_until_it_ends_or_is_handed_over() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let now = now(&mut writer);
        let mut head = delivery("head", NoticeKind::SlaBreached, ("a", now));
        let mut part = delivery("part", NoticeKind::SlaBreached, ("a", now));
        write(
            &mut writer,
            (daemon, "a"),
            &[(&head, true), (&part, true)],
            &[],
        );
        head.state = DeliveryState::Posting;
        head.attempts = 1;
        part.state = DeliveryState::Joined;
        part.part_of = Some("head".to_owned());
        let state = posting(now);
        let moved = [(&head, false), (&part, false)];
        write(&mut writer, (daemon, "b"), &moved, &[("a", &state)]);
        let mut desk = store.desk();
        let (known, post) = desk.channel_posting("a").expect("reads");
        assert_eq!((&known, ids(&post)), (&state, vec!["head", "part"]));
        assert_eq!(post[1], part);
        assert_eq!(desk.channels_due(), Ok(vec![]));
        let (known, found) = read(&mut writer, "a");
        assert_eq!((known, ids(&found)), (state.clone(), vec!["head", "part"]));
        let count = |desk: &mut Desk, daemon| desk.channels_of(daemon).expect("reads").len();
        let other = register(&store, "two");
        assert_eq!((count(&mut desk, daemon), count(&mut desk, other)), (1, 0));
        let handed = desk.channels_hand_over(daemon, other);
        assert_eq!(handed, Ok(vec![("a".to_owned(), state.clone())]));
        assert_eq!((count(&mut desk, daemon), count(&mut desk, other)), (0, 1));
        head.state = DeliveryState::Failed;
        head.error = Some("it answered 404".to_owned());
        part.state = DeliveryState::Unknown;
        part.ambiguous = 3;
        let over = ChannelState {
            posting: None,
            ..state
        };
        let moved = [(&head, false), (&part, false)];
        write(&mut writer, (daemon, "c"), &moved, &[("a", &over)]);
        assert_eq!(
            count(&mut desk, daemon) + count(&mut desk, other),
            0,
            "nobody's"
        );
        assert_eq!(desk.delivery("head"), Ok(Some(head)));
        assert_eq!(desk.delivery("part"), Ok(Some(part)));
        assert_eq!(desk.delivery("none"), Ok(None));
        let states = desk.channel_states().expect("reads");
        assert_eq!(states["a"].error.as_deref(), Some("it answered 404"));
    });
}

#[test]
fn a_post_of_a_daemon_that_has_no_row_is_taken_by_another() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let state = posting(at(1));
        write(&mut writer, (daemon, "a"), &[], &[("a", &state)]);
        let idle = ChannelState::default();
        write(&mut writer, (daemon, "b"), &[], &[("b", &idle)]);
        let mut desk = store.desk();
        assert_eq!(desk.channels_take_orphans(daemon), Ok(vec![]));
        let handed = desk.channels_hand_over(daemon, 99).expect("hands over");
        assert_eq!(handed.len(), 1);
        let orphans = desk.channels_take_orphans(daemon);
        assert_eq!(orphans, Ok(vec![("a".to_owned(), state)]));
        assert_eq!(desk.channels_of(daemon).map(|had| had.len()), Ok(1));
    });
}

#[test]
fn what_a_batch_makes_and_moves_is_written_as_it_is_at_the_end() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut made = delivery("a", NoticeKind::Rule, ("a", at(1)));
        made.state = DeliveryState::Posting;
        made.attempts = 1;
        write(&mut writer, (daemon, "a"), &[(&made, true)], &[]);
        assert_eq!(store.reader().delivery("a"), Ok(Some(made)));
    });
}

#[test]
fn deliveries_are_listed_newest_first_and_go_when_they_are_long_over() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut rows = [
            delivery("1", NoticeKind::Rule, ("a", at(1))),
            delivery("2", NoticeKind::Rule, ("b", at(2))),
            delivery("3", NoticeKind::Rule, ("a", at(3))),
            delivery("4", NoticeKind::Rule, ("a", at(4))),
        ];
        rows[0].state = DeliveryState::Sent;
        rows[2].state = DeliveryState::Failed;
        let new: Vec<(&Delivery, bool)> = rows.iter().map(|row| (row, true)).collect();
        write(&mut writer, (daemon, "a"), &new, &[]);
        let mut desk = store.desk();
        let mut listed = |channel: Option<&str>, state: Option<&str>, about: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let filter = DeliveryFilter {
                channel: owned(channel),
                state: owned(state),
                about: owned(about),
            };
            let found = desk
                .deliveries(&filter, Page::first(9))
                .expect("reads")
                .items;
            ids(&found).join(" ")
        };
        assert_eq!(listed(None, None, None), "4 3 2 1");
        assert_eq!(listed(Some("a"), None, None), "4 3 1");
        assert_eq!(listed(Some("a"), Some("failed"), None), "3");
        assert_eq!(listed(None, None, Some("about_2")), "2");
        let first = desk.deliveries(&DeliveryFilter::default(), Page::first(3));
        assert!(first.expect("reads").next.is_some());
        assert_eq!(desk.deliveries_prune(at(3), 9), Ok(1), "what is over");
        assert_eq!(
            desk.deliveries_prune(at(9), 9),
            Ok(1),
            "and nothing that waits"
        );
        assert_eq!(desk.deliveries_prune(at(9), 9), Ok(0));
    });
}

#[test]
fn erasing_blanks_what_was_said_and_lets_the_rest_of_a_digest_go_on() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut rows = [
            delivery("sent", NoticeKind::Rule, ("a", at(1))),
            delivery("head", NoticeKind::SlaBreached, ("a", at(1))),
            delivery("part", NoticeKind::SlaBreached, ("a", at(1))),
            delivery("other", NoticeKind::Rule, ("a", at(1))),
        ];
        rows[0].state = DeliveryState::Sent;
        rows[1].ambiguous = 1;
        rows[2].state = DeliveryState::Joined;
        rows[2].part_of = Some("head".to_owned());
        rows[2].subject = "c2".to_owned();
        rows[3].subject = "c2".to_owned();
        let new: Vec<(&Delivery, bool)> = rows.iter().map(|row| (row, true)).collect();
        write(&mut writer, (daemon, "a"), &new, &[]);
        let mut desk = store.desk();
        desk.conversation_blank("c1", "customer.erased")
            .expect("blanks");
        for (id, state) in [
            ("sent", DeliveryState::Sent),
            ("head", DeliveryState::Failed),
        ] {
            let blanked = desk.delivery(id).expect("reads").expect("stays");
            let notice = &blanked.notice;
            assert_eq!((&*notice.title, &*notice.text), ("(erased)", "(erased)"));
            assert!(notice.facts.is_empty() && notice.link.is_none());
            assert_eq!(
                (blanked.state, &*notice.about),
                (state, &*format!("about_{id}"))
            );
        }
        let part = desk.delivery("part").expect("reads").expect("stays");
        assert_eq!((part.state, part.part_of), (DeliveryState::Pending, None));
        assert_eq!(part.notice, rows[2].notice);
        assert_eq!(desk.delivery("other"), Ok(Some(rows[3].clone())));
        // What was loaded before and is written afterwards brings nothing back.
        let stale = Delivery {
            state: DeliveryState::Unknown,
            ..rows[1].clone()
        };
        write(&mut writer, (daemon, "b"), &[(&stale, false)], &[]);
        let blanked = desk.delivery("head").expect("reads").expect("stays");
        assert_eq!(blanked.notice.text, "(erased)");
    });
}
