//! What an existing queue is, compared with what it should be.
//!
//! AMQP cannot ask a queue for its arguments, only declare it again and be told
//! the first that differs. So the difference is taken over and it is declared
//! again, until all differences are known. This never changes the queue.

use std::collections::BTreeMap;

use lapin::types::{AMQPValue, ShortString};

use super::{
    fault::{self, Fault},
    topology::{Desk, Queue},
};

pub(super) const SINGLE_ACTIVE_CONSUMER: &str = "x-single-active-consumer";

/// How many differences are looked for.
const ROUNDS: usize = 12;

/// Arguments of a queue.
pub(super) type Arguments = BTreeMap<ShortString, AMQPValue>;

/// Compares a queue that exists.
///
/// *Errors*: how it differs, with codes that leave it usable; or that the broker is away.
pub(super) async fn compare(desk: &mut Desk<'_>, queue: &Queue) -> Result<(), Fault> {
    let mut arguments = queue.arguments.clone();
    let mut differences = Vec::new();
    for _ in 0..ROUNDS {
        match desk.declare_queue(&queue.name, arguments.clone()).await {
            Ok(()) => break,
            // Without the permission to configure it cannot be compared, and need not be.
            Err(fault) if fault.code == fault::PERMISSION => break,
            Err(fault) if fault.code == fault::OTHERWISE => {
                let Some(difference) = Difference::read(&fault.text) else {
                    differences.push(fault.text);
                    break;
                };
                differences.push(difference.to_string());
                if !difference.take_over(&mut arguments) {
                    break;
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    judge(&queue.name, &differences)
}

fn judge(name: &str, differences: &[String]) -> Result<(), Fault> {
    if differences.is_empty() {
        return Ok(());
    }
    let all = differences.join("; ");
    let is_single = !all.contains(SINGLE_ACTIVE_CONSUMER);
    let code = if is_single {
        fault::OTHERWISE
    } else {
        fault::NOT_SINGLE
    };
    let what = if is_single {
        "was declared otherwise than Provost would"
    } else {
        "has no single active consumer: with several daemons the order of a conversation's events is not kept"
    };
    let text = format!("the queue `{name}` {what} ({all}); it is consumed as it is");
    Err(Fault::new(code, text))
}

/// One argument that differs.
#[derive(Debug, PartialEq)]
struct Difference {
    argument: String,
    ours: String,
    theirs: Option<AMQPValue>,
    shown: String,
}

impl Difference {
    /// Reads RabbitMQ's sentence: `inequivalent arg 'NAME' for queue 'Q' in vhost 'V': received
    /// the value 'X' of type 'T' but current is the value 'Y' of type 'T'` or `none` for either.
    fn read(said: &str) -> Option<Self> {
        let (_, rest) = said.split_once("inequivalent arg '")?;
        let (argument, rest) = rest.split_once('\'')?;
        let (_, rest) = rest.split_once("': received ")?;
        let (ours, theirs) = rest.split_once(" but current is ")?;
        Some(Self {
            argument: argument.to_owned(),
            ours: show(ours),
            theirs: value(theirs),
            shown: show(theirs),
        })
    }

    /// Makes the arguments as the queue has it; `false` when that cannot be said by arguments.
    fn take_over(self, arguments: &mut Arguments) -> bool {
        let Ok(name) = ShortString::try_new(self.argument) else {
            return false;
        };
        let is_argument = name.as_str().starts_with("x-");
        match self.theirs {
            Some(value) => drop(arguments.insert(name, value)),
            None => drop(arguments.remove(&name)),
        }
        is_argument
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            argument,
            ours,
            shown,
            ..
        } = self;
        write!(f, "`{argument}` is {shown} instead of {ours}")
    }
}

/// `the value 'X' of type 'T'` as X.
fn show(said: &str) -> String {
    quoted(said, "the value '")
        .unwrap_or(said)
        .trim_matches('\'')
        .to_owned()
}

fn value(said: &str) -> Option<AMQPValue> {
    let text = quoted(said, "the value '")?;
    Some(match quoted(said, "of type '")? {
        "bool" => AMQPValue::Boolean(text == "true"),
        "longstr" => AMQPValue::LongString(text.into()),
        _ => AMQPValue::LongLongInt(text.parse().ok()?),
    })
}

fn quoted<'a>(said: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = said.split_once(before)?;
    rest.split_once('\'').map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rabbitmqs_sentences_are_read() {
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-single-active-consumer' for queue 'q' in vhost '/': received the value 'true' of type 'bool' but current is none";
        let read = Difference::read(said).expect("a difference");
        assert_eq!(
            read.to_string(),
            "`x-single-active-consumer` is none instead of true"
        );
        let mut arguments =
            Arguments::from([(SINGLE_ACTIVE_CONSUMER.into(), AMQPValue::Boolean(true))]);
        assert!(read.take_over(&mut arguments));
        assert!(arguments.is_empty());

        let said = "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is the value '10' of type 'signedint'";
        let read = Difference::read(said).expect("a difference");
        assert!(read.take_over(&mut arguments));
        assert_eq!(arguments["x-max-length"], AMQPValue::LongLongInt(10));

        let said = "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'";
        let read = Difference::read(said).expect("a difference");
        assert_eq!(read.to_string(), "`durable` is false instead of true");
        assert!(!read.take_over(&mut arguments));
        assert_eq!(Difference::read("something else"), None);
    }

    #[test]
    fn a_missing_single_active_consumer_has_a_code_of_its_own() {
        assert_eq!(judge("q", &[]), Ok(()));
        let max = "`x-max-length` is 10 instead of none".to_owned();
        let single = "`x-single-active-consumer` is none instead of true".to_owned();
        let code = |differences: &[String]| judge("q", differences).map_err(|fault| fault.code);
        assert_eq!(code(std::slice::from_ref(&max)), Err(fault::OTHERWISE));
        assert_eq!(code(&[max, single]), Err(fault::NOT_SINGLE));
    }
}
