//! Forms of a word: when two words that are written differently are the same one.

use std::cmp::Ordering;

/// How well a word is met by a compound that it is part of.
pub(super) const COMPOUND: f32 = 0.8;
/// How well a compound is met by one of its halves.
pub(super) const HALF: f32 = 0.5;

/// How well a word is met by another form of it.
const FORM: f32 = 0.95;
/// How well a word is met by one that is a slip of the pen away.
const SLIP: f32 = 0.85;
/// The common beginning of a word and any that [`of`] can say to be the same. *Units*: characters.
const BEGINNING_CHARS: usize = 2;
/// The shortest word that may be misspelt by one letter. *Units*: characters.
const SLIP_CHARS: usize = 7;
/// The shortest stem that two forms have in common. *Units*: characters.
const STEM_CHARS: usize = 4;
/// The shortest part of a compound, and the least that is left of it. *Units*: characters.
const TAIL_CHARS: usize = 5;
const REST_CHARS: usize = 3;
/// The shortest head of a compound: a whole word, and one without its ending. *Units*: characters.
const BARE_CHARS: usize = 5;
const HEAD_CHARS: usize = 6;

/// Endings of German, English, French and Spanish words, without accents, in the order of the alphabet.
const ENDINGS: [&str; 90] = [
    "", "a", "able", "acion", "aciones", "ada", "adas", "ado", "ados", "ai", "ait", "amos", "an",
    "ance", "ando", "ant", "ar", "are", "as", "ation", "ations", "be", "bed", "bing", "cion",
    "ciones", "d", "e", "ed", "ee", "ees", "em", "ement", "en", "end", "ent", "er", "ern", "ers",
    "es", "est", "et", "eur", "ez", "i", "ida", "idas", "ido", "idos", "ie", "ied", "iendo", "ies",
    "ing", "ings", "io", "ion", "ions", "ir", "is", "it", "ment", "ments", "n", "o", "on", "ons",
    "os", "pcion", "ption", "ptions", "r", "re", "rs", "s", "se", "st", "t", "te", "tem", "ten",
    "ter", "tes", "ties", "ty", "ung", "ungen", "y", "yed", "ying",
];

/// How a word of a message and one of a trigger are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kin {
    /// Forms of one word, and how near they are. *Range*: 0 to 1.
    Form(f32),
    /// The message's is a compound that begins with the trigger's.
    Longer,
    /// The trigger's is a compound that begins with the message's.
    Head,
}

/// Compares a word of a message with one of a trigger.
pub(super) fn of(word: &str, known: &str) -> Option<Kin> {
    if word == known {
        return Some(Kin::Form(1.0));
    }
    let same = common_bytes(word, known);
    let stem = word[..same].chars().count();
    let (rest, known_rest) = (&word[same..], &known[same..]);
    let slip = || is_slip(rest, known_rest, stem).then_some(Kin::Form(SLIP));
    if stem < STEM_CHARS {
        let is_plural = matches!((rest, known_rest), ("", "s") | ("s", ""));
        let is_form = is_plural && stem + 1 == STEM_CHARS;
        return if is_form {
            Some(Kin::Form(FORM))
        } else {
            slip()
        };
    }
    let is_end = |rest| is_ending(rest, &word[..same]);
    let is_long = |rest: &str| {
        stem >= if rest.is_empty() {
            BARE_CHARS
        } else {
            HEAD_CHARS
        }
    };
    match (is_end(rest), is_end(known_rest)) {
        (true, true) => Some(Kin::Form(FORM)),
        (true, false) if is_long(rest) => Some(Kin::Head),
        (false, true) if is_long(known_rest) => Some(Kin::Longer),
        _ => slip(),
    }
}

/// Gives the beginning that a word shares with each other that may be the same.
pub(super) fn beginning(word: &str) -> &str {
    let end = word.char_indices().nth(BEGINNING_CHARS);
    end.map_or(word, |(end, _)| &word[..end])
}

/// Gives the ends of a word that may be words of their own.
pub(super) fn tails(word: &str) -> impl Iterator<Item = &str> {
    let long = word.chars().count();
    let most = (long + 1).saturating_sub(TAIL_CHARS);
    word.char_indices()
        .take(most)
        .skip(REST_CHARS)
        .map(|(start, _)| &word[start..])
}

