//! Many requests in one call, for operations that take a list.
//!
//! Requests for the same action wait for one another, at most so many and at most so long.
//! The call's templates see `{{items}}`, the parameters of each in order; the answer is a list
//! as long, in the same order. What the call's end means, it means for each of them.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::domain::{
    action::Batch,
    ids::{hex, leading_16},
    time::Timestamp,
};

/// Requests that wait for others.
#[derive(Clone, Debug)]
pub struct Gathering<T> {
    batch: Batch,
    waiting: Vec<T>,
    /// When the first of them is done waiting.
    due: Option<Timestamp>,
}

/// Why an answer cannot be given to those who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitFault {
    /// It is no list.
    #[error("the answer to a batch is no list")]
    NoList,
    /// It is a list of another length.
    #[error("the answer has {found} parts for {wanted} requests")]
    Length {
        /// How many requests there were.
        wanted: usize,
        /// How many parts the answer has.
        found: usize,
    },
}

impl<T> Gathering<T> {
    /// Makes an empty one.
    pub fn new(batch: Batch) -> Self {
        Self {
            batch,
            waiting: Vec::new(),
            due: None,
        }
    }

    /// Keeps to other settings from here on.
    pub fn set(&mut self, batch: Batch) {
        self.batch = batch;
    }

    /// Takes a request in; gives all that wait when there are as many as one call takes.
    pub fn add(&mut self, request: T, now: Timestamp) -> Option<Vec<T>> {
        if self.waiting.is_empty() {
            self.due = Some(now.plus(self.batch.within));
        }
        self.waiting.push(request);
        let most = usize::try_from(self.batch.max).unwrap_or(usize::MAX);
        (self.waiting.len() >= most).then(|| self.leave())
    }

    /// Gives all that wait when the first of them has waited long enough.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Vec<T>> {
        self.due.is_some_and(|due| due <= now).then(|| self.leave())
    }

    /// Gives when the first of them has waited long enough; `None` while nothing waits.
    pub fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// Gives all that wait, now.
    pub fn leave(&mut self) -> Vec<T> {
        self.due = None;
        std::mem::take(&mut self.waiting)
    }
}

/// Gives the values that the templates of one call for all of them see.
pub fn compose<'p>(params: impl IntoIterator<Item = &'p Map<String, Value>>) -> Map<String, Value> {
    let items: Vec<Value> = params.into_iter().cloned().map(Value::Object).collect();
    Map::from_iter([("items".to_owned(), json!(items))])
}

/// Names the call by the keys of those in it, in order.
pub fn key<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    let mut hash = Sha256::new();
    for key in keys {
        hash.update(key.len().to_be_bytes());
        hash.update(key.as_bytes());
    }
    format!("batch-{}", hex(&leading_16(hash)))
}

/// Gives each of those who asked his part.
///
/// *Errors*: the answer is no list, or one of another length: whose is whose is not known.
pub fn split(answer: Value, wanted: usize) -> Result<Vec<Value>, SplitFault> {
    let Value::Array(parts) = answer else {
        return Err(SplitFault::NoList);
    };
    let found = parts.len();
    if found == wanted {
        Ok(parts)
    } else {
        Err(SplitFault::Length { wanted, found })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{template::filled, time::Span};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_795_000_000_000_000).plus(Span::from_millis(millis))
    }

    fn gathering(max: u32) -> Gathering<u32> {
        Gathering::new(Batch {
            max,
            within: Span::from_millis(50),
        })
    }

    #[test]
    fn a_call_leaves_when_it_is_full_or_its_first_request_waited_enough() {
        let mut gathering = gathering(3);
        assert_eq!((gathering.due(), gathering.take_due(at(0))), (None, None));
        assert_eq!(gathering.add(1, at(0)), None);
        assert_eq!(gathering.add(2, at(40)), None);
        assert_eq!(gathering.due(), Some(at(50)));
        assert_eq!(gathering.take_due(at(49)), None);
        assert_eq!(gathering.take_due(at(50)), Some(vec![1, 2]));
        assert_eq!(gathering.take_due(at(60)), None);
        assert_eq!(
            (gathering.add(3, at(70)), gathering.add(4, at(70))),
            (None, None)
        );
        assert_eq!(gathering.due(), Some(at(120)));
        assert_eq!(gathering.add(5, at(71)), Some(vec![3, 4, 5]));
        assert_eq!(gathering.due(), None);
    }

    #[test]
    fn the_body_holds_every_request_with_its_types() {
        let params = [json!({"id": "a", "n": 1}), json!({"id": "b"})];
        let params: Vec<Map<String, Value>> = params
            .iter()
            .map(|one| one.as_object().cloned().expect("an object"))
            .collect();
        let body = filled(&json!({"orders": "{{items}}"}), &compose(&params));
        assert_eq!(body, json!({"orders": [{"id": "a", "n": 1}, {"id": "b"}]}));
    }

    #[test]
    fn an_answer_of_another_length_is_nobodys() {
        assert_eq!(split(json!([1, null]), 2), Ok(vec![json!(1), json!(null)]));
        assert_eq!(
            split(json!([1]), 2),
            Err(SplitFault::Length {
                wanted: 2,
                found: 1
            })
        );
        assert_eq!(split(json!({"0": 1}), 1), Err(SplitFault::NoList));
    }

    #[test]
    fn the_same_requests_have_the_same_key_and_others_another() {
        assert_eq!(key(["a", "b"]), key(["a", "b"]));
        for other in [vec!["b", "a"], vec!["a"], vec!["ab"], vec!["a", "b", ""]] {
            assert_ne!(key(["a", "b"]), key(other));
        }
    }

    proptest! {
        #[test]
        fn every_request_leaves_once_and_in_order(max in 2..5_u32, gaps in proptest::collection::vec(0..80_i64, 0..40)) {
            let mut gathering = gathering(max);
            let (mut left, mut millis) = (Vec::new(), 0);
            let count = u32::try_from(gaps.len()).expect("a few");
            for (number, gap) in (0..count).zip(gaps) {
                millis += gap;
                left.extend(gathering.take_due(at(millis)).into_iter().flatten());
                let full = gathering.add(number, at(millis));
                prop_assert!(full.as_ref().is_none_or(|all| all.len() == max as usize));
                left.extend(full.into_iter().flatten());
            }
            left.extend(gathering.leave());
            prop_assert_eq!(left, (0..count).collect::<Vec<_>>());
        }
    }
}
