//! The words of a message, and the parts of a trigger description.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use super::{common, kin};
use crate::domain::words::{is_unspaced, is_word, normalise};

/// How much of a message is looked at: its beginning. *Units*: characters, white space left out.
pub(super) const MOST_CHARS: usize = 1_000;
/// The most words of a message that are looked up: the first telling ones.
pub(super) const MOST_WORDS: usize = 80;

/// Cuts a trigger into the words of its parts; the display name is one too.
pub(super) fn written(name: &str, description: &str) -> Vec<BTreeSet<String>> {
    let mut parts = vec![words_of(name)];
    for sentence in sentences(description) {
        let begun = parts.len();
        // Pieces that one verb governs: "returning or exchanging a product".
        let mut group: Vec<Vec<String>> = Vec::new();
        for piece in pieces(sentence) {
            let is_fresh = begins_anew(&piece) || group.last().is_some_and(|last| ends(last));
            if is_fresh {
                settle(&mut parts, std::mem::take(&mut group));
            }
            group.push(piece);
        }
        settle(&mut parts, group);
        let places = places(&parts[begun..]);
        parts.extend(places);
    }
    parts
}

/// Cuts a description into sentences, and where a line begins anew; `e.g.` and a wrapped line end none.
fn sentences(description: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut from = 0;
    for (place, sign) in description.char_indices() {
        let after = &description[place + sign.len_utf8()..];
        let next = after.trim_start();
        let is_end = match sign {
            '.' => next.len() < after.len() && !next.starts_with(char::is_lowercase),
            '\n' => {
                let words = next.split_whitespace().take(2).flat_map(fold);
                after
                    .trim_start_matches([' ', '\t', '\r'])
                    .starts_with('\n')
                    || words.take(1).any(|word| common::is_frame(&word))
            }
            _ => matches!(sign, '!' | '?' | ';' | ':' | '。' | '！' | '？' | '；'),
        };
        if is_end {
            sentences.push(&description[from..place]);
            from = place + sign.len_utf8();
        }
    }
    sentences.push(&description[from..]);
    sentences
}

/// Gives the parts of a sentence that asks where something is: any thing that it names may be asked for so.
fn places(sentence: &[BTreeSet<String>]) -> Vec<BTreeSet<String>> {
    let words: BTreeSet<&String> = sentence.iter().flatten().collect();
    let Some(place) = words.iter().find(|word| common::is_where(word)) else {
        return Vec::new();
    };
    let things = words.iter().filter(|word| !common::is_light(word));
    let part = |thing: &&String| [*place, *thing].map(String::clone).into();
    things.map(part).collect()
}

