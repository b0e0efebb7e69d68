//! A delegation: somebody's say in approvals, handed to somebody else for a time.
//!
//! It names both, a time that ends, and how far it reaches. What it hands over is what the
//! delegator may decide himself, and nothing that was handed to him, so it never goes
//! onwards. Whether that is enough for one approval is looked up at every vote, by
//! `crate::decide`; here is only whether it stands, and what it may be at all.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    access::{Grant, Verb, Wish},
    time::{Span, Timestamp},
};

/// The longest time for which it may stand, and the longest ahead that it may begin.
pub const LONGEST: Span = Span::from_secs(90 * 86_400);
/// The longest name in it. *Units*: bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// The most names of one kind in its scope.
pub const MAX_NAMES: usize = 100;
/// The longest reason. *Units*: bytes.
pub const MAX_REASON_BYTES: usize = 1_000;

/// How far a delegation reaches. *Shape*: that of a grant's scope; empty: as far as the delegator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Names of actions, a `*` at the end for all that begin so; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// Channels; empty: all, and conversations without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// Segments; empty: all, and customers without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
    /// The largest amount; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "amount")]
    pub amount: Option<Decimal>,
}

/// A delegation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// `dlg_…`.
    pub delegation_id: String,
    /// Whose say it is.
    pub from: String,
    /// The roles that he had when he made it.
    pub from_roles: Vec<String>,
    /// Who stands in for him.
    pub to: String,
    /// How far it reaches.
    #[serde(default)]
    pub scope: Scope,
    /// From when on.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Why a delegation cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegationFault {
    /// Nobody is called so.
    #[error("`to` is the name of a person, 1 to {MAX_NAME_BYTES} bytes without a space around it")]
    Nobody,
    /// Nobody stands in for himself.
    #[error("`{0}` decides for himself already; name somebody else")]
    Oneself(String),
    /// It would be over before it begins.
    #[error("it ends at {ends_at}, which is not after {after}")]
    Over {
        /// When it would end.
        ends_at: Timestamp,
        /// What that has to be after: the time, or its own beginning.
        after: Timestamp,
    },
    /// It would begin too far ahead.
    #[error("it begins at {0}, more than {LONGEST} ahead")]
    TooFar(Timestamp),
    /// It would stand too long.
    #[error("it ends at {0}, more than {LONGEST} after it begins")]
    TooLong(Timestamp),
    /// A list of its scope cannot be meant.
    #[error(
        "`{0}` are at most {MAX_NAMES} names of 1 to {MAX_NAME_BYTES} bytes; all of them when absent"
    )]
    Names(&'static str),
    /// No amount is as small.
    #[error("`amount` is {0}, which lets nothing pass")]
    Amount(Decimal),
    /// The reason is too long.
    #[error("`reason` is longer than {MAX_REASON_BYTES} bytes")]
    Reason,
}

impl DelegationFault {
    /// Gives the field at fault.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Nobody | Self::Oneself(_) => "to",
            Self::Over { .. } | Self::TooLong(_) => "ends_at",
            Self::TooFar(_) => "starts_at",
            Self::Names(field) => field,
            Self::Amount(_) => "amount",
            Self::Reason => "reason",
        }
    }
}

impl Delegation {
    /// Looks whether it can be made now.
    ///
    /// *Errors*: the first fault, with its field.
    pub fn check(&self, now: Timestamp) -> Result<(), DelegationFault> {
        if !is_name(&self.to) {
            return Err(DelegationFault::Nobody);
        }
        if self.to == self.from {
            return Err(DelegationFault::Oneself(self.from.clone()));
        }
        let after = self.starts_at.max(now);
        if self.ends_at <= after {
            let ends_at = self.ends_at;
            return Err(DelegationFault::Over { ends_at, after });
        }
        if self.starts_at > now.plus(LONGEST) {
            return Err(DelegationFault::TooFar(self.starts_at));
        }
        if self.ends_at > self.starts_at.plus(LONGEST) {
            return Err(DelegationFault::TooLong(self.ends_at));
        }
        let reason = self.reason.as_ref();
        if reason.is_some_and(|reason| reason.len() > MAX_REASON_BYTES) {
            return Err(DelegationFault::Reason);
        }
        self.scope.check()
    }

    /// Gives when it is over: at its end, or earlier when it was taken back.
    pub fn over_at(&self) -> Timestamp {
        self.revoked_at
            .map_or(self.ends_at, |at| at.min(self.ends_at))
    }

