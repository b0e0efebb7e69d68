//! Access: who may do what.
//!
//! A role is a list of grants; a grant gives verbs, and for what is asked of an
//! action also where and how much. Nothing is allowed that no grant allows, and a
//! denial wins over every grant. The configuration makes roles, [`Roles::default`]
//! has those that stand without one; `decide`, the HTTP API and the approvals ask.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The roles that stand for every other one.
const ABOVE_ALL: [&str; 2] = ["admin", "owner"];

/// What somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Decide on approvals.
    Approve,
    /// Hand one's approvals to somebody else for a time.
    Delegate,
    /// Change procedures.
    Edit,
    /// Erase a person.
    Erase,
    /// Take the audit log out.
    Export,
    /// Name another actor.
    Impersonate,
    /// Take events in.
    Ingest,
    /// Parked messages, reloads, tokens.
    Operate,
    /// Publish and archive procedures.
    Publish,
    /// Request actions, start procedures.
    Request,
    /// Say what became of an unknown one.
    Resolve,
    /// Undo what was done.
    Reverse,
    /// Try procedures and policies without effect.
    Simulate,
    /// Look.
    View,
    /// Tickets and escalations.
    Work,
}

/// Every verb, by name.
pub const VERBS: [Verb; 15] = [
    Verb::Approve,
    Verb::Delegate,
    Verb::Edit,
    Verb::Erase,
    Verb::Export,
    Verb::Impersonate,
    Verb::Ingest,
    Verb::Operate,
    Verb::Publish,
    Verb::Request,
    Verb::Resolve,
    Verb::Reverse,
    Verb::Simulate,
    Verb::View,
    Verb::Work,
];

impl Verb {
    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Delegate => "delegate",
            Self::Edit => "edit",
            Self::Erase => "erase",
            Self::Export => "export",
            Self::Impersonate => "impersonate",
            Self::Ingest => "ingest",
            Self::Operate => "operate",
            Self::Publish => "publish",
            Self::Request => "request",
            Self::Resolve => "resolve",
            Self::Reverse => "reverse",
            Self::Simulate => "simulate",
            Self::View => "view",
            Self::Work => "work",
        }
    }

    /// Gives the verb of a name.
    pub fn parse(name: &str) -> Option<Self> {
        VERBS.into_iter().find(|verb| verb.as_str() == name)
    }

    /// Tells whether it is asked of one action, so that a grant of it may be narrowed.
    pub fn is_scoped(self) -> bool {
        matches!(
            self,
            Self::Approve | Self::Request | Self::Resolve | Self::Reverse
        )
    }
}

/// Names verbs of which one is enough. *Example*: `` `request` or `work` ``.
pub fn any_of(verbs: &[Verb]) -> String {
    let names: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
    format!("`{}`", names.join("` or `"))
}

/// How much an action is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amount {
    /// The action has no amount.
    #[default]
    None,
    /// It has one, and what is given there is no number.
    Unreadable,
    /// So much.
    Of(Decimal),
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The verb.
    pub verb: Verb,
    /// The action that it is about, if it is about one.
    pub action: Option<&'a str>,
    /// The conversation's channel, where there is a conversation.
    pub channel: Option<&'a str>,
    /// The customer's segment, where it is known.
    pub segment: Option<&'a str>,
    /// The amount.
    pub amount: Amount,
}

impl Wish<'_> {
    /// Makes a wish that is about no action.
    pub fn to(verb: Verb) -> Self {
        Self {
            verb,
            action: None,
            channel: None,
            segment: None,
            amount: Amount::None,
        }
    }
}

/// Verbs, and for what is asked of an action where and how much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The verbs; empty: all of them.
    pub verbs: Vec<Verb>,
    /// Names of actions, a `*` at the end for all that begin so; empty: all.
    pub actions: Vec<String>,
    /// Channels; empty: all, and conversations without one.
    pub channels: Vec<String>,
    /// Segments; empty: all, and customers without one.
    pub segments: Vec<String>,
    /// The largest amount; `None`: any.
    pub amount: Option<Decimal>,
}

impl Grant {
    fn of(verbs: &[Verb]) -> Self {
        Self {
            verbs: verbs.to_vec(),
            ..Self::default()
        }
    }

    fn names(&self, wish: &Wish<'_>) -> bool {
        let named = |names: &[String], value: Option<&str>| {
            names.is_empty() || value.is_some_and(|value| names.iter().any(|name| name == value))
        };
        let is_named = |action: &str| self.actions.iter().any(|pattern| fits(pattern, action));
        (self.verbs.is_empty() || self.verbs.contains(&wish.verb))
            && (self.actions.is_empty() || wish.action.is_some_and(is_named))
            && named(&self.channels, wish.channel)
            && named(&self.segments, wish.segment)
    }

