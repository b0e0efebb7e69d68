//! Conditions: the data part of a rule, matched natively before any closure is called.
//!
//! All conditions of a rule must hold, in the order of [`Conditions::first_unmet`].
//! Channels and segments are first sieved by bits, so that a rule that does not
//! apply costs a few nanoseconds.

use std::{collections::HashMap, sync::Arc};

use rhai::{FnPtr, Map};
use rust_decimal::Decimal;

use super::{
    facts,
    spec::{
        Key, Takes, by_at, closure_at, decimal, optional, required, span_at, text_at, texts_at,
    },
    words::Keywords,
};
use crate::domain::{
    access::fits,
    facts::Facts,
    history::{By, HistoryAsk, NoKey, Whose},
    time::{Span, Timestamp},
    words::normalise,
};

/// The conditions that every rule kind about events has, by name.
pub(super) const CONDITION_KEYS: &[Key] = &[
    optional(
        "channels",
        Takes::Texts,
        "the conversation's channel is one of these",
    ),
    optional(
        "keywords",
        Takes::Texts,
        "one of these words or phrases stands in the message: whole words, any case, any script",
    ),
    optional(
        "segments",
        Takes::Texts,
        "the customer's segment is one of these",
    ),
    optional(
        "when",
        Takes::Closure,
        "answers `true`; asked last, and only if the data above holds",
    ),
];

/// The conditions of the rule kinds about requests for actions, by name.
pub(super) const GATE_KEYS: &[Key] = &[
    required(
        "action",
        Takes::Actions,
        "the action or actions; `NAME*` for all that begin so, `*` for every one",
    ),
    optional(
        "channels",
        Takes::Texts,
        "the conversation's channel is one of these",
    ),
    optional("history", Takes::History, HISTORY_DOC),
    optional(
        "roles",
        Takes::Askers,
        "whoever asks acts with one of these roles",
    ),
    optional(
        "segments",
        Takes::Texts,
        "the customer's segment is one of these",
    ),
    optional(
        "when",
        Takes::Closure,
        "answers `true`; asked last, and only if the data above holds",
    ),
];

/// The conditions of the rule kinds about tickets, by name.
pub(super) const TICKET_KEYS: &[Key] = &[
    optional(
        "categories",
        Takes::Texts,
        "the ticket's category is one of these",
    ),
    optional(
        "channels",
        Takes::Texts,
        "the conversation's channel is one of these",
    ),
    optional(
        "segments",
        Takes::Texts,
        "the customer's segment is one of these",
    ),
    optional(
        "teams",
        Takes::Teams,
        "the team on the ticket is one of these",
    ),
    optional(
        "when",
        Takes::Closure,
        "answers `true`; asked last, and only if the data above holds",
    ),
];

/// What the key `history` means.
const HISTORY_DOC: &str = "what of the past the closures look at, as `e.history.NAME`";

/// The further conditions of rules that fire.
pub(super) const FIRING_KEYS: &[Key] = &[
    optional(
        "cooldown",
        Takes::Duration,
        "fires once per conversation in that time",
    ),
    optional("history", Takes::History, HISTORY_DOC),
    optional(
        "sentiment_below",
        Takes::Sentiment,
        "the message's own sentiment is below; absent, it does not hold",
    ),
];

/// The data conditions of a rule, and its closure.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// The actions, by name or beginning; empty: every one.
    pub(super) actions: Vec<String>,
    /// The roles of whoever asks for an action.
    pub(super) roles: Vec<String>,
    pub(super) channels: Vec<String>,
    pub(super) segments: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) teams: Vec<String>,
    pub(super) sentiment_below: Option<Decimal>,
    /// Normalised.
    pub(super) keywords: Vec<String>,
    /// Their indices in the policy's [`Keywords`].
    pub(super) keyword_indices: Vec<usize>,
    pub(super) cooldown: Option<Span>,
    pub(super) when: Option<FnPtr>,
    /// What of the past its closures look at.
    pub(super) histories: Arc<[Declared]>,
}

