//! Whose turn it is: tickets go to who is there, and the turn keeps its order.

use serde_json::{Value, json};

use super::desk::{Desk, customer};
use crate::domain::{directory::Person, time::Span};

/// The day on which the desk's clock begins, a Saturday, and the one after it.
const WEEKEND: &str = "2026-11-21/2026-11-22";
const TWO_DAYS: Span = Span::from_secs(2 * 86_400);

/// A desk whose team is `people`: name, calendar, and days away.
fn desk_of(assign: &str, people: &[(&str, Option<&str>, Option<&str>)]) -> Desk {
    let policy =
        r#"calendar("office", #{ timezone: "UTC", hours: #{ mon_fri: ["09:00-17:00"] } });"#;
    let route = format!(r#"route("Rest", #{{ team: "support", assign: "{assign}" }});"#);
    let mut desk = Desk::new(&format!("{policy}\n{route}"));
    let directory = &mut desk.settings_mut().directory;
    for (name, calendar, away) in people {
        let person = Person {
            calendar: calendar.map(str::to_owned),
            away: away
                .iter()
                .map(|days| days.parse().expect("days"))
                .collect(),
            ..Person::default()
        };
        directory.people.insert((*name).to_owned(), person);
    }
    let team = directory.teams.get_mut("support").expect("there");
    team.members = people.iter().map(|(name, ..)| (*name).to_owned()).collect();
    desk
}

/// Opens tickets and says who got each; `-` nobody.
fn takers(desk: &mut Desk, count: usize) -> String {
    let mut all = Vec::new();
    for _ in 0..count {
        let data = json!({"subject": "Help", "actor": customer()});
        let out = desk.deliver("ticket.requested", data);
        let ticket = out.one("ticket.created");
        assert_eq!(ticket["team"], "support");
        let assignee = ticket.get("assignee").and_then(Value::as_str);
        all.push(assignee.unwrap_or("-").to_owned());
    }
    all.join(" ")
}

#[test]
fn who_is_away_is_passed_over_and_the_order_of_the_others_stays() {
    let people = [
        ("ann", None, None),
        ("bob", None, Some(WEEKEND)),
        ("cid", None, None),
        ("dan", Some("office"), None),
    ];
    let mut desk = desk_of("round_robin", &people);
    assert_eq!(takers(&mut desk, 5), "ann cid ann cid ann");
    desk.pass_time(TWO_DAYS);
    assert_eq!(takers(&mut desk, 5), "bob cid dan ann bob");
}

#[test]
fn the_least_busy_is_looked_for_among_those_who_are_there() {
    let people = [
        ("ann", None, Some(WEEKEND)),
        ("bob", None, None),
        ("cid", Some("office"), None),
    ];
    let mut desk = desk_of("least_open", &people);
    assert_eq!(takers(&mut desk, 2), "bob bob");
    desk.pass_time(TWO_DAYS);
    assert_eq!(takers(&mut desk, 5), "ann cid ann cid ann");
}

#[test]
fn a_ticket_waits_with_its_team_while_nobody_is_there_and_no_turn_is_lost() {
    let people = [("ann", None, Some(WEEKEND)), ("bob", Some("office"), None)];
    for assign in ["round_robin", "least_open"] {
        let mut desk = desk_of(assign, &people);
        assert_eq!(takers(&mut desk, 3), "- - -", "{assign}");
        desk.pass_time(TWO_DAYS);
        assert_eq!(takers(&mut desk, 2), "ann bob", "{assign}");
    }
}