    /// Tells whether it stands: it has begun, has not ended, and was not taken back.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.starts_at <= now && !self.is_over(now)
    }

    /// Tells whether it has ended, or was taken back.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.over_at() <= now
    }

    /// Tells whether it reaches as far as this; what is not known, no narrowed one reaches.
    pub fn covers(&self, wish: &Wish<'_>) -> bool {
        let scope = self.scope.clone();
        let grant = Grant {
            verbs: vec![Verb::Approve],
            actions: scope.actions,
            channels: scope.channels,
            segments: scope.segments,
            amount: scope.amount,
        };
        grant.allows(wish)
    }

    /// Gives what is published.
    pub fn to_published(&self) -> Value {
        let mut data = json!({
            "delegation_id": self.delegation_id, "from": self.from, "to": self.to,
            "scope": self.scope, "starts_at": self.starts_at, "ends_at": self.ends_at,
        });
        if let Some(reason) = &self.reason {
            data["reason"] = json!(reason);
        }
        data
    }

    /// Gives what is on record in the audit log: without the reason, which is anybody's words.
    pub fn to_effect(&self, effect: &str) -> Value {
        let mut data = self.to_published();
        if let Some(members) = data.as_object_mut() {
            members.remove("reason");
        }
        data["effect"] = json!(effect);
        data
    }

    /// Says to the stand-in what it is.
    pub fn say(&self) -> String {
        let Self {
            from,
            starts_at,
            ends_at,
            ..
        } = self;
        let reach = self.scope.say();
        format!("you stand in for {from} in approvals from {starts_at} to {ends_at}{reach}")
    }
}

impl Scope {
    fn check(&self) -> Result<(), DelegationFault> {
        for (field, names) in self.lists() {
            let is_meant = names.len() <= MAX_NAMES && names.iter().all(|name| is_name(name));
            if !is_meant {
                return Err(DelegationFault::Names(field));
            }
        }
        match self.amount {
            Some(amount) if amount.is_sign_negative() => Err(DelegationFault::Amount(amount)),
            Some(_) | None => Ok(()),
        }
    }

    fn lists(&self) -> [(&'static str, &[String]); 3] {
        [
            ("actions", &self.actions),
            ("channels", &self.channels),
            ("segments", &self.segments),
        ]
    }

    fn say(&self) -> String {
        let lists = self.lists().into_iter();
        let lists = lists.filter(|(_, names)| !names.is_empty());
        let mut said: Vec<String> = lists
            .map(|(what, names)| format!("{what} {}", names.join(" or ")))
            .collect();
        said.extend(self.amount.map(|amount| format!("amounts up to {amount}")));
        if said.is_empty() {
            return String::new();
        }
        format!(", for {}", said.join(", "))
    }
}

fn is_name(name: &str) -> bool {
    let is_short = (1..=MAX_NAME_BYTES).contains(&name.len());
    is_short && name.trim() == name && !name.chars().any(char::is_control)
}

/// An amount as a JSON number, digit by digit.
pub mod amount {
    use rust_decimal::Decimal;
    use serde::{
        Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _,
    };
    use serde_json::Number;

    use crate::domain::decimal;

    /// Writes it.
    pub fn serialize<S: Serializer>(
        amount: &Option<Decimal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let number = amount.map(|amount| amount.to_string().parse::<Number>());
        let number = number.transpose().map_err(S::Error::custom)?;
        number.serialize(serializer)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Decimal>, D::Error> {
        let number = Option::<Number>::deserialize(deserializer)?;
        let read = |number: Number| {
            let no_amount = || D::Error::custom(format!("`{number}` is no amount"));
            decimal::read(number.as_str()).ok_or_else(no_amount)
        };
        number.map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Amount;

    const DAY: Span = Span::from_secs(86_400);

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-21T10:00:00Z").expect("a time")
    }

    fn delegation() -> Delegation {
        Delegation {
            delegation_id: "dlg_1".to_owned(),
            from: "ann".to_owned(),
            from_roles: vec!["manager".to_owned()],
            to: "bob".to_owned(),
            starts_at: now(),
            ends_at: now().plus(DAY),
            created_at: now(),
            ..Delegation::default()
        }
    }

    fn fault(change: impl FnOnce(&mut Delegation)) -> Option<&'static str> {
        let mut changed = delegation();
        change(&mut changed);
        changed.check(now()).err().map(|fault| fault.field())
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_field() {
        let days = |count: i64| now().plus(Span::from_micros(DAY.micros() * count));
        let second = Span::from_secs(1);
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|it| it.to = "ann".to_owned()), Some("to"));
        for to in ["", " ", " bob", "b\0b", &"b".repeat(201)] {
            assert_eq!(fault(|it| to.clone_into(&mut it.to)), Some("to"), "{to:?}");
        }
        assert_eq!(fault(|it| it.ends_at = now()), Some("ends_at"));
        assert_eq!(fault(|it| it.ends_at = it.starts_at), Some("ends_at"));
        assert_eq!(fault(|it| it.ends_at = days(90)), None);
        assert_eq!(
            fault(|it| it.ends_at = days(90).plus(second)),
            Some("ends_at")
        );
        let begins = |at: Timestamp| {
            fault(|it| {
                it.starts_at = at;
                it.ends_at = at.plus(DAY);
            })
        };
        assert_eq!(begins(days(90)), None);
        assert_eq!(begins(days(90).plus(second)), Some("starts_at"));
        assert_eq!(begins(days(-2)), Some("ends_at"));
        for names in [vec![String::new()], vec!["a".to_owned(); 101]] {
            let scoped = |set: fn(&mut Scope) -> &mut Vec<String>| {
                fault(|it| set(&mut it.scope).clone_from(&names))
            };
            assert_eq!(scoped(|scope| &mut scope.actions), Some("actions"));
            assert_eq!(scoped(|scope| &mut scope.channels), Some("channels"));
            assert_eq!(scoped(|scope| &mut scope.segments), Some("segments"));
        }
        let amount = |amount: i64| fault(|it| it.scope.amount = Some(Decimal::from(amount)));
        assert_eq!((amount(0), amount(-1)), (None, Some("amount")));
        assert_eq!(
            fault(|it| it.reason = Some("x".repeat(1_001))),
            Some("reason")
        );
    }

