//! Cursors of results: a journal position and the result's ordinal within it.
//!
//! The same text as the `sequence` of a published result, so that a reader of the
//! broker can go on over HTTP where it stopped. Sorts as text, too.

use std::fmt;

/// A place in the one history of results; reading goes on strictly after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor {
    /// The journal position.
    pub position: i64,
    /// The ordinal of the result within it, from 0.
    pub ordinal: usize,
}

impl Cursor {
    /// The place after all results of `position`.
    pub(super) fn past(position: i64) -> Self {
        Self {
            position,
            ordinal: Self::LAST,
        }
    }

    /// Stands for the end of a position; no decision has so many results.
    const LAST: usize = 9_999;

    /// Reads a cursor: `POSITION-ORDINAL`, or a position alone, which is the place after all of it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str| {
            !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit())
        };
        let (position, ordinal) = match text.split_once('-') {
            Some((position, ordinal)) if digits(ordinal) => (position, ordinal.parse().ok()?),
            Some(_) => return None,
            None => (text, Self::LAST),
        };
        if !digits(position) {
            return None;
        }
        Some(Self {
            position: position.parse().ok()?,
            ordinal,
        })
    }

    /// Tells whether the result at `position`, `ordinal` comes after this place.
    pub(super) fn is_before(self, position: i64, ordinal: usize) -> bool {
        self < Self { position, ordinal }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}-{:04}", self.position, self.ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_written_and_sorts_as_text() {
        let cursors = [
            Cursor::default(),
            Cursor {
                position: 9,
                ordinal: 10,
            },
            Cursor {
                position: 10,
                ordinal: 2,
            },
            Cursor::past(10),
            Cursor {
                position: i64::MAX,
                ordinal: 0,
            },
        ];
        let texts = cursors.map(|cursor| cursor.to_string());
        assert!(texts.is_sorted());
        assert_eq!(texts.map(|text| Cursor::parse(&text)), cursors.map(Some));
    }

    #[test]
    fn a_position_alone_is_past_all_of_it() {
        let cursor = Cursor::parse("42").expect("valid");
        assert!(!cursor.is_before(42, 7));
        assert!(cursor.is_before(43, 0));
        let cursor = Cursor::parse("42-0").expect("valid");
        assert!(!cursor.is_before(42, 0));
        assert!(cursor.is_before(42, 1));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in [
            "",
            "-",
            "a",
            "1-",
            "-1",
            "1-a",
            "+1",
            "1-2-3",
            "99999999999999999999",
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
