//! What an answer means: done, failed, to be tried again, or unknown.
//!
//! The one question behind the table: can it have been done? What certainly was not may be
//! tried again or given up; what may have been done is only repeated where a repetition has
//! one effect, and is otherwise unknown, which is no failure. *Source*: governance, *Effects*.

use chrono::DateTime;
use sha2::{Digest, Sha256};

use crate::domain::time::{Span, Timestamp};

/// The longest wait that a system's `Retry-After` is honoured with.
const MAX_RETRY_AFTER: Span = Span::from_secs(600);
/// The longest wait of our own between two attempts.
const MAX_BACKOFF: Span = Span::from_secs(300);

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// An answer came.
    Answered {
        /// Its status.
        status: u16,
        /// When it says to come again.
        retry_after: Option<Span>,
    },
    /// No answer came in time, or the connection broke, after bytes went out.
    Broken,
    /// It was never sent: no address, no connection, no TLS.
    NotSent,
}

/// What is known of the request when an attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five facts that do not depend on one another"
)]
pub struct Standing {
    /// The method changes nothing there.
    pub is_safe: bool,
    /// The system gives a repeated key one effect, and its window is not over.
    pub honours_key: bool,
    /// An earlier attempt may have been done.
    pub was_ambiguous: bool,
    /// The credential was renewed already.
    pub was_renewed: bool,
    /// There may be another attempt.
    pub may_retry: bool,
}

/// Why it failed, for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was ever reached.
    Transport,
    /// No answer came in time.
    Timeout,
    /// The system said no.
    Upstream,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It was not done, and will not be.
    Failed(Failure),
    /// The credential is renewed, once, and the same bytes are sent again.
    Renew,
    /// The same bytes are sent again, not before the system's own wait where it named one.
    Retry(Option<Span>),
    /// Nobody knows; a probe or a person finds out.
    Unknown,
}

/// Says what an attempt's end means.
pub fn judge(fate: &Fate, standing: Standing) -> Verdict {
    match fate {
        Fate::NotSent => again(None, Failure::Transport, standing),
        Fate::Broken => ambiguous(Failure::Timeout, standing),
        Fate::Answered {
            status,
            retry_after,
        } => match status {
            200..=299 => Verdict::Done,
            401 if !standing.was_renewed => Verdict::Renew,
            408 | 425 | 429 | 503 => again(*retry_after, Failure::Upstream, standing),
            // Redirects are not followed, and every other 4xx is a no.
            100..=499 => refused(standing),
            _ => ambiguous(Failure::Upstream, standing),
        },
    }
}

/// It was not done this time.
fn again(wait: Option<Span>, failure: Failure, standing: Standing) -> Verdict {
    if standing.may_retry {
        Verdict::Retry(wait.map(|wait| wait.min(MAX_RETRY_AFTER)))
    } else if standing.was_ambiguous && !standing.is_safe {
        Verdict::Unknown
    } else {
        Verdict::Failed(failure)
    }
}

/// It may have been done.
fn ambiguous(failure: Failure, standing: Standing) -> Verdict {
    match (standing.is_safe, standing.honours_key, standing.may_retry) {
        (true, _, true) | (_, true, true) => Verdict::Retry(None),
        (true, _, false) => Verdict::Failed(failure),
        (false, _, _) => Verdict::Unknown,
    }
}

/// The system refused. After an attempt that may have been done, that settles it only where the system
/// knows the key again.
fn refused(standing: Standing) -> Verdict {
    if standing.was_ambiguous && !standing.is_safe && !standing.honours_key {
        Verdict::Unknown
    } else {
        Verdict::Failed(Failure::Upstream)
    }
}

/// Reads `Retry-After`: seconds, or a date.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Span> {
    let text = header.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Span::from_secs(i64::from(seconds)));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    let wait = Timestamp::from(at.to_utc()).since(now);
    Some(wait.max(Span::from_secs(0)))
}