/// Cuts a sentence at commas and at words such as "or"; at "and" only where a verb follows.
fn pieces(sentence: &str) -> Vec<Vec<String>> {
    let mut pieces = Vec::new();
    for clause in sentence.split([',', '(', ')', '/', '，', '、']) {
        let mut piece = Vec::new();
        let mut words = fold(clause).into_iter().peekable();
        while let Some(word) = words.next() {
            let next = words.peek().map_or("", String::as_str);
            if common::is_or(&word) || (common::is_and(&word) && common::is_frame(next)) {
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece.push(word);
            }
        }
        pieces.push(piece);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Tells whether a piece has a verb of its own before its first telling word.
fn begins_anew(piece: &[String]) -> bool {
    let before = |word: &&String| !is_telling(word) || common::is_light(word);
    let mut before = piece.iter().take_while(before);
    before.any(|word| common::is_frame(word))
}

/// Tells whether a piece ends with its verb, as in German.
fn ends(piece: &[String]) -> bool {
    piece.last().is_some_and(|word| common::is_frame(word))
}

/// Makes one part of the pieces that a verb governs, or one of each where each is but one word.
fn settle(parts: &mut Vec<BTreeSet<String>>, group: Vec<Vec<String>>) {
    let group: Vec<Vec<String>> = group
        .into_iter()
        .map(|piece| piece.into_iter().filter(|word| is_telling(word)).collect())
        .filter(|piece: &Vec<String>| !piece.is_empty())
        .collect();
    let lead: Vec<String> = group
        .first()
        .into_iter()
        .flatten()
        .take_while(|word| common::is_light(word))
        .cloned()
        .collect();
    let is_single = |(place, piece): (usize, &Vec<String>)| {
        piece.len() == if place == 0 { lead.len() + 1 } else { 1 }
    };
    if group.iter().enumerate().all(is_single) {
        let with_lead = |piece: Vec<String>| piece.into_iter().chain(lead.clone()).collect();
        parts.extend(group.into_iter().map(with_lead));
    } else {
        parts.push(group.into_iter().flatten().collect());
    }
}

/// Gives the telling words of the beginning of a text.
pub(super) fn words_of(text: &str) -> BTreeSet<String> {
    let mut beginning = String::new();
    let mut left = MOST_CHARS;
    for piece in text.split_whitespace() {
        let taken = piece.char_indices().nth(left);
        let taken = taken.map_or(piece, |(end, _)| &piece[..end]);
        left -= taken.chars().count();
        beginning.push_str(taken);
        beginning.push(' ');
        if left == 0 {
            break;
        }
    }
    let words = fold(&beginning).into_iter().filter(|word| is_telling(word));
    words.take(MOST_WORDS).collect()
}

/// Tells whether a word can say what is asked for: no stop word, no number, no single letter.
fn is_telling(word: &str) -> bool {
    let is_unspaced = word.chars().all(is_unspaced);
    (word.chars().nth(1).is_some() || is_unspaced)
        && !word.chars().all(char::is_numeric)
        && !common::is_stop(word)
}

/// Gives the words of a text in their order: normalised, without accents, German participles without `ge-`.
fn fold(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut keep = |word: &mut String| {
        if !word.is_empty() {
            words.push(kin::without_ge(std::mem::take(word)));
        }
    };
    let without_accents = |letter: &char| !matches!(letter, '\u{300}'..='\u{36f}');
    let mut text = normalise(text);
    if !text.is_ascii() {
        text = text.nfd().filter(without_accents).nfc().collect();
    }
    for letter in text.chars() {
        match letter {
            'œ' => word.push_str("oe"),
            'æ' => word.push_str("ae"),
            _ if is_unspaced(letter) => {
                keep(&mut word);
                if letter.is_alphanumeric() {
                    keep(&mut letter.to_string());
                }
            }
            _ if is_word(letter) && letter != '_' => word.push(letter),
            _ => keep(&mut word),
        }
    }
    keep(&mut word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_with_its_sign_or_its_line() {
        let ends = |text| {
            sentences(text)
                .into_iter()
                .map(str::trim)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ends("Asks for X, e.g. y. Cuando pide Z! 3.5 m"),
            ["Asks for X, e.g. y", "Cuando pide Z", "3.5 m"]
        );
        assert_eq!(
            ends("wants to cancel their\n  subscription\n- asks for X\n\nY"),
            ["wants to cancel their\n  subscription", "- asks for X", "Y"]
        );
    }

    #[test]
    fn a_description_is_cut_where_a_new_verb_begins() {
        let parts = |description| {
            let parts = written("", description).into_iter();
            let parts = parts.map(|part| part.into_iter().collect::<Vec<_>>().join(" "));
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(
            parts(
                "When a customer asks for a refund, wants their money back or mentions returning a product"
            ),
            ["refund", "back money", "returning"]
        );
        assert_eq!(
            parts("When a customer wants to cancel, end or pause their subscription"),
            ["cancel end pause subscription"]
        );
        assert_eq!(
            parts("asks for a refund, voucher or exchange and wants to change the colour or size"),
            [
                "refund",
                "voucher",
                "exchange",
                "change colour",
                "change size"
            ]
        );
        assert_eq!(
            parts("Wenn jemand sein Passwort vergessen hat oder sich nicht anmelden kann"),
            ["passwort vergessen", "anmelden"]
        );
        assert_eq!(
            parts("asks where their parcel is or when an order will be delivered"),
            [
                "parcel where",
                "delivered order",
                "order where",
                "parcel where"
            ]
        );
    }
}