/// Takes the `ge-` off a word that looks like a German participle: `gekundigt`.
pub(super) fn without_ge(mut word: String) -> String {
    if word.len() >= 7 && word.starts_with("ge") && word.ends_with('t') {
        word.drain(..2);
    }
    word
}

/// Tells whether a rest is an ending, maybe after a doubled letter: `cancel-lation`.
fn is_ending(rest: &str, stem: &str) -> bool {
    let doubled = || {
        stem.chars()
            .next_back()
            .and_then(|last| rest.strip_prefix(last))
    };
    ENDINGS.binary_search(&rest).is_ok()
        || doubled().is_some_and(|rest| ENDINGS.binary_search(&rest).is_ok())
}

/// Tells whether what follows the common beginning differs by one letter: wrong, left out or changed places.
fn is_slip(rest: &str, known: &str, stem: usize) -> bool {
    let (long, known_long) = (rest.chars().count(), known.chars().count());
    let is_short = stem < BEGINNING_CHARS || stem + long.max(known_long) < SLIP_CHARS;
    if is_short || long.abs_diff(known_long) > 1 {
        return false;
    }
    let after = |text: &str| text.chars().skip(1).eq(known.chars().skip(1));
    match long.cmp(&known_long) {
        Ordering::Less => rest.chars().eq(known.chars().skip(1)),
        Ordering::Greater => rest.chars().skip(1).eq(known.chars()),
        Ordering::Equal => after(rest) || is_swapped(rest, known),
    }
}

/// Tells whether two texts differ in that their first two letters have changed places.
fn is_swapped(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.chars(), other.chars());
    let (first, second) = (one.next(), one.next());
    let (other_first, other_second) = (other.next(), other.next());
    first == other_second && second == other_first && one.eq(other)
}

/// Counts the bytes of the common beginning of two words; they end with a character.
fn common_bytes(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    let mut same = pairs.take_while(|(byte, other)| byte == other).count();
    while !one.is_char_boundary(same) {
        same -= 1;
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        for (word, known) in [
            ("refunded", "refund"),
            ("orders", "order"),
            ("bag", "bags"),
            ("cancellation", "cancel"),
            ("delivered", "delivery"),
            ("unsubscribe", "unsubscription"),
            ("kundigung", "kundigen"),
            ("bestellungen", "bestellt"),
            ("reembolsar", "reembolso"),
            ("cancelacion", "cancelar"),
            ("danada", "danado"),
            ("resiliation", "resilier"),
            ("rembourse", "remboursement"),
        ] {
            assert_eq!(of(word, known), Some(Kin::Form(FORM)), "{word} {known}");
            assert_eq!(of(known, word), Some(Kin::Form(FORM)), "{known} {word}");
        }
        assert_eq!(without_ge("gekundigt".to_owned()), "kundigt");
        assert_eq!(without_ge("gentle".to_owned()), "gentle");
    }

    #[test]
    fn a_slip_of_the_pen_is_forgiven_in_a_long_word() {
        for word in ["adress", "adddress", "addrses", "adfress", "addr\u{e9}ss"] {
            assert_eq!(of(word, "address"), Some(Kin::Form(SLIP)), "{word}");
        }
        assert_eq!(of("refumd", "refund"), None);
        assert_eq!(of("egress", "address"), None);
    }

    #[test]
    fn a_compound_meets_its_halves() {
        assert_eq!(of("bestellstatus", "bestellung"), Some(Kin::Longer));
        assert_eq!(of("bestellung", "bestellstatus"), Some(Kin::Head));
        let tails: Vec<&str> = tails("bestellstatus").collect();
        assert_eq!(tails.first(), Some(&"tellstatus"));
        assert_eq!(tails.last(), Some(&"tatus"));
        assert!(tails.contains(&"status"));
    }

    #[test]
    fn other_words_do_not_meet() {
        for (word, known) in [
            ("border", "order"),
            ("contrasena", "contrato"),
            ("comment", "commande"),
            ("company", "compare"),
            ("entertain", "enterprise"),
            ("description", "subscription"),
            ("direccion", "directo"),
            ("kunde", "kundigen"),
            ("manage", "damage"),
            ("rest", "restaurant"),
        ] {
            assert_eq!(of(word, known), None, "{word} {known}");
        }
    }

    #[test]
    fn the_endings_are_in_order() {
        assert!(ENDINGS.is_sorted());
    }
}
