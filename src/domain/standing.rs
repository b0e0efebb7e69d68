//! How things stand: what a digest tells a team at the beginning of its day, and its text.
//!
//! Counted by `crate::store`, rendered here, posted by whoever was asked for it.

use std::fmt::Write as _;

use chrono_tz::Tz;

use super::{
    notice::{Notice, NoticeKind},
    sla::{Clock, Metric, Owner},
    ticket::Ticket,
    time::{Span, Timestamp},
};

/// How many clocks a digest names; the others are counted.
pub const NAMED: i64 = 5;
/// How soon is soon, in a digest.
pub const SOON: Span = Span::from_secs(2 * 3_600);

/// A clock that a digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressing {
    /// What it belongs to, such as `#12 Where is my parcel?`.
    pub what: String,
    /// What it measures.
    pub metric: Metric,
    /// When it is due, or was.
    pub due_at: Timestamp,
    /// Who is on it; `None` where nobody would be.
    pub who: Option<String>,
    /// Where to look; empty: nowhere.
    pub link: String,
}

/// How things stand with a team, or with all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tickets that nobody is on.
    pub open: i64,
    /// Tickets that somebody is on.
    pub in_progress: i64,
    /// Tickets that wait for the customer.
    pub waiting: i64,
    /// Tickets resolved since the day began.
    pub resolved_today: i64,
    /// Clocks that are over their time.
    pub overdue: i64,
    /// Those of them that are due longest.
    pub most_overdue: Vec<Pressing>,
    /// Clocks that are due soon.
    pub due_soon: i64,
    /// Those of them that are due first.
    pub next_due: Vec<Pressing>,
    /// Approvals that wait for somebody, of whatever team.
    pub pending_approvals: i64,
}

impl Pressing {
    /// Names a clock with what it belongs to.
    pub fn of(clock: &Clock, ticket: Option<&Ticket>) -> Self {
        let (Owner::Ticket(id) | Owner::Approval(id) | Owner::Request(id)) = &clock.key.owner;
        let nobody = || "nobody is on it".to_owned();
        Self {
            what: ticket.map_or_else(
                || id.clone(),
                |ticket| format!("#{} {}", ticket.number, ticket.subject),
            ),
            metric: clock.key.metric,
            due_at: clock.due_at,
            who: ticket.map(|ticket| ticket.assignee.clone().unwrap_or_else(nobody)),
            link: ticket.map_or_else(String::new, |ticket| ticket.link.clone()),
        }
    }
}

impl Standing {
    /// Makes the digest of a team, or of all, as of an instant told in a time zone.
    pub fn digest(&self, team: Option<&str>, zone: Tz, now: Timestamp) -> Notice {
        let at = now.to_utc().with_timezone(&zone).format("%a %d %b %H:%M");
        let of = team.map_or_else(String::new, |team| format!(" with {team}"));
        let counts = [
            ("Open", self.open),
            ("In progress", self.in_progress),
            ("Waiting", self.waiting),
            ("Resolved today", self.resolved_today),
            ("Overdue", self.overdue),
            ("Due within 2h", self.due_soon),
            ("Approvals waiting", self.pending_approvals),
        ];
        let facts = counts
            .into_iter()
            .map(|(label, count)| (label.to_owned(), count.to_string()));
        let mut text = String::new();
        let local = |at: Timestamp| local(at, zone, now);
        list(
            &mut text,
            "Overdue",
            (self.overdue, &self.most_overdue),
            |one| format!("was due {}", local(one.due_at)),
        );
        list(
            &mut text,
            "Due soon",
            (self.due_soon, &self.next_due),
            |one| format!("due {}", local(one.due_at)),
        );
        if text.is_empty() {
            text.push_str("Nothing is overdue, and nothing is due within 2h.");
        }
        Notice {
            kind: NoticeKind::Digest,
            about: team.unwrap_or("all").to_owned(),
            title: format!("How things stand{of}, {at}"),
            text: text.trim_end().to_owned(),
            facts: facts.collect(),
            link: None,
            at: now,
            not_before: None,
            look_up: None,
        }
    }
}

