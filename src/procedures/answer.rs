//! What the customer answers to a question: whether it is an answer, and what the variable takes of it.

use serde_json::{Number, Value};

use crate::domain::{decimal, procedure::Validation};

/// The longest answer. *Units*: characters.
pub const MAX_CHARS: usize = 4_000;

/// Words by which the customer ends a procedure, in lower case.
const CANCEL: [&str; 8] = [
    "abbrechen",
    "annuler",
    "annulla",
    "cancel",
    "cancelar",
    "never mind",
    "quit",
    "stop",
];

/// Words that say yes, and words that say no, in lower case.
const YES: [&str; 12] = [
    "confirm", "ja", "ok", "okay", "oui", "si", "sim", "sure", "sì", "sí", "y", "yes",
];
const NO: [&str; 6] = ["n", "nein", "no", "non", "nope", "não"];

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// There is no text in it.
    #[error("the answer is empty")]
    Empty,
    /// It is longer than [`MAX_CHARS`].
    #[error("the answer is longer than {MAX_CHARS} characters")]
    TooLong,
    /// It is not what was asked for.
    #[error("the answer is no {0}")]
    Not(&'static str),
}

/// Reads an answer: the value that the variable takes.
///
/// *Shape*: a number for `number`, digits with a leading `+` for `phone` where a country is given, else the
/// text without white space around it.
pub fn read(
    text: &str,
    validation: Validation,
    country: Option<&str>,
) -> Result<Value, AnswerFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AnswerFault::Empty);
    }
    if text.chars().count() > MAX_CHARS {
        return Err(AnswerFault::TooLong);
    }
    match validation {
        Validation::Text => Ok(text.into()),
        Validation::Number => number(text).ok_or(AnswerFault::Not("number")),
        Validation::Email => email(text).ok_or(AnswerFault::Not("e-mail address")),
        Validation::Phone => phone(text, country).ok_or(AnswerFault::Not("telephone number")),
    }
}

/// Tells whether the customer wants to end the procedure: the word alone, whatever its case.
pub fn is_cancel(text: &str) -> bool {
    CANCEL.contains(&alone(text).as_str())
}

/// Tells what the customer says to what he is asked to confirm; `None`: neither yes nor no.
pub fn consent(text: &str) -> Option<bool> {
    let word = alone(text);
    let is_yes = YES.contains(&word.as_str());
    (is_yes || NO.contains(&word.as_str())).then_some(is_yes)
}

/// Gives what is said, without case and the signs at its end.
fn alone(text: &str) -> String {
    text.trim().trim_end_matches(['.', '!']).to_lowercase()
}

fn number(text: &str) -> Option<Value> {
    let number = decimal::read(text)?.normalize();
    let number: Number = number.to_string().parse().ok()?;
    Some(Value::Number(number))
}

fn email(text: &str) -> Option<Value> {
    // People paste `<ada@example.com>` and write a full stop after it.
    let text = text.trim_matches(['<', '>', '.', ',']);
    let options = email_address::Options::default()
        .with_required_tld()
        .without_display_text()
        .without_domain_literal();
    email_address::EmailAddress::parse_with_options(text, options).ok()?;
    Some(text.into())
}

fn phone(text: &str, country: Option<&str>) -> Option<Value> {
    let country = country.and_then(|code| code.parse().ok());
    let number = phonenumber::parse(country, text).ok()?;
    if !phonenumber::is_valid(&number) {
        return None;
    }
    Some(
        number
            .format()
            .mode(phonenumber::Mode::E164)
            .to_string()
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::template::canonical;

    fn answer(text: &str, validation: Validation) -> Result<Value, String> {
        read(text, validation, Some("DE")).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_text_is_anything_that_is_not_empty() {
        assert_eq!(answer("  A-17 ", Validation::Text), Ok(json!("A-17")));
        assert_eq!(
            answer(" \n ", Validation::Text),
            Err("the answer is empty".to_owned())
        );
        let long = "x".repeat(MAX_CHARS + 1);
        assert!(answer(&long, Validation::Text).is_err());
        assert_eq!(answer(&long[1..], Validation::Text), Ok(json!(long[1..])));
    }

    #[test]
    fn a_number_is_one_by_its_value() {
        for (text, number) in [
            ("50", json!(50)),
            ("50.0", json!(50)),
            ("-3.25", json!(-3.25)),
            ("1e2", json!(100)),
        ] {
            let read = answer(text, Validation::Number).expect(text);
            assert_eq!(read.to_string(), number.to_string());
        }
        for text in ["fifty", "5 0", "1,5", "NaN", "0x10", "1e999"] {
            assert_eq!(
                answer(text, Validation::Number),
                Err("the answer is no number".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_is_one_that_mail_can_go_to() {
        for text in [
            "ada@example.com",
            "ada.l+x@mail.example.co.uk",
            "<ada@example.com>.",
            "jörg@exämple.de",
        ] {
            assert!(answer(text, Validation::Email).is_ok(), "{text}");
        }
        for text in [
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "ada@ex ample.com",
            "a@b@c.de",
            "Ada <ada@example.com>",
        ] {
            assert!(answer(text, Validation::Email).is_err(), "{text}");
        }
        assert_eq!(
            answer("<ada@example.com>.", Validation::Email),
            Ok(json!("ada@example.com"))
        );
    }

    #[test]
    fn a_telephone_number_is_kept_in_its_one_form() {
        for (text, kept) in [
            ("+49 30 901820", "+4930901820"),
            ("030 / 90 18 20", "+4930901820"),
            ("+1 (650) 253-0000", "+16502530000"),
        ] {
            assert_eq!(answer(text, Validation::Phone), Ok(json!(kept)), "{text}");
        }
        for text in ["12", "call me", "+49 1", "+999 123456789"] {
            assert!(answer(text, Validation::Phone).is_err(), "{text}");
        }
        // Without a country only an international number says where it is.
        assert!(read("030 901820", Validation::Phone, None).is_err());
        assert!(read("+4930901820", Validation::Phone, None).is_ok());
    }

    #[test]
    fn a_word_alone_is_a_yes_or_a_no() {
        for text in ["Yes!", "ja", " OK. ", "Sí"] {
            assert_eq!(consent(text), Some(true), "{text}");
        }
        for text in ["no", "Nein."] {
            assert_eq!(consent(text), Some(false), "{text}");
        }
        for text in ["yes, but later", "no idea", "", "maybe"] {
            assert_eq!(consent(text), None, "{text}");
        }
    }

    #[test]
    fn a_word_alone_ends_the_procedure() {
        for text in ["cancel", " Cancel! ", "STOP", "Abbrechen.", "never mind"] {
            assert!(is_cancel(text), "{text}");
        }
        for text in ["cancel my order", "do not stop", ""] {
            assert!(!is_cancel(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_reads_as_the_same_again(text in "\\PC{0,60}") {
            for validation in Validation::NAMES.map(|(_, validation)| validation) {
                if let Ok(value) = read(&text, validation, Some("US")) {
                    let again = read(&canonical(&value), validation, Some("US"));
                    prop_assert_eq!(again, Ok(value));
                }
            }
        }
    }
}