/// A history that a rule declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// What the rule calls it.
    pub(super) name: String,
    /// The action whose requests count.
    pub(super) action: String,
    /// Whose.
    pub(super) by: By,
    /// How far back.
    pub(super) window: Span,
}

impl Declared {
    /// Gives what is to be loaded for it.
    ///
    /// *Errors*: it is not known whose history it would be.
    pub(super) fn ask(&self, whose: &Whose) -> Result<HistoryAsk, NoKey> {
        Ok(HistoryAsk {
            name: self.name.clone(),
            action: self.action.clone(),
            by: self.by,
            key: self.by.key(whose)?,
            window: self.window,
        })
    }

    fn read(map: &Map) -> Arc<[Self]> {
        let named = map.get("history").and_then(|value| value.as_map_ref().ok());
        let each = named.iter().flat_map(|named| named.iter());
        each.filter_map(|(name, one)| {
            let one = one.as_map_ref().ok()?;
            Some(Self {
                name: name.to_string(),
                action: text_at(&one, "action")?,
                by: by_at(&one, "by").unwrap_or_default(),
                window: span_at(&one, "window")?,
            })
        })
        .collect()
    }
}

/// What the facts of one event hold for conditions, found once.
pub(super) struct Met<'a> {
    pub(super) facts: &'a Facts,
    pub(super) channel: Option<&'a str>,
    pub(super) segment: Option<&'a str>,
    pub(super) category: Option<&'a str>,
    pub(super) team: Option<&'a str>,
    pub(super) sentiment: Option<Decimal>,
    /// The text in which keywords were looked for; empty when there is none.
    pub(super) text: String,
    hits: Vec<u64>,
}

impl<'a> Met<'a> {
    /// Looks at the facts of an event.
    pub(super) fn of_event(facts: &'a Facts, keywords: &Keywords) -> Self {
        let text = facts::message_text(facts)
            .map(normalise)
            .unwrap_or_default();
        Self::new(facts, text, keywords)
    }

    /// Looks at the facts of an event and the draft that a route is sought for.
    pub(super) fn of_draft(facts: &'a Facts, keywords: &Keywords) -> Self {
        let draft = facts.state.draft.as_deref();
        let parts = [
            draft.map(|draft| draft.subject.as_str()),
            draft.and_then(|draft| draft.description.as_deref()),
            facts::message_text(facts),
        ];
        // No phrase may reach from one part into the next.
        let parts: Vec<String> = parts.into_iter().flatten().map(normalise).collect();
        Self::new(facts, parts.join("\u{1f}"), keywords)
    }

    /// Looks at the facts of a ticket. Where the conversation is not at hand, the ticket still knows
    /// where it came from.
    pub(super) fn of_ticket(facts: &'a Facts, keywords: &Keywords) -> Self {
        let ticket = facts.state.ticket.as_deref();
        let context = ticket.and_then(|ticket| ticket.context.as_ref());
        let of_context = |key: &str| context?.customer.get(key)?.as_str();
        let mut met = Self::new(facts, String::new(), keywords);
        met.channel = met
            .channel
            .or_else(|| context.map(|context| context.channel.as_str()));
        met.segment = met.segment.or_else(|| of_context("segment"));
        met.category = ticket.and_then(|ticket| ticket.category.as_deref());
        met.team = ticket.and_then(|ticket| ticket.team.as_deref());
        met
    }

    fn new(facts: &'a Facts, text: String, keywords: &Keywords) -> Self {
        let mut hits = vec![0_u64; keywords.words().len().div_ceil(64)];
        keywords.find(&text, |index| hits[index / 64] |= 1 << (index % 64));
        Self {
            facts,
            channel: facts::channel(facts),
            segment: facts::segment(facts),
            category: facts
                .state
                .draft
                .as_deref()
                .and_then(|draft| draft.category.as_deref()),
            team: None,
            sentiment: facts::sentiment(facts),
            text,
            hits,
        }
    }

    fn hit(&self, index: usize) -> bool {
        self.hits
            .get(index / 64)
            .is_some_and(|bits| bits & (1 << (index % 64)) != 0)
    }