    /// Tells whether it allows something; what is not known fits no grant.
    pub fn allows(&self, wish: &Wish<'_>) -> bool {
        self.names(wish)
            && match (self.amount, wish.amount) {
                (None, _) | (Some(_), Amount::None) => true,
                (Some(_), Amount::Unreadable) => false,
                (Some(most), Amount::Of(amount)) => amount <= most,
            }
    }

    /// What is not known fits every denial. An `amount` denies from there on.
    fn denies(&self, wish: &Wish<'_>) -> bool {
        let unknown = Grant {
            channels: known_only(&self.channels, wish.channel),
            segments: known_only(&self.segments, wish.segment),
            ..self.clone()
        };
        unknown.names(wish)
            && match (self.amount, wish.amount) {
                (None, _) | (Some(_), Amount::Unreadable) => true,
                (Some(_), Amount::None) => false,
                (Some(from), Amount::Of(amount)) => amount >= from,
            }
    }
}

fn known_only(names: &[String], value: Option<&str>) -> Vec<String> {
    if value.is_none() {
        return Vec::new();
    }
    names.to_vec()
}

/// Tells whether an action's name fits a pattern: the name itself, or its beginning and a `*`.
pub fn fits(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => pattern == action,
    }
}

/// What a role gives and takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// What its holders may do.
    pub grants: Vec<Grant>,
    /// What they may not do, whatever another role of theirs says.
    pub denials: Vec<Grant>,
}

impl Role {
    fn of(verbs: &[Verb]) -> Self {
        Self {
            grants: vec![Grant::of(verbs)],
            denials: Vec::new(),
        }
    }
}

/// Every role by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(pub BTreeMap<String, Role>);

impl Default for Roles {
    fn default() -> Self {
        let roles = [
            ("admin", Role::of(&[])),
            (
                "agent",
                Role::of(&[Verb::Approve, Verb::Request, Verb::View, Verb::Work]),
            ),
            ("ai", Role::of(&[Verb::Request])),
            (
                "manager",
                Role::of(&[
                    Verb::Approve,
                    Verb::Export,
                    Verb::Request,
                    Verb::Resolve,
                    Verb::Reverse,
                    Verb::View,
                    Verb::Work,
                ]),
            ),
            ("owner", Role::of(&[])),
            ("platform", Role::of(&[Verb::Impersonate, Verb::Ingest])),
            ("rule", Role::of(&[Verb::Request, Verb::Work])),
            ("system", Role::of(&[Verb::Work])),
            ("viewer", Role::of(&[Verb::View])),
        ];
        Self(
            roles
                .into_iter()
                .map(|(name, role)| (name.to_owned(), role))
                .collect(),
        )
    }
}

