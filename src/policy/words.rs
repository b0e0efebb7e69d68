//! Keywords: words that are looked for in texts, in the form that `crate::domain::words` gives both.
//!
//! [`Keywords`] finds any number of them in one pass, whole words only. Scripts that put
//! no spaces between words (Han, Kana, Thai, …) have no word boundary to respect.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::domain::words::{is_unspaced, is_word};

/// Tells whether `word` occurs in `text` as a whole word; both are normalised already.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let Some(first) = word.chars().next() else {
        return false;
    };
    // One that does not stand alone may overlap with one that does: 漢 ends a word before it.
    let mut from = 0;
    while let Some(start) = text[from..].find(word).map(|found| from + found) {
        if stands_alone(text, start, start + word.len()) {
            return true;
        }
        from = start + first.len_utf8();
    }
    false
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let found = &text[start..end];
    is_boundary(text[..start].chars().next_back(), found.chars().next())
        && is_boundary(found.chars().next_back(), text[end..].chars().next())
}

fn is_boundary(before: Option<char>, after: Option<char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return true;
    };
    !(is_word(before) && is_word(after)) || is_unspaced(before) || is_unspaced(after)
}

/// The keywords of a whole policy, found in one pass over a text.
#[derive(Debug, Default)]
pub(super) struct Keywords {
    words: Vec<String>,
    automaton: Option<AhoCorasick>,
}

impl Keywords {
    /// Prepares the search for `words`, which are normalised and distinct.
    ///
    /// *Errors*: there are too many of them.
    pub(super) fn new(words: Vec<String>) -> Result<Self, aho_corasick::BuildError> {
        let automaton = if words.is_empty() {
            None
        } else {
            Some(
                AhoCorasickBuilder::new()
                    .match_kind(MatchKind::Standard)
                    .build(&words)?,
            )
        };
        Ok(Self { words, automaton })
    }

    /// Calls `on_hit` with the index of each word that stands in `text` (normalised), maybe repeatedly.
    pub(super) fn find(&self, text: &str, mut on_hit: impl FnMut(usize)) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        for found in automaton.find_overlapping_iter(text) {
            if stands_alone(text, found.start(), found.end()) {
                on_hit(found.pattern().as_usize());
            }
        }
    }

    /// Gives the words, in the order of their indices.
    pub(super) fn words(&self) -> &[String] {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::normalise;
    use proptest::prelude::*;

    fn holds(text: &str, word: &str) -> bool {
        has_word(&normalise(text), &normalise(word))
    }

    #[test]
    fn whole_words_in_any_case_and_script() {
        for (text, word) in [
            ("I want a REFUND!", "refund"),
            ("money   back\nplease", "Money back"),
            ("RÜCKERSTATTUNG bitte", "rückerstattung"),
            ("u\u{308}bel", "übel"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("ｒｅｆｕｎｄ", "refund"),
            ("верните ДЕНЬГИ.", "деньги"),
            ("我要退款谢谢", "退款"),
            ("返金してください", "返金"),
            ("ขอคืนเงินครับ", "คืนเงิน"),
            ("أريد استرداد المال", "استرداد"),
            ("मुझे धनवापसी चाहिए", "धनवापसी"),
            ("I don’t know", "don't"),
            ("xA漢A漢A", "a漢a"),
        ] {
            assert!(holds(text, word), "{word} in {text}");
        }
        for (text, word) in [
            ("refunded", "refund"),
            ("prerefund", "refund"),
            ("refund_id", "refund"),
            ("money, back", "money back"),
            ("हिन्दी", "हिन"),
            ("", "refund"),
            ("refund", ""),
        ] {
            assert!(!holds(text, word), "{word} in {text}");
        }
    }

    proptest! {
        #[test]
        fn the_automaton_finds_what_a_plain_search_finds(
            text in "[ab ßA漢]{0,30}",
            words in proptest::collection::btree_set("[ab漢]{1,3}", 0..6),
        ) {
            let words: Vec<String> = words.into_iter().collect();
            let text = normalise(&text);
            let keywords = Keywords::new(words.clone()).expect("few");
            let mut hits = vec![false; words.len()];
            keywords.find(&text, |index| hits[index] = true);
            let plain: Vec<bool> = words.iter().map(|word| has_word(&text, word)).collect();
            prop_assert_eq!(hits, plain);
        }
    }
}