    /// Calls `on_hit` with the index of each keyword that was found.
    pub(super) fn each_hit(&self, mut on_hit: impl FnMut(usize)) {
        for (word, bits) in self.hits.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                on_hit(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

impl Conditions {
    /// Reads the conditions of a checked map.
    pub(super) fn read(map: &Map) -> Self {
        let mut actions = texts_at(map, "action");
        if actions.iter().any(|action| action == "*") {
            actions.clear();
        }
        Self {
            actions,
            roles: texts_at(map, "roles"),
            channels: texts_at(map, "channels"),
            segments: texts_at(map, "segments"),
            categories: texts_at(map, "categories"),
            teams: texts_at(map, "teams"),
            sentiment_below: map.get("sentiment_below").and_then(decimal),
            keywords: texts_at(map, "keywords")
                .iter()
                .map(|word| normalise(word))
                .filter(|word| !word.is_empty())
                .collect(),
            keyword_indices: Vec::new(),
            cooldown: span_at(map, "cooldown"),
            when: closure_at(map, "when"),
            histories: Declared::read(map),
        }
    }

    /// Gives the first condition that does not hold; `when` is not asked.
    pub(super) fn first_unmet(&self, rule: &str, met: &Met) -> Option<&'static str> {
        if !self.concerns(met) {
            Some("action")
        } else if !self.is_asked_by(met) {
            Some("roles")
        } else if !among(&self.channels, met.channel) {
            Some("channels")
        } else if !among(&self.segments, met.segment) {
            Some("segments")
        } else if !among(&self.categories, met.category) {
            Some("categories")
        } else if !among(&self.teams, met.team) {
            Some("teams")
        } else if self
            .sentiment_below
            .is_some_and(|bound| met.sentiment.is_none_or(|sentiment| sentiment >= bound))
        {
            Some("sentiment_below")
        } else if !self.keywords.is_empty()
            && !self.keyword_indices.iter().any(|&index| met.hit(index))
        {
            Some("keywords")
        } else if self.cooled_from(rule, met).is_some() {
            Some("cooldown")
        } else {
            None
        }
    }

    fn concerns(&self, met: &Met) -> bool {
        let mut wanted = self.actions.iter();
        self.actions.is_empty()
            || facts::action(met.facts)
                .is_some_and(|action| wanted.any(|pattern| fits(pattern, action)))
    }

    fn is_asked_by(&self, met: &Met) -> bool {
        let mut wanted = self.roles.iter();
        self.roles.is_empty() || wanted.any(|role| facts::acts_as(met.facts, role))
    }

    /// Gives when the rule last fired, if that is too short ago.
    fn cooled_from(&self, rule: &str, met: &Met) -> Option<Timestamp> {
        let cooldown = self.cooldown?;
        let conversation = met.facts.state.conversation.as_ref()?;
        conversation
            .cooldowns
            .get(rule)
            .copied()
            .filter(|last| met.facts.state.now < last.plus(cooldown))
    }

    /// Words what a condition asks for and what it met.
    pub(super) fn describe(&self, condition: &str, rule: &str, met: &Met) -> (String, String) {
        let or_nothing = |text: Option<&str>| text.map_or_else(|| "()".to_owned(), str::to_owned);
        match condition {
            "action" => (
                self.actions.join(", "),
                or_nothing(facts::action(met.facts)),
            ),
            "roles" => (self.roles.join(", "), facts::roles(met.facts).join(", ")),
            "channels" => (self.channels.join(", "), or_nothing(met.channel)),
            "segments" => (self.segments.join(", "), or_nothing(met.segment)),
            "categories" => (self.categories.join(", "), or_nothing(met.category)),
            "teams" => (self.teams.join(", "), or_nothing(met.team)),
            "sentiment_below" => (
                self.sentiment_below
                    .map(|bound| bound.to_string())
                    .unwrap_or_default(),
                met.sentiment
                    .map_or_else(|| "()".to_owned(), |sentiment| sentiment.to_string()),
            ),
            "keywords" => (self.keywords.join(", "), shortened(&met.text)),
            _ => (
                self.cooldown
                    .map(|span| span.to_string())
                    .unwrap_or_default(),
                self.cooled_from(rule, met)
                    .map(|last| format!("fired at {last}"))
                    .unwrap_or_default(),
            ),
        }
    }

    /// Tells whether all that these conditions of an `sla` let through, the earlier ones do for sure.
    pub(super) fn are_covered_by(&self, earlier: &Self) -> bool {
        earlier.when.is_none()
            && takes_all(&earlier.categories, &self.categories)
            && takes_all(&earlier.channels, &self.channels)
            && takes_all(&earlier.segments, &self.segments)
            && takes_all(&earlier.teams, &self.teams)
    }

    /// Tells whether nothing at all is asked for.
    pub(super) fn is_open(&self) -> bool {
        self.actions.is_empty()
            && self.roles.is_empty()
            && self.channels.is_empty()
            && self.segments.is_empty()
            && self.categories.is_empty()
            && self.teams.is_empty()
            && self.keywords.is_empty()
            && self.sentiment_below.is_none()
            && self.cooldown.is_none()
            && self.when.is_none()
    }
}

/// Tells whether one list lets all through that another does; an empty one lets all through.
fn takes_all(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
}

fn among(wanted: &[String], met: Option<&str>) -> bool {
    wanted.is_empty() || met.is_some_and(|met| wanted.iter().any(|one| one == met))
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 120;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if text.is_empty() => "()".to_owned(),
        None => text.replace('\u{1f}', " | "),
    }
}

/// Bits by which a rule that does not apply is passed over without looking at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sieve {
    channels: u64,
    segments: u64,
}

