//! Answers of reads, kept for a while.
//!
//! What is kept is found by everything that was sent but for the request's own key: the same
//! parameters under another customer, or after the integration moved, are another question.
//! Bounded in number and in size; the oldest goes first. One for a daemon; cleared when the
//! policy is loaded anew.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Prepared;
use crate::domain::time::{Span, Timestamp};

/// Names a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// An answer and how long it is good.
#[derive(Clone, Debug)]
struct Entry {
    answer: Value,
    size: usize,
    until: Timestamp,
    /// Which of the entries of this key it is; the order names each.
    number: u64,
}

/// The answers that are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    max_entries: usize,
    max_bytes: usize,
    bytes: usize,
    next: u64,
    entries: HashMap<Key, Entry>,
    /// Oldest first; of an entry that was replaced the old place stays until it is its turn.
    order: VecDeque<(Key, u64)>,
}

/// Names the question that an action asks; `None` for what is no read.
pub fn key(action: &str, prepared: &Prepared) -> Option<Key> {
    if !prepared.is_safe() {
        return None;
    }
    let mut asked = prepared.clone();
    if let Prepared::Http(call) = &mut asked {
        call.headers.retain(|(name, _)| name != "Idempotency-Key");
    }
    let asked = serde_json::to_vec(&asked).ok()?;
    let mut hash = Sha256::new();
    hash.update(action.len().to_be_bytes());
    hash.update(action.as_bytes());
    hash.update(asked);
    Some(Key(hash.finalize().into()))
}

impl Cache {
    /// Makes an empty one that keeps so many answers, and so many bytes of them as JSON.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            max_entries,
            max_bytes,
            bytes: 0,
            next: 0,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Gives the answer to a question, if it is still good.
    pub fn find(&self, key: Key, now: Timestamp) -> Option<&Value> {
        let entry = self.entries.get(&key)?;
        (now < entry.until).then_some(&entry.answer)
    }

    /// Keeps an answer for `good_for`; one that is larger than all that may be kept is not.
    pub fn keep(&mut self, key: Key, answer: Value, good_for: Span, now: Timestamp) {
        self.forget(key);
        let size = answer.to_string().len();
        if size > self.max_bytes || self.max_entries == 0 {
            return;
        }
        while self.entries.len() >= self.max_entries || self.bytes + size > self.max_bytes {
            let Some((oldest, number)) = self.order.pop_front() else {
                break;
            };
            self.forget_numbered(oldest, number);
        }
        let number = self.next;
        self.next += 1;
        self.bytes += size;
        self.order.push_back((key, number));
        let entry = Entry {
            answer,
            size,
            until: now.plus(good_for),
            number,
        };
        self.entries.insert(key, entry);
        self.tidy();
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.bytes = 0;
    }

    /// Gives how many answers are kept, and how many bytes they are.
    pub fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn forget(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.bytes -= entry.size;
        }
    }

    fn forget_numbered(&mut self, key: Key, number: u64) {
        if self
            .entries
            .get(&key)
            .is_some_and(|entry| entry.number == number)
        {
            self.forget(key);
        }
    }

    /// Drops the old places of what was replaced, before they are more than what is kept.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.max_entries {
            let entries = &self.entries;
            self.order.retain(|(key, number)| {
                entries
                    .get(key)
                    .is_some_and(|entry| entry.number == *number)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        connectors::{http::Call, sql::Query},
        domain::integration::HttpMethod,
    };

    const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
    const LONG: Span = Span::from_secs(3_600);

    fn call(method: HttpMethod, url: &str, headers: &[(&str, &str)]) -> Prepared {
        let headers = headers.iter();
        Prepared::Http(Call {
            method,
            url: url.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: None,
        })
    }

    fn numbered(number: u32) -> Key {
        key("read", &call(HttpMethod::Get, &number.to_string(), &[])).expect("a read")
    }

    #[test]
    fn the_same_question_is_known_again_and_another_is_not() {
        let get =
            |url, headers: &[(&str, &str)]| key("look_up", &call(HttpMethod::Get, url, headers));
        let asked = get(
            "https://x/1",
            &[("Idempotency-Key", "a"), ("X-Customer", "ann")],
        );
        assert!(asked.is_some());
        let again = get(
            "https://x/1",
            &[("Idempotency-Key", "b"), ("X-Customer", "ann")],
        );
        assert_eq!(asked, again);
        let other_customer = get(
            "https://x/1",
            &[("Idempotency-Key", "a"), ("X-Customer", "bob")],
        );
        let other_url = get("https://x/2", &[("X-Customer", "ann")]);
        let other_action = key(
            "see",
            &call(HttpMethod::Get, "https://x/1", &[("X-Customer", "ann")]),
        );
        for other in [other_customer, other_url, other_action] {
            assert_ne!(asked, other);
        }
        assert_eq!(key("do", &call(HttpMethod::Post, "https://x/1", &[])), None);
        let query = |bind: Value, writes| Query {
            statement: "SELECT $1".to_owned(),
            binds: vec![bind],
            writes,
            max_rows: 1,
        };
        let sql = |bind: Value, writes| key("look_up", &Prepared::Sql(query(bind, writes)));
        assert_ne!(sql(json!(1), false), sql(json!("1"), false));
        assert_eq!(sql(json!(1), true), None);
    }

    #[test]
    fn an_answer_is_good_for_its_time() {
        let mut cache = Cache::new(10, 1_000);
        cache.keep(numbered(1), json!("a"), Span::from_secs(30), NOW);
        let later = |seconds| NOW.plus(Span::from_secs(seconds));
        assert_eq!(cache.find(numbered(1), later(29)), Some(&json!("a")));
        assert_eq!(cache.find(numbered(1), later(30)), None);
        assert_eq!(cache.find(numbered(2), NOW), None);
        cache.keep(numbered(1), json!("b"), Span::from_secs(30), later(30));
        assert_eq!(cache.find(numbered(1), later(30)), Some(&json!("b")));
        cache.clear();
        assert_eq!((cache.find(numbered(1), NOW), cache.size()), (None, (0, 0)));
    }

    #[test]
    fn it_stays_within_its_bounds_and_the_oldest_goes_first() {
        let mut cache = Cache::new(3, 20);
        for number in 0..5 {
            cache.keep(numbered(number), json!(number), LONG, NOW);
        }
        assert_eq!(cache.size(), (3, 3));
        assert_eq!(cache.find(numbered(1), NOW), None);
        assert_eq!(cache.find(numbered(2), NOW), Some(&json!(2)));
        // Kept anew, it is the newest.
        cache.keep(numbered(2), json!(22), LONG, NOW);
        cache.keep(numbered(5), json!(5), LONG, NOW);
        assert_eq!(cache.find(numbered(2), NOW), Some(&json!(22)));
        assert_eq!(cache.find(numbered(3), NOW), None);
        cache.keep(numbered(6), json!("x".repeat(18)), LONG, NOW);
        assert_eq!(cache.size(), (1, 20));
        cache.keep(numbered(7), json!("x".repeat(19)), LONG, NOW);
        assert_eq!(cache.find(numbered(7), NOW), None);
        for _ in 0..100 {
            cache.keep(numbered(1), json!(1), LONG, NOW);
        }
        assert!(cache.order.len() <= 6, "{}", cache.order.len());
    }
}
