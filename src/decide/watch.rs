//! Watching for what is out of the usual: counted when a request passes for the first time, and at
//! each vote.
//!
//! A flag tells, and may have people decide; it never denies. It is told at most once for each
//! key and hour.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Case, Stop};
use crate::domain::{
    access::Amount,
    anomaly::{Anomaly, Flag, Measure, Watch},
    approval::Decision,
    decimal,
    history::Whose,
    ids::hex,
    notice::{Notice, NoticeKind},
    outcome::Change,
    request::{Request, digest},
    tally::{Tallied, Tally, TallyAsk, TallyKey, hour_of},
    world::Need,
};

/// The longest key that is kept as it is. *Units*: bytes.
const MAX_KEY_BYTES: usize = 512;

/// What a watch sees in a request or a vote.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    watch: &'a Watch,
    of: TallyKey,
    added: Tally,
    flag: Option<Flag>,
    /// Whether it was told before in this hour.
    was_told: bool,
}

impl Seen<'_> {
    /// Gives the watch, if people decide because of it.
    pub(super) fn raises(&self) -> Option<String> {
        let is_raised = self.flag.is_some() && self.watch.requires_approval;
        is_raised.then(|| self.watch.name.to_string())
    }
}

impl<'a> Case<'a> {
    /// Gives what the watches see in a new request.
    ///
    /// *Errors*: what must be loaded first.
    pub(super) fn watched(&self, request: &Request) -> Result<Vec<Seen<'a>>, Vec<Need>> {
        if self.action_of(request).is_none() {
            return Ok(Vec::new());
        }
        let policy = self.policy;
        let watches = policy.watches().iter();
        let measured = watches.filter_map(|watch| Some((watch, self.measured(watch, request)?)));
        self.seen(request, &Whose::of(request), measured)
    }

    /// Counts what somebody decides on an approval.
    pub(super) fn watch_vote(&mut self, request: &Request, decision: Decision) -> Result<(), Stop> {
        let policy = self.policy;
        let whose = Whose {
            actor: Some(self.actor().label()),
            ..Whose::of(request)
        };
        let added = Tally::vote(decision == Decision::Approve);
        let watches = policy.watches().iter();
        let votes = watches.filter(|watch| watch.measure == Measure::ApprovalRate);
        let measured = votes.map(|watch| (watch, added));
        let seen = self.seen(request, &whose, measured);
        let seen = seen.map_err(Stop::Needs)?;
        self.count(request, seen);
        Ok(())
    }

    /// Gives what a request adds to what is watched; `None` where it adds nothing.
    fn measured(&self, watch: &Watch, request: &Request) -> Option<Tally> {
        match watch.measure {
            Measure::Count | Measure::OffHours | Measure::Repeat => Some(Tally::request(None)),
            Measure::Sum => {
                let amount = match &watch.field {
                    Some(field) => param(request, field).and_then(decimal::of),
                    None => match self.action_of(request)?.amount_of(&request.params) {
                        Amount::Of(amount) => Some(amount),
                        Amount::None | Amount::Unreadable => None,
                    },
                };
                Some(Tally::request(Some(amount?)))
            }
            Measure::ApprovalRate => None,
        }
    }

    fn seen(
        &self,
        request: &Request,
        whose: &Whose,
        measured: impl Iterator<Item = (&'a Watch, Tally)>,
    ) -> Result<Vec<Seen<'a>>, Vec<Need>> {
        let hour = hour_of(self.now);
        let (mut seen, mut needs) = (Vec::new(), Vec::new());
        for (watch, added) in measured.filter(|(watch, _)| watch.concerns(&request.action)) {
            // What nobody is known for is not measured there.
            let Some(of) = self.tally_key(watch, request, whose) else {
                continue;
            };
            let hours = watch.hours(hour);
            match self.world.tally(&TallyAsk {
                of: of.clone(),
                hours,
            }) {
                Ok(tallies) => seen.push(Seen {
                    flag: watch.look(tallies, hour, added),
                    was_told: tallies.is_told(hour),
                    watch,
                    of,
                    added,
                }),
                Err(need) => needs.push(need),
            }
        }
        if needs.is_empty() {
            Ok(seen)
        } else {
            Err(needs)
        }
    }

    fn tally_key(&self, watch: &Watch, request: &Request, whose: &Whose) -> Option<TallyKey> {
        let known = self.conversation();
        let segment = known.and_then(|known| known.customer_text("segment"));
        let mut key = watch.key(whose, &request.action, segment).ok()?;
        if watch.measure == Measure::Repeat {
            let asked = digest(&request.action, &request.params);
            key = format!("{key} {}", hex(&asked[..16]));
        }
        // Ids that others choose may be of any length, and an index row may not.
        if key.len() > MAX_KEY_BYTES {
            key = format!("long {}", hex(&digest(&key, &Map::new())));
        }
        Some(TallyKey {
            name: watch.name.to_string(),
            key,
        })
    }

    /// Counts what was seen, and tells what is out of the usual.
    pub(super) fn count(&mut self, request: &Request, seen: Vec<Seen<'a>>) {
        let hour = hour_of(self.now);
        for one in seen {
            let flag = one.flag.filter(|_| !one.was_told);
            let added = Tally {
                is_told: flag.is_some(),
                ..one.added
            };
            if let Some(flag) = flag {
                self.tell_anomaly(request, &one, &flag);
            }
            self.change(Change::Tally(Tallied {
                keep_until: one.watch.keep_until(hour),
                of: one.of,
                hour,
                added,
            }));
        }
    }

    fn tell_anomaly(&mut self, request: &Request, seen: &Seen<'a>, flag: &Flag) {
        let anomaly = Anomaly {
            at: self.now,
            action: request.action.clone(),
            request_id: request.request_id.clone(),
            ..Anomaly::of(flag, seen.watch.measure, &seen.of)
        };
        self.publish("anomaly.detected", anomaly.to_published());
        self.record(anomaly.to_effect());
        let notice = Notice {
            kind: NoticeKind::Anomaly,
            about: request.request_id.clone(),
            title: format!("Out of the usual: {}", seen.watch.name),
            text: anomaly.say(),
            facts: vec![
                ("Action".to_owned(), request.action.clone()),
                ("Asked by".to_owned(), request.actor.id.clone()),
            ],
            link: self.way_back(),
            at: self.now,
            not_before: None,
            look_up: None,
        };
        self.tell(&seen.watch.notify, notice);
        self.change(Change::Anomaly(Arc::new(anomaly)));
    }
}

/// Gives a parameter by its name, or by the names on the way to it with dots between.
fn param<'r>(request: &'r Request, path: &str) -> Option<&'r Value> {
    if let Some(value) = request.params.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = request.params.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}