/// What stands for no value, or one that no rule names.
const OTHER: u64 = 1 << 62;
/// What stands for every value past the first 62.
const MANY: u64 = 1 << 63;

/// The bits of the values that rules name.
#[derive(Debug, Default)]
pub(super) struct Bits {
    channels: HashMap<String, u64>,
    segments: HashMap<String, u64>,
}

impl Bits {
    /// Gives the sieve of a rule, taking up the values that it names.
    pub(super) fn sieve(&mut self, conditions: &Conditions) -> Sieve {
        Sieve {
            channels: bits_of(&mut self.channels, &conditions.channels),
            segments: bits_of(&mut self.segments, &conditions.segments),
        }
    }

    /// Gives the bits of an event.
    pub(super) fn met(&self, met: &Met) -> Sieve {
        Sieve {
            channels: bit(&self.channels, met.channel),
            segments: bit(&self.segments, met.segment),
        }
    }
}

impl Sieve {
    /// Tells whether a rule may apply to what was met; a look at its conditions decides.
    pub(super) fn lets_through(self, met: Self) -> bool {
        self.channels & met.channels != 0 && self.segments & met.segments != 0
    }
}

fn bits_of(known: &mut HashMap<String, u64>, values: &[String]) -> u64 {
    if values.is_empty() {
        return u64::MAX;
    }
    values.iter().fold(0, |bits, value| {
        let next = if known.len() < 62 {
            1 << known.len()
        } else {
            MANY
        };
        bits | *known.entry(value.clone()).or_insert(next)
    })
}

fn bit(known: &HashMap<String, u64>, value: Option<&str>) -> u64 {
    value
        .and_then(|value| known.get(value))
        .copied()
        .unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sieve_holds_back_only_what_does_not_apply() {
        let mut bits = Bits::default();
        let named: Vec<String> = (0..70).map(|n| format!("c{n}")).collect();
        let sieves: Vec<Sieve> = named
            .iter()
            .map(|name| {
                bits.sieve(&Conditions {
                    channels: vec![name.clone()],
                    ..Conditions::default()
                })
            })
            .collect();
        let open = bits.sieve(&Conditions::default());
        let met = |channel: &str| Sieve {
            channels: bit(&bits.channels, Some(channel)),
            segments: OTHER,
        };
        for (name, sieve) in named.iter().zip(&sieves) {
            assert!(sieve.lets_through(met(name)) && open.lets_through(met(name)));
            assert!(!sieve.lets_through(met("unheard of")));
        }
        assert!(!sieves[3].lets_through(met("c4")));
        assert!(sieves[65].lets_through(met("c66")), "many share a bit");
    }
}
