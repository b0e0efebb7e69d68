//! Probes: finding out by a read how a request ended of which nobody knows.
//!
//! An action may declare one: an operation of the same integration that only reads, and what
//! its answer must hold. What it says is data, no code. `crate::decide` makes the read like
//! any other attempt and follows what it found.

use serde_json::{Map, Value};

use super::{
    alike::{is_there, written},
    template::Template,
    time::Span,
};

/// How an unknown end is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The operation that looks; it only reads.
    pub operation: String,
    /// What an answer holds when it was done.
    pub done: Sign,
    /// What an answer holds when it was not done, and will not be.
    pub failed: Option<Sign>,
    /// Whether a 404 says that it was not done.
    pub is_failed_when_missing: bool,
    /// How long after the attempt the first look is.
    pub after: Span,
    /// How long after a look the next one is.
    pub every: Span,
    /// How many looks there are before a person is asked.
    pub times: u32,
}

/// What an answer must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Where: one placeholder.
    pub path: Template,
    /// What stands there; `None`: anything but nothing.
    pub equals: Option<Value>,
}

/// What a look has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It was done.
    Done,
    /// It was not done, and will not be.
    NotDone,
    /// Neither.
    Unclear,
}

impl Finding {
    /// Gives its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotDone => "not_done",
            Self::Unclear => "unclear",
        }
    }
}

impl Probe {
    /// Says what an answer means. One that holds both signs means nothing.
    pub fn read(&self, status: u16, answer: &Value) -> Finding {
        match status {
            200..=299 => {
                let is_done = self.done.stands_in(answer);
                let has_failed = self.failed.as_ref().is_some_and(|it| it.stands_in(answer));
                match (is_done, has_failed) {
                    (true, false) => Finding::Done,
                    (false, true) => Finding::NotDone,
                    _ => Finding::Unclear,
                }
            }
            404 if self.is_failed_when_missing => Finding::NotDone,
            _ => Finding::Unclear,
        }
    }
}

impl Sign {
    /// Tells whether an answer holds it.
    pub fn stands_in(&self, answer: &Value) -> bool {
        let found = self.path.value(&members(answer.clone()));
        match &self.equals {
            Some(wanted) => !found.is_null() && written(&found) == written(wanted),
            None => is_there(&found),
        }
    }
}

/// Gives the values that templates see of an answer; one that is no object stands at `answer`.
pub fn members(answer: Value) -> Map<String, Value> {
    match answer {
        Value::Object(members) => members,
        other => Map::from_iter([("answer".to_owned(), other)]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn sign(path: &str, equals: Option<Value>) -> Sign {
        Sign {
            path: Template::placeholder(path).expect("a path"),
            equals,
        }
    }

    fn probe() -> Probe {
        Probe {
            operation: "find".to_owned(),
            done: sign("status", Some(json!("paid"))),
            failed: Some(sign("status", Some(json!("declined")))),
            is_failed_when_missing: false,
            after: Span::from_secs(5),
            every: Span::from_secs(30),
            times: 10,
        }
    }

    #[test]
    fn a_value_is_held_against_what_it_must_be_by_its_text() {
        let holds =
            |path: &str, equals: Value, answer: Value| sign(path, Some(equals)).stands_in(&answer);
        assert!(holds("a.0.b", json!("x"), json!({"a": [{"b": "x"}]})));
        assert!(holds("n", json!(50), json!({"n": 50.0})));
        assert!(holds("n", json!(50), json!({"n": "50"})));
        assert!(holds("n", json!(true), json!({"n": true})));
        assert!(holds("answer.0", json!(1), json!([1])));
        assert!(
            !holds("n", json!(""), json!({})),
            "what is absent is nothing"
        );
        assert!(!holds("n", json!("paid"), json!({"n": "Paid"})));
    }

    #[test]
    fn without_a_value_to_be_it_must_only_be_there() {
        let holds = |answer: Value| sign("id", None).stands_in(&answer);
        assert!(holds(json!({"id": "rf_1"})) && holds(json!({"id": false})));
        for empty in [
            json!({}),
            json!({"id": null}),
            json!({"id": ""}),
            json!({"id": []}),
        ] {
            assert!(!holds(empty.clone()), "{empty}");
        }
    }

    #[test]
    fn an_answer_is_done_not_done_or_unclear() {
        let (strict, lax) = (
            probe(),
            Probe {
                is_failed_when_missing: true,
                ..probe()
            },
        );
        assert_eq!(strict.read(200, &json!({"status": "paid"})), Finding::Done);
        let declined = json!({"status": "declined"});
        assert_eq!(strict.read(200, &declined), Finding::NotDone);
        assert_eq!(
            strict.read(200, &json!({"status": "new"})),
            Finding::Unclear
        );
        assert_eq!(strict.read(404, &Value::Null), Finding::Unclear);
        assert_eq!(lax.read(404, &Value::Null), Finding::NotDone);
        let both = Probe {
            failed: Some(sign("status", None)),
            ..probe()
        };
        assert_eq!(both.read(200, &json!({"status": "paid"})), Finding::Unclear);
    }

    proptest! {
        #[test]
        fn only_a_success_says_done_and_only_it_or_a_404_not_done(status in 100..600_u16, state in "paid|declined|new") {
            let lax = Probe { is_failed_when_missing: true, ..probe() };
            let finding = lax.read(status, &json!({"status": state}));
            if finding == Finding::Done {
                prop_assert!((200..300).contains(&status) && state == "paid");
            }
            if finding == Finding::NotDone {
                prop_assert!(status == 404 || ((200..300).contains(&status) && state == "declined"));
            }
        }
    }
}