impl Roles {
    /// Tells whether somebody who holds these roles may do something.
    pub fn permit<'r>(&self, held: impl IntoIterator<Item = &'r String>, wish: &Wish<'_>) -> bool {
        let mut is_granted = false;
        for role in held.into_iter().filter_map(|name| self.0.get(name)) {
            if role.denials.iter().any(|denial| denial.denies(wish)) {
                return false;
            }
            is_granted |= role.grants.iter().any(|grant| grant.allows(wish));
        }
        is_granted
    }

    /// Tells whether a role takes something away from who holds it.
    pub fn deny(&self, held: &[String], wish: &Wish<'_>) -> bool {
        let mut roles = held.iter().filter_map(|name| self.0.get(name));
        roles.any(|role| role.denials.iter().any(|denial| denial.denies(wish)))
    }

    /// Tells whether somebody who holds these roles may do something at least somewhere: a grant
    /// gives the verb, whatever its scope, and no denial takes it everywhere.
    pub fn permit_somewhere(&self, held: &[String], verb: Verb) -> bool {
        let has = |grant: &Grant| grant.verbs.is_empty() || grant.verbs.contains(&verb);
        let is_everywhere = |grant: &Grant| {
            let whole = Grant {
                verbs: grant.verbs.clone(),
                ..Grant::default()
            };
            *grant == whole
        };
        let roles: Vec<&Role> = held.iter().filter_map(|name| self.0.get(name)).collect();
        let is_denied = |role: &&Role| {
            let mut denials = role.denials.iter();
            denials.any(|denial| has(denial) && is_everywhere(denial))
        };
        !roles.iter().any(is_denied) && roles.iter().any(|role| role.grants.iter().any(has))
    }

    /// Gives what it would take where none of these verbs is permitted anywhere; `None`: one of them is.
    pub fn lacking(&self, held: &[String], verbs: &[Verb]) -> Option<String> {
        let mut asked = verbs.iter();
        let is_permitted = asked.any(|&verb| self.permit_somewhere(held, verb));
        (!is_permitted).then(|| any_of(verbs))
    }

    /// Tells whether somebody who holds these roles counts as one of `role`.
    pub fn count_as(held: &[String], role: &str) -> bool {
        held.iter()
            .any(|name| name == role || ABOVE_ALL.contains(&name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(roles: &[&str]) -> Vec<String> {
        roles.iter().map(|&role| role.to_owned()).collect()
    }

    fn refund(amount: Amount) -> Wish<'static> {
        Wish {
            action: Some("refund"),
            channel: Some("web"),
            segment: Some("vip"),
            amount,
            ..Wish::to(Verb::Approve)
        }
    }

    fn roles(grant: Grant, denial: Option<Grant>) -> Roles {
        let role = Role {
            grants: vec![grant],
            denials: denial.into_iter().collect(),
        };
        Roles(BTreeMap::from([("tester".to_owned(), role)]))
    }

    #[test]
    fn every_verb_reads_back_from_its_name_and_stands_once() {
        assert!(VERBS.is_sorted_by(|a, b| a < b));
        for verb in VERBS {
            assert_eq!(Verb::parse(verb.as_str()), Some(verb));
        }
        assert_eq!(Verb::parse("Approve"), None);
    }

    #[test]
    fn nothing_is_allowed_that_no_grant_allows() {
        let roles = Roles::default();
        for verb in VERBS {
            let wish = Wish::to(verb);
            assert!(!roles.permit(&held(&[]), &wish), "{verb:?}");
            assert!(!roles.permit(&held(&["stranger"]), &wish), "{verb:?}");
            assert!(roles.permit(&held(&["owner"]), &wish), "{verb:?}");
        }
        assert!(roles.permit(&held(&["viewer", "ai"]), &Wish::to(Verb::Request)));
        assert!(!roles.permit(&held(&["viewer", "ai"]), &Wish::to(Verb::Approve)));
    }

    #[test]
    fn a_denial_wins_over_every_grant() {
        let mut roles = Roles::default();
        let denial = Grant {
            actions: vec!["refund*".to_owned()],
            ..Grant::of(&[Verb::Approve])
        };
        roles.0.insert(
            "trainee".to_owned(),
            Role {
                grants: Vec::new(),
                denials: vec![denial],
            },
        );
        let both = held(&["owner", "trainee"]);
        assert!(!roles.permit(&both, &refund(Amount::None)));
        let other = Wish {
            action: Some("discount"),
            ..refund(Amount::None)
        };
        assert!(roles.permit(&both, &other));
    }

    #[test]
    fn a_cap_holds_to_the_cent_and_fails_closed() {
        let grant = Grant {
            amount: Some(Decimal::new(50_000, 2)),
            ..Grant::of(&[Verb::Approve])
        };
        let roles = roles(grant, None);
        let may = |amount| roles.permit(&held(&["tester"]), &refund(amount));
        assert!(may(Amount::Of(Decimal::new(50_000, 2))));
        assert!(!may(Amount::Of(Decimal::new(50_001, 2))));
        assert!(!may(Amount::Unreadable));
        assert!(may(Amount::None), "an action without an amount has no cap");
    }

    #[test]
    fn what_is_not_known_fits_no_grant_and_every_denial() {
        let scoped = Grant {
            channels: vec!["web".to_owned()],
            segments: vec!["vip".to_owned()],
            ..Grant::of(&[Verb::Approve])
        };
        let unknown = Wish {
            channel: None,
            segment: None,
            ..refund(Amount::None)
        };
        let allowing = roles(scoped.clone(), None);
        assert!(allowing.permit(&held(&["tester"]), &refund(Amount::None)));
        assert!(!allowing.permit(&held(&["tester"]), &unknown));
        let denying = roles(Grant::default(), Some(scoped));
        assert!(!denying.permit(&held(&["tester"]), &unknown));
        let elsewhere = Wish {
            channel: Some("phone"),
            ..refund(Amount::None)
        };
        assert!(denying.permit(&held(&["tester"]), &elsewhere));
    }

    #[test]
    fn a_verb_with_a_scope_is_had_somewhere_and_a_whole_denial_takes_it() {
        let narrow = Grant {
            actions: vec!["refund".to_owned()],
            ..Grant::of(&[Verb::Request])
        };
        let somewhere = |roles: &Roles| roles.permit_somewhere(&held(&["tester"]), Verb::Request);
        assert!(somewhere(&roles(narrow.clone(), None)));
        assert!(somewhere(&roles(Grant::default(), Some(narrow.clone()))));
        let denial = Grant::of(&[Verb::Request]);
        assert!(!somewhere(&roles(narrow, Some(denial))));
        assert!(!somewhere(&roles(Grant::of(&[Verb::View]), None)));
    }
}