    #[test]
    fn it_stands_from_its_beginning_to_its_end_unless_it_is_taken_back() {
        let mut it = delegation();
        let second = Span::from_secs(1);
        assert!(!it.is_live(now().minus(second)));
        assert!(it.is_live(now()) && it.is_live(it.ends_at.minus(second)));
        assert!(!it.is_live(it.ends_at));
        it.revoked_at = Some(now().plus(second));
        assert!(it.is_live(now()) && !it.is_live(now().plus(second)));
        it.revoked_at = Some(it.ends_at.plus(DAY));
        assert_eq!(it.over_at(), it.ends_at);
    }

    #[test]
    fn it_reaches_as_far_as_its_scope_and_covers_approving_alone() {
        let wish = Wish {
            action: Some("refund_part"),
            channel: Some("web"),
            segment: None,
            amount: Amount::Of(Decimal::from(100)),
            ..Wish::to(Verb::Approve)
        };
        let covers = |scope: Scope, wish: &Wish<'_>| {
            Delegation {
                scope,
                ..delegation()
            }
            .covers(wish)
        };
        let names = |name: &str| vec![name.to_owned()];
        let of = |actions: &str, amount: i64| Scope {
            actions: names(actions),
            amount: Some(Decimal::from(amount)),
            ..Scope::default()
        };
        assert!(covers(Scope::default(), &wish));
        assert!(covers(of("refund*", 100), &wish));
        assert!(!covers(of("refund", 100), &wish));
        assert!(!covers(of("refund*", 99), &wish));
        let unreadable = Wish {
            amount: Amount::Unreadable,
            ..wish
        };
        assert!(!covers(of("refund*", 100), &unreadable));
        let segment = Scope {
            segments: names("vip"),
            ..Scope::default()
        };
        assert!(!covers(segment, &wish), "the segment is not known");
        let other = Wish {
            verb: Verb::Request,
            ..wish
        };
        assert!(!covers(Scope::default(), &other));
    }

    #[test]
    fn it_reads_back_and_is_published_with_its_amount_as_a_number() {
        let mut it = delegation();
        it.scope.amount = Some(Decimal::new(50_050, 2));
        it.scope.actions = vec!["refund*".to_owned()];
        it.reason = Some("on holiday".to_owned());
        let text = serde_json::to_string(&it).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Delegation>(&text).expect("reads"),
            it
        );
        assert_eq!(
            it.to_published().to_string(),
            r#"{"delegation_id":"dlg_1","ends_at":"2026-11-22T10:00:00Z","from":"ann","reason":"on holiday","scope":{"actions":["refund*"],"amount":500.50},"starts_at":"2026-11-21T10:00:00Z","to":"bob"}"#
        );
        let effect = it.to_effect("delegation_created");
        assert_eq!(effect["effect"], "delegation_created");
        assert!(effect.get("reason").is_none(), "{effect}");
        assert_eq!(
            it.say(),
            "you stand in for ann in approvals from 2026-11-21T10:00:00Z to 2026-11-22T10:00:00Z, for actions refund*, amounts up to 500.50"
        );
    }
}
