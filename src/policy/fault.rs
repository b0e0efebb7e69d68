//! Faults: what is wrong with a policy or a mapping, where, and how to mend it.
//!
//! A load collects all of them before it gives up. The codes are stable; their
//! remedies stand in [`CODES`], which `provost explain` lists.

use std::fmt;

use rhai::{EvalAltResult, ParseErrorType, Position};
use serde::Serialize;

/// How grave a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The policy loads none the less.
    Warning,
    /// The policy is refused.
    Error,
}

/// One thing that is wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The stable code, such as `PV-RULE-003`.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The file, relative to the policy folder.
    pub file: String,
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column, from 1; 0 when unknown.
    pub column: usize,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The nearest right spelling, or what to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The file is not Rhai.
pub(super) const SYNTAX: &str = "PV-RULE-001";
/// The file raised an error while it was loaded.
pub(super) const RAISED: &str = "PV-RULE-002";
/// A key that the rule or effect does not have.
pub(super) const KEY: &str = "PV-RULE-003";
/// A value of the wrong type or form.
pub(super) const VALUE: &str = "PV-RULE-004";
/// A key that must be there is absent.
pub(super) const MISSING: &str = "PV-RULE-005";
/// A team, person or channel that the configuration does not name.
pub(super) const NAME: &str = "PV-RULE-006";
/// An event type that does not exist.
pub(super) const EVENT: &str = "PV-RULE-007";
/// A field that the facts do not have.
pub(super) const FIELD: &str = "PV-RULE-008";
/// A function that does not exist, or not with so many arguments.
pub(super) const FUNCTION: &str = "PV-RULE-009";
/// A variable that does not exist.
pub(super) const VARIABLE: &str = "PV-RULE-010";
/// Two rules of one name.
pub(super) const DUPLICATE: &str = "PV-RULE-011";
/// A cron expression or timezone that cannot be read.
pub(super) const CRON: &str = "PV-RULE-012";
/// An import that cannot be made.
pub(super) const IMPORT: &str = "PV-RULE-013";
/// A registration where none may be.
pub(super) const REGISTRATION: &str = "PV-RULE-015";

/// Something that is right but does nothing.
pub(super) const USELESS: &str = "PV-RULE-016";
/// An action that no configuration defines, or a role that nobody holds.
pub(super) const UNKNOWN: &str = "PV-RULE-017";
/// A team that is told things and has no channel.
pub(super) const QUIET: &str = "PV-RULE-018";
/// A calendar that does not exist, or never opens again.
pub(super) const CALENDAR: &str = "PV-RULE-019";

/// The codes of what is only worth mending.
const WARNINGS: [&str; 3] = [USELESS, UNKNOWN, QUIET];

/// Every code with its remedy.
pub const CODES: &[(&str, &str)] = &[
    (
        SYNTAX,
        "Mend the syntax at the given place; the book of Rhai describes the language.",
    ),
    (
        RAISED,
        "The file raised an error while it was run at load; mend what it does at top level.",
    ),
    (
        KEY,
        "Use one of the keys that the rule kind or effect has; `rules/README.md` lists them.",
    ),
    (VALUE, "Give the key a value of the stated type."),
    (MISSING, "Add the key; the rule means nothing without it."),
    (
        NAME,
        "Name a team, person or channel that `provost.toml` defines, or define it there.",
    ),
    (
        EVENT,
        "Use one of the inbound event types of the contract, such as `conversation.message`.",
    ),
    (
        FIELD,
        "Use a field that the facts have; keys of your own stand in `customer`, `attributes` and `data`.",
    ),
    (
        FUNCTION,
        "Call a function that exists: of Rhai, of the host, of this file, or of an import.",
    ),
    (
        VARIABLE,
        "Declare the variable first, or mend its spelling.",
    ),
    (
        DUPLICATE,
        "Give each rule a name of its own; cooldowns and the audit log go by it.",
    ),
    (
        CRON,
        "Write five fields (minute hour day month weekday) with names for weekdays, and an IANA timezone.",
    ),
    (
        IMPORT,
        "Import a file of the policy folder by its path without `.rhai`, at top level.",
    ),
    (
        REGISTRATION,
        "Register rules at the top level of a file that is not imported.",
    ),
    (
        USELESS,
        "The rule can never do anything as it stands; change or remove it.",
    ),
    (
        UNKNOWN,
        "Define the action in `actions/`, or give the role to somebody; nothing comes of it before.",
    ),
    (
        QUIET,
        "Give the team a `channel` in `provost.toml`; without one each of its members is told alone.",
    ),
    (
        CALENDAR,
        "Name a `calendar` of the rules, and let each have some open time in the 366 days to come.",
    ),
];

