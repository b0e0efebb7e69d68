//! A history while a batch is decided: requests join it, and leave it when they come to nothing.
//!
//! It starts with what the database has and is carried forward with what the batch itself
//! changes, so that two requests in one batch see one another.

use std::{collections::BTreeMap, sync::Arc};

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{History, HistoryAsk};
use crate::domain::{decimal, request::Request, time::Timestamp};

/// What requests come to, in a form that they can leave again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    count: i64,
    params: BTreeMap<String, Total>,
}

/// What one parameter comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Total {
    sum: Decimal,
    /// How many were numbers.
    numbers: i64,
    /// How many were something else.
    others: i64,
    /// Whether the sum was once too large; there is no way back from that.
    is_lost: bool,
}

/// A history that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// What was asked for.
    ask: HistoryAsk,
    /// Requests of before are not part of it.
    since: Timestamp,
    /// What it came to; `None`: it was too long to be read.
    past: Option<Past>,
}

impl Past {
    /// Takes a request in, by its parameters.
    pub fn join(&mut self, params: &Map<String, Value>) {
        self.count += 1;
        self.each(params, 1);
    }

    /// Takes a request out that joined before.
    pub fn leave(&mut self, params: &Map<String, Value>) {
        self.count -= 1;
        self.each(params, -1);
    }

    fn each(&mut self, params: &Map<String, Value>, sign: i64) {
        for (name, value) in params {
            let total = self.params.entry(name.clone()).or_default();
            match decimal::of(value) {
                Some(amount) => total.add(amount, sign),
                None => total.others += sign,
            }
        }
    }

    /// Gives what rules see of it.
    pub fn history(&self) -> History {
        let mut history = History {
            count: self.count,
            ..History::default()
        };
        for (name, total) in &self.params {
            if total.numbers > 0 {
                history.amounts.insert(name.clone(), total.sum);
            }
            if total.others > 0 || total.is_lost {
                history.unreadable.insert(name.clone());
            }
        }
        history
    }
}

impl Total {
    fn add(&mut self, amount: Decimal, sign: i64) {
        self.numbers += sign;
        let sum = if sign > 0 {
            self.sum.checked_add(amount)
        } else {
            self.sum.checked_sub(amount)
        };
        match sum {
            Some(sum) => self.sum = sum,
            None => self.is_lost = true,
        }
    }
}

impl Recalled {
    /// Keeps what the database knows; `None`: it was too long to be read.
    pub fn new(ask: HistoryAsk, since: Timestamp, past: Option<Past>) -> Self {
        Self { ask, since, past }
    }

    /// Carries a request's change forward: what it was before, as far as it was there, and what it is now.
    pub fn moved(&mut self, before: Option<&Request>, now: Option<&Request>) {
        let (was, is) = (before.filter(|one| self.holds(one)), now);
        let is = is.filter(|one| self.holds(one));
        let Some(past) = &mut self.past else {
            return;
        };
        if let Some(request) = was {
            past.leave(&request.params);
        }
        if let Some(request) = is {
            past.join(&request.params);
        }
    }

    /// Gives it as it is for a request that is judged, which is no part of its own history.
    pub fn without(&self, judged: Option<&Request>) -> Option<Arc<History>> {
        let mut own = Self::clone(self);
        own.moved(judged, None);
        own.past.map(|past| Arc::new(past.history()))
    }

    fn holds(&self, request: &Request) -> bool {
        request.requested_at > self.since && self.ask.holds(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn what_leaves_a_history_leaves_nothing_behind_but_a_sum_that_was_lost() {
        let (plain, text) = (params(r#"{"a": 0.10}"#), params(r#"{"a": "x"}"#));
        let mut past = Past::default();
        past.join(&plain);
        past.join(&text);
        assert_eq!(past.history().sum("a"), None);
        past.leave(&text);
        assert_eq!(past.history(), History::of([&plain]));
        let most = params(&format!(r#"{{"a": {}}}"#, Decimal::MAX));
        past.join(&most);
        past.join(&most);
        past.leave(&most);
        assert_eq!((past.history().count, past.history().sum("a")), (2, None));
    }
}
