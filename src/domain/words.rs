//! Words: how texts are compared, and searched, when case, width and spelling of a letter do not
//! matter.
//!
//! [`normalise`] gives the form in which two texts are compared; the policy looks for its keywords
//! in it. [`words`] gives what a text is searched by; the store keeps those and asks for them as
//! they are given here, so that both databases find the same.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest word that is kept; of a longer one its beginning is. *Units*: characters.
const MAX_WORD_CHARS: usize = 32;
/// The most words of one text that are kept: the first of them.
pub const MOST_WORDS: usize = 2_000;

/// Normalises a text: NFKC, lower case, `ß` as `ss`, one space for any run of white space.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        for byte in text.bytes() {
            push(&mut out, char::from(byte.to_ascii_lowercase()));
        }
    } else {
        for letter in text.nfkc() {
            for lower in letter.to_lowercase() {
                match lower {
                    'ß' => out.push_str("ss"),
                    'ς' => out.push('σ'),
                    '\u{2019}' | '\u{02bc}' => out.push('\''),
                    '\u{ad}' | '\u{200b}' | '\u{feff}' => {}
                    other => push(&mut out, other),
                }
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

fn push(out: &mut String, letter: char) {
    if letter.is_whitespace() {
        if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    } else {
        out.push(letter);
    }
}

/// Gives the words by which a text is found: runs of letters and digits, normalised.
///
/// *Shape*: each at most [`MAX_WORD_CHARS`] long, at most [`MOST_WORDS`]; in scripts that put no
/// spaces between words each letter is one. They hold letters, digits and combining marks alone.
pub fn words(text: &str) -> BTreeSet<String> {
    let text = normalise(text);
    let mut found = BTreeSet::new();
    let mut word = String::new();
    let mut length = 0;
    for letter in text.chars() {
        let belongs = letter.is_alphanumeric() || (is_combining_mark(letter) && !word.is_empty());
        if belongs && !is_unspaced(letter) {
            if length < MAX_WORD_CHARS {
                word.push(letter);
                length += 1;
            }
            continue;
        }
        length = 0;
        if !word.is_empty() {
            found.insert(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            found.insert(letter.to_string());
        }
        if found.len() >= MOST_WORDS {
            return found;
        }
    }
    if !word.is_empty() {
        found.insert(word);
    }
    found
}

/// Tells whether a letter is part of a word.
pub fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || is_combining_mark(letter)
}

/// Tells whether a letter belongs to a script that is written without spaces between words.
pub fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{0e00}'..='\u{0eff}'        // Thai, Lao
        | '\u{1000}'..='\u{109f}'      // Myanmar
        | '\u{1780}'..='\u{17ff}'      // Khmer
        | '\u{2e80}'..='\u{30ff}'      // CJK radicals and punctuation, Hiragana, Katakana
        | '\u{3100}'..='\u{312f}'      // Bopomofo
        | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{9fff}'      // Han
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<String> {
        words(text).into_iter().collect()
    }

    #[test]
    fn a_text_is_found_by_its_words_in_any_case_and_script() {
        assert_eq!(
            found("Refund #12: don't PAY ada@example.com, re-fund_id!"),
            [
                "12", "ada", "com", "don", "example", "fund", "id", "pay", "re", "refund", "t"
            ]
        );
        assert_eq!(
            found("STRASSE straße Cafe\u{301} ｃａｆé"),
            ["café", "strasse"]
        );
        assert_eq!(found("धनवापसी चाहिए"), ["चाहिए", "धनवापसी"]);
        assert_eq!(found("我要退款 ok"), ["ok", "我", "款", "要", "退"]);
        assert!(found(" -- !? ").is_empty());
    }

    #[test]
    fn a_word_is_cut_and_a_text_ends_somewhere() {
        let long = "a".repeat(MAX_WORD_CHARS + 5);
        assert_eq!(found(&long), [long[..MAX_WORD_CHARS].to_owned()]);
        let many: Vec<String> = (0..MOST_WORDS + 9).map(|n| n.to_string()).collect();
        assert_eq!(words(&many.join(" ")).len(), MOST_WORDS);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn words_are_words_of_their_own(text in "\\PC{0,40}") {
            for word in words(&text) {
                prop_assert!(word.chars().all(is_word), "{}", word);
                prop_assert!(!word.chars().any(|letter| letter.is_ascii_punctuation()));
            }
        }
    }
}