/// Gives the wait before the next attempt: up to twice as long each time, all of it jitter.
///
/// *Shape*: between nothing and `first · 2^(attempt − 1)`, by the request and the attempt, so that
/// deciding it again gives the same.
pub fn backoff(first: Span, attempt: u32, request_id: &str) -> Span {
    let doubled = first
        .micros()
        .saturating_mul(1 << attempt.saturating_sub(1).min(20));
    let most = doubled.min(MAX_BACKOFF.micros()).max(0);
    let mut hash = Sha256::new();
    hash.update(request_id.as_bytes());
    hash.update(attempt.to_be_bytes());
    let drawn: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, ..] = drawn;
    let share = i64::from(u32::from_be_bytes([a, b, c, d]));
    // Both factors are below 2^32, near enough: a span is at most 300 s in microseconds.
    Span::from_micros(most.saturating_mul(share) >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRESH: Standing = Standing {
        is_safe: false,
        honours_key: false,
        was_ambiguous: false,
        was_renewed: false,
        may_retry: true,
    };
    const LAST: Standing = Standing {
        may_retry: false,
        ..FRESH
    };

    fn answered(status: u16) -> Fate {
        Fate::Answered {
            status,
            retry_after: None,
        }
    }

    #[test]
    fn the_table_holds_for_a_write_that_honours_no_key() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judge(&answered(status), FRESH), Verdict::Done, "{status}");
        }
        for status in [301, 302, 307, 400, 403, 404, 405, 409, 410, 418, 422] {
            let verdict = judge(&answered(status), FRESH);
            assert_eq!(verdict, Verdict::Failed(Failure::Upstream), "{status}");
        }
        for status in [408, 425, 429, 503] {
            assert_eq!(
                judge(&answered(status), FRESH),
                Verdict::Retry(None),
                "{status}"
            );
            let given_up = judge(&answered(status), LAST);
            assert_eq!(given_up, Verdict::Failed(Failure::Upstream), "{status}");
        }
        for status in [500, 502, 504, 599] {
            assert_eq!(
                judge(&answered(status), FRESH),
                Verdict::Unknown,
                "{status}"
            );
        }
        assert_eq!(judge(&Fate::Broken, FRESH), Verdict::Unknown);
        assert_eq!(judge(&Fate::NotSent, FRESH), Verdict::Retry(None));
        assert_eq!(
            judge(&Fate::NotSent, LAST),
            Verdict::Failed(Failure::Transport)
        );
        assert_eq!(judge(&answered(401), FRESH), Verdict::Renew);
        let renewed = Standing {
            was_renewed: true,
            ..FRESH
        };
        assert_eq!(
            judge(&answered(401), renewed),
            Verdict::Failed(Failure::Upstream)
        );
    }

    #[test]
    fn what_can_be_repeated_without_harm_is() {
        let read = Standing {
            is_safe: true,
            ..FRESH
        };
        let keyed = Standing {
            honours_key: true,
            ..FRESH
        };
        for standing in [read, keyed] {
            assert_eq!(judge(&answered(500), standing), Verdict::Retry(None));
            assert_eq!(judge(&Fate::Broken, standing), Verdict::Retry(None));
        }
        let (last_read, last_keyed) = (
            Standing {
                may_retry: false,
                ..read
            },
            Standing {
                may_retry: false,
                ..keyed
            },
        );
        assert_eq!(
            judge(&Fate::Broken, last_read),
            Verdict::Failed(Failure::Timeout)
        );
        assert_eq!(judge(&Fate::Broken, last_keyed), Verdict::Unknown);
    }

    #[test]
    fn the_systems_wait_is_honoured_within_reason() {
        let now = Timestamp::parse("2026-11-21T10:00:00Z").expect("a time");
        assert_eq!(retry_after("120", now), Some(Span::from_secs(120)));
        let date = retry_after("Sat, 21 Nov 2026 10:00:30 GMT", now);
        assert_eq!(date, Some(Span::from_secs(30)));
        let past = retry_after("Sat, 21 Nov 2026 09:00:00 GMT", now);
        assert_eq!(past, Some(Span::from_secs(0)));
        assert_eq!(retry_after("soon", now), None);
        let long = Fate::Answered {
            status: 503,
            retry_after: Some(Span::from_secs(86_400)),
        };
        assert_eq!(judge(&long, FRESH), Verdict::Retry(Some(MAX_RETRY_AFTER)));
    }

    #[test]
    fn the_wait_grows_and_differs_between_requests() {
        let first = Span::from_millis(500);
        let of = |attempt, request: &str| backoff(first, attempt, request).micros();
        let waits: std::collections::BTreeSet<i64> = (0..50)
            .map(|number| of(3, &format!("req_{number}")))
            .collect();
        assert!(waits.len() > 45, "jitter: {waits:?}");
        assert!(
            waits.iter().all(|wait| (0..2_000_000).contains(wait)),
            "{waits:?}"
        );
        assert!((0..50).any(|number| of(8, &format!("req_{number}")) > 30_000_000));
        assert!(of(200, "req_1") < MAX_BACKOFF.micros());
        assert_eq!(of(3, "req_1"), of(3, "req_1"));
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            Just(Fate::Broken),
            Just(Fate::NotSent),
            (100..600_u16).prop_map(answered),
        ]
    }

    proptest! {
        // Once something may have been done and a repetition may be a second effect, nothing is repeated
        // and nothing is called a failure.
        #[test]
        fn what_may_have_been_done_is_never_done_again_nor_denied(fates in proptest::collection::vec(fate(), 1..8)) {
            let mut standing = FRESH;
            for (index, fate) in fates.iter().enumerate() {
                standing.may_retry = index + 1 < fates.len();
                let may_be_done = matches!(fate, Fate::Broken)
                    || matches!(fate, Fate::Answered { status: 500..=599, .. } if *fate != answered(503));
                let verdict = judge(fate, standing);
                if may_be_done {
                    prop_assert_eq!(verdict, Verdict::Unknown);
                }
                match verdict {
                    Verdict::Retry(_) => {}
                    Verdict::Renew => standing.was_renewed = true,
                    Verdict::Done | Verdict::Failed(_) | Verdict::Unknown => return Ok(()),
                }
            }
        }

        #[test]
        fn nothing_is_a_failure_after_an_attempt_that_may_have_been_done(fate in fate(), may_retry: bool) {
            let standing = Standing { was_ambiguous: true, may_retry, ..FRESH };
            prop_assert!(!matches!(judge(&fate, standing), Verdict::Failed(_)));
        }
    }
}
