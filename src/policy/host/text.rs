//! Text: comparing words whatever their case and spelling, and digests for ids.

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use sha2::{Digest, Sha256};

use super::{HostFunction, HostGroup, function};
use crate::{
    domain::{ids::hex, words::normalise},
    policy::{
        sandbox::{MAX_STRING_BYTES, charge},
        value::{MAX_JSON_BYTES, Raised, raise, to_json},
        words::has_word,
    },
};

const FUNCTIONS: &[HostFunction] = &[
    function(
        "contains_any_word",
        "contains_any_word(text, words) -> bool",
        "Tells whether one of the words or phrases stands in the text as a whole, in any case and script.",
    ),
    function(
        "contains_word",
        "contains_word(text, word) -> bool",
        "Tells whether the word or phrase stands in the text as a whole, in any case and script.",
    ),
    function(
        "fingerprint",
        "fingerprint(value) -> text",
        "Gives 32 hexadecimal digits that name the value: the same value, the same digits.",
    ),
    function(
        "join",
        "join(array, between) -> text",
        "Joins texts (and numbers) with `between` between them.",
    ),
    function(
        "normalise",
        "normalise(text) -> text",
        "Gives the form in which texts are compared: lower case, one form of each letter, single spaces.",
    ),
    function(
        "to_json",
        "to_json(value) -> text",
        "Writes any value as JSON.",
    ),
];

pub(super) const GROUP: HostGroup = HostGroup {
    title: "Text",
    functions: FUNCTIONS,
    register,
};

fn register(engine: &mut Engine) {
    engine
        .register_fn(
            "contains_word",
            |text: ImmutableString, word: ImmutableString| -> Result<bool, Raised> {
                charge(text.len() * 4)?;
                Ok(has_word(&normalise(&text), &normalise(&word)))
            },
        )
        .register_fn("contains_word", |_absent: (), _word: ImmutableString| false)
        .register_fn(
            "contains_any_word",
            |text: ImmutableString, words: Array| -> Result<bool, Raised> {
                charge(text.len() * (4 + words.len()))?;
                let text = normalise(&text);
                Ok(words.iter().any(|word| {
                    word.as_immutable_string_ref()
                        .is_ok_and(|word| has_word(&text, &normalise(&word)))
                }))
            },
        )
        .register_fn("contains_any_word", |_absent: (), _words: Array| false)
        .register_fn(
            "normalise",
            |text: ImmutableString| -> Result<String, Raised> {
                charge(text.len() * 4)?;
                Ok(normalise(&text))
            },
        )
        .register_fn("join", join)
        .register_fn("to_json", |value: Dynamic| json(&value))
        .register_fn("to_json", |value: Map| json(&Dynamic::from_map(value)))
        .register_fn("fingerprint", |value: Dynamic| -> Result<String, Raised> {
            let text = json(&value)?;
            let hash = Sha256::digest(text.as_bytes());
            Ok(hex(&hash[..16]))
        });
}

fn json(value: &Dynamic) -> Result<String, Raised> {
    let value = to_json(value, &mut MAX_JSON_BYTES.clone()).map_err(raise)?;
    let text = value.to_string();
    charge(text.len())?;
    Ok(text)
}

#[expect(clippy::needless_pass_by_value, reason = "Rhai hands arrays over")]
fn join(items: Array, between: &str) -> Result<String, Raised> {
    charge(items.len() * (64 + between.len()))?;
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(&item.to_string());
        if text.len() > MAX_STRING_BYTES {
            return Err(raise("too large: Length of string"));
        }
    }
    Ok(text)
}