fn words(metric: Metric) -> &'static str {
    match metric {
        Metric::FirstResponse => "first response",
        Metric::NextResponse => "next response",
        Metric::Resolution => "resolution",
        Metric::Own => "taking it on",
        Metric::Approval => "decision",
        Metric::Unknown => "finding out how it ended",
    }
}

/// Writes a time as people of a zone read it: the day, too, where it is not today's.
fn local(at: Timestamp, zone: Tz, now: Timestamp) -> String {
    let (at, now) = (
        at.to_utc().with_timezone(&zone),
        now.to_utc().with_timezone(&zone),
    );
    let form = if at.date_naive() == now.date_naive() {
        "%H:%M"
    } else {
        "%a %d %b %H:%M"
    };
    at.format(form).to_string()
}

fn list(
    text: &mut String,
    head: &str,
    (count, named): (i64, &[Pressing]),
    when: impl Fn(&Pressing) -> String,
) {
    if named.is_empty() {
        return;
    }
    // Writing to a text does not fail.
    let _ = writeln!(text, "{head}:");
    for one in named {
        let _ = write!(text, "• {}: {} {}", one.what, words(one.metric), when(one));
        if let Some(who) = &one.who {
            let _ = write!(text, ", {who}");
        }
        if !one.link.is_empty() {
            let _ = write!(text, " – {}", one.link);
        }
        text.push('\n');
    }
    let others = count - i64::try_from(named.len()).unwrap_or(0);
    if others > 0 {
        let _ = writeln!(text, "• and {others} more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn a_digest_names_what_presses_in_local_time_and_counts_the_rest() {
        let pressing = |what: &str, due_at: &str, who: Option<&str>| Pressing {
            what: what.to_owned(),
            metric: Metric::FirstResponse,
            due_at: at(due_at),
            who: who.map(str::to_owned),
            link: "https://chat.example.com/c/1".to_owned(),
        };
        let standing = Standing {
            open: 3,
            in_progress: 2,
            overdue: 7,
            most_overdue: vec![
                pressing("#12 Parcel", "2026-11-20T16:30:00Z", Some("dana")),
                pressing("#14 Invoice", "2026-11-23T07:30:00Z", None),
            ],
            due_soon: 1,
            next_due: vec![pressing("#15 Login", "2026-11-23T09:00:00Z", Some("lee"))],
            pending_approvals: 1,
            ..Standing::default()
        };
        let now = at("2026-11-23T08:00:00Z");
        let notice = standing.digest(Some("billing"), chrono_tz::Europe::Berlin, now);
        assert_eq!(
            notice.title,
            "How things stand with billing, Mon 23 Nov 09:00"
        );
        let facts: Vec<String> = notice
            .facts
            .iter()
            .map(|(label, value)| format!("{label} {value}"))
            .collect();
        assert_eq!(
            facts.join(", "),
            "Open 3, In progress 2, Waiting 0, Resolved today 0, Overdue 7, Due within 2h 1, Approvals waiting 1"
        );
        insta::assert_snapshot!(notice.text, @r"
        Overdue:
        • #12 Parcel: first response was due Fri 20 Nov 17:30, dana – https://chat.example.com/c/1
        • #14 Invoice: first response was due 08:30 – https://chat.example.com/c/1
        • and 5 more
        Due soon:
        • #15 Login: first response due 10:00, lee – https://chat.example.com/c/1
        ");
    }

    #[test]
    fn a_digest_of_a_quiet_day_says_so() {
        let notice = Standing::default().digest(None, Tz::UTC, at("2026-11-23T08:00:00Z"));
        assert_eq!(notice.title, "How things stand, Mon 23 Nov 08:00");
        assert_eq!(
            notice.text,
            "Nothing is overdue, and nothing is due within 2h."
        );
        assert_eq!(notice.about, "all");
    }
}