/// Tells whether a policy with such a fault loads none the less.
pub(super) fn is_warning(code: &str) -> bool {
    WARNINGS.contains(&code)
}

impl Fault {
    /// Makes a fault, as grave as its code says.
    pub(super) fn new(
        code: &'static str,
        file: &str,
        at: Position,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: if is_warning(code) {
                Severity::Warning
            } else {
                Severity::Error
            },
            file: file.to_owned(),
            line: at.line().unwrap_or(0),
            column: column(at),
            message: message.into(),
            hint: None,
        }
    }

    /// Adds a hint, if there is one.
    pub(super) fn hinted(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Makes the fault of a file that does not compile.
    pub(super) fn of_parsing(file: &str, error: &rhai::ParseError) -> Self {
        let (code, message) = match error.err_type() {
            ParseErrorType::VariableUndefined(name) => {
                (VARIABLE, format!("the variable `{name}` is not defined"))
            }
            ParseErrorType::ModuleUndefined(name) => {
                (IMPORT, format!("nothing is imported as `{name}`"))
            }
            ParseErrorType::Reserved(name) if is_switched_off(name) => (
                FUNCTION,
                format!("`{name}` is switched off: rules neither print nor evaluate text"),
            ),
            other => {
                let text = other.to_string();
                match SWITCHED_OFF
                    .iter()
                    .find(|name| text.contains(&format!("'{name}'")))
                {
                    Some(name) => (
                        FUNCTION,
                        format!("`{name}` is switched off: rules neither print nor evaluate text"),
                    ),
                    None => (SYNTAX, text),
                }
            }
        };
        Self::new(code, file, error.position(), message)
    }

    /// Makes the fault of a file that raised an error while it ran.
    pub(super) fn of_running(file: &str, error: &EvalAltResult) -> Self {
        let found = Located::of(error, file);
        Self {
            code: RAISED,
            severity: Severity::Error,
            file: found.file,
            line: found.line,
            column: found.column,
            message: found.message,
            hint: None,
        }
    }
}

/// Words of Rhai that the sandbox takes away.
pub(super) const SWITCHED_OFF: [&str; 3] = ["debug", "eval", "print"];

fn is_switched_off(name: &str) -> bool {
    SWITCHED_OFF.contains(&name)
}

fn column(at: Position) -> usize {
    if at.is_none() {
        0
    } else {
        at.position().unwrap_or(1)
    }
}

/// A run-time error with its innermost place.
pub(super) struct Located {
    /// The file where it arose.
    pub(super) file: String,
    /// Line, from 1; 0 when unknown.
    pub(super) line: usize,
    /// Column, from 1; 0 when unknown.
    pub(super) column: usize,
    /// What went wrong, without the place.
    pub(super) message: String,
}

impl Located {
    /// Finds the place of `error`, which was met while running `file`.
    pub(super) fn of(error: &EvalAltResult, file: &str) -> Self {
        let mut file = file.to_owned();
        let mut at = Position::NONE;
        let mut inner = error;
        loop {
            let here = inner.position();
            match inner {
                EvalAltResult::ErrorInFunctionCall(_, source, cause, _) => {
                    at = if here.is_none() { at } else { here };
                    if !source.is_empty() {
                        file.clone_from(source);
                    }
                    inner = cause;
                }
                EvalAltResult::ErrorInModule(path, cause, _) => {
                    at = if here.is_none() { at } else { here };
                    file.clone_from(path);
                    inner = cause;
                }
                _ => {
                    at = if here.is_none() { at } else { here };
                    break;
                }
            }
        }
        Self {
            file,
            line: at.line().unwrap_or(0),
            column: column(at),
            message: describe(inner),
        }
    }
}

/// Words an error without its place.
fn describe(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) | EvalAltResult::ErrorTerminated(value, _) => {
            value.to_string()
        }
        EvalAltResult::ErrorTooManyOperations(_) => "too many operations".to_owned(),
        EvalAltResult::ErrorStackOverflow(_) => "calls are nested too deeply".to_owned(),
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("too large: {what}"),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!("there is no function `{signature}`")
        }
        EvalAltResult::ErrorModuleNotFound(path, _) => format!("there is no file `{path}.rhai`"),
        EvalAltResult::ErrorVariableNotFound(name, _) => {
            format!("the variable `{name}` is not defined")
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no key `{name}`"),
        other => {
            let text = other.to_string();
            match text.rfind(" (line ") {
                Some(end) if text.ends_with(')') => text[..end].to_owned(),
                _ => text,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
