//! What teammates are told of a clock: the notice of a warning, a breach, or a level of one.

use crate::domain::{
    notice::{Notice, NoticeKind},
    sla::{Metric, Owner, Transition, TransitionKind},
    ticket::Ticket,
    time::{Span, Timestamp},
};

/// Whoever is told where a policy names nobody, and the name of a ticket's own team in a list.
const OWN_TEAM: &str = "@team";

/// Gives whom to tell: `@team` is the ticket's own team, and so is nobody at all.
pub(super) fn recipients(to: &[String], own_team: Option<&str>) -> Vec<String> {
    let own = own_team.map(|team| format!("@{team}"));
    if to.is_empty() {
        return own.into_iter().collect();
    }
    let named = to.iter().filter_map(|one| match one.as_str() {
        OWN_TEAM => own.clone(),
        other => Some(other.to_owned()),
    });
    named.collect()
}

/// Says in one line what a clock has come to.
pub(super) fn headline(transition: &Transition, ticket: Option<&Ticket>) -> String {
    let what = match transition.key.metric {
        Metric::FirstResponse => "the first response",
        Metric::NextResponse => "the next response",
        Metric::Resolution => "the resolution",
        Metric::Own => "taking it on",
        Metric::Approval => "the decision",
        Metric::Unknown => "finding out how it ended",
    };
    let about = match (&transition.key.owner, ticket) {
        (_, Some(ticket)) => format!("Ticket {}", ticket.number),
        (Owner::Ticket(id), None) => format!("Ticket {id}"),
        (Owner::Approval(id), None) => format!("Approval {id}"),
        (Owner::Request(id), None) => format!("Request {id}"),
    };
    match transition.kind {
        TransitionKind::Warning(_) => format!("{about}: {what} is due soon"),
        TransitionKind::Escalated { level, .. } => {
            format!("{about}: {what} is still overdue (level {level})")
        }
        TransitionKind::Breached(_)
        | TransitionKind::Started
        | TransitionKind::Met
        | TransitionKind::Stopped
        | TransitionKind::Paused
        | TransitionKind::Resumed
        | TransitionKind::Cancelled(_)
        | TransitionKind::Retargeted(_)
        | TransitionKind::Retracted(_) => format!("{about}: {what} is overdue"),
    }
}

/// Makes the notice of a transition.
pub(super) fn notice(
    transition: &Transition,
    ticket: Option<&Ticket>,
    not_before: Option<Timestamp>,
    link: &str,
) -> Notice {
    let kind = match transition.kind {
        TransitionKind::Warning(_) => NoticeKind::SlaWarning,
        TransitionKind::Escalated { .. } => NoticeKind::SlaEscalated,
        TransitionKind::Breached(_)
        | TransitionKind::Started
        | TransitionKind::Met
        | TransitionKind::Stopped
        | TransitionKind::Paused
        | TransitionKind::Resumed
        | TransitionKind::Cancelled(_)
        | TransitionKind::Retargeted(_)
        | TransitionKind::Retracted(_) => NoticeKind::SlaBreached,
    };
    let (Owner::Ticket(about) | Owner::Approval(about) | Owner::Request(about)) =
        &transition.key.owner;
    let used = Span::from_micros(transition.consumed.micros() / 1_000_000 * 1_000_000);
    let mut facts = vec![
        ("Due".to_owned(), transition.due_after.to_string()),
        (
            "Used".to_owned(),
            format!("{used} of {}", transition.target),
        ),
        ("Policy".to_owned(), transition.pin.policy.clone()),
    ];
    if let Some(ticket) = ticket {
        facts.push(("Priority".to_owned(), ticket.priority.to_string()));
        facts.push(("Status".to_owned(), ticket.status.to_string()));
        let team = ticket.team.iter().map(|team| ("Team", team));
        let person = ticket.assignee.iter().map(|person| ("Assignee", person));
        let known = team.chain(person);
        facts.extend(known.map(|(label, value)| (label.to_owned(), value.clone())));
    }
    let link = ticket.map_or(link, |ticket| ticket.link.as_str());
    Notice {
        kind,
        about: about.clone(),
        title: headline(transition, ticket),
        text: what_it_is(transition, ticket),
        facts,
        link: (!link.is_empty()).then(|| link.to_owned()),
        at: transition.at,
        not_before: not_before.filter(|at| *at > transition.at),
        look_up: None,
    }
}

/// Says what it is about, and how it stands.
fn what_it_is(transition: &Transition, ticket: Option<&Ticket>) -> String {
    let due = transition.due_after;
    match ticket {
        Some(ticket) => format!("{} (due {due})", ticket.subject),
        None => format!("Due {due}."),
    }
}

#[cfg(test)]
mod tests {
    use super::recipients;

    #[test]
    fn the_own_team_is_told_where_it_is_named_or_nobody_is() {
        let to = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let told = |names: &[&str], own| recipients(&to(names), own);
        assert_eq!(told(&[], Some("billing")), ["@billing"]);
        assert_eq!(
            told(&["@team", "#ops"], Some("billing")),
            ["@billing", "#ops"]
        );
        assert_eq!(told(&["@team", "#ops"], None), ["#ops"]);
        assert!(told(&[], None).is_empty());
    }
}
