//! What can be wrong with the configuration, and how it is shown.
//!
//! A fault names file, line, column and the key's dotted path, so that an editor
//! can jump there. A fault that stops the start and a warning have the same form;
//! where they are kept tells them apart. Printed by `crate::cli`.

use std::fmt;

/// The file, or a folder of it, cannot be read.
pub(super) const UNREADABLE: &str = "PV-CONF-001";
/// The text is not TOML.
pub(super) const SYNTAX: &str = "PV-CONF-002";
/// A key that no section knows.
pub(super) const UNKNOWN_KEY: &str = "PV-CONF-003";
/// A value of another type than the key takes.
pub(super) const WRONG_TYPE: &str = "PV-CONF-004";
/// A value of the right type that cannot be used.
pub(super) const BAD_VALUE: &str = "PV-CONF-005";
/// A key that must be there is not.
pub(super) const MISSING_KEY: &str = "PV-CONF-006";
/// A name of something that nothing defines.
pub(super) const UNKNOWN_NAME: &str = "PV-CONF-007";
/// A `${…}` reference that cannot be resolved.
pub(super) const UNRESOLVED: &str = "PV-CONF-008";
/// A team that nobody and no channel stands behind.
pub(super) const EMPTY_TEAM: &str = "PV-CONF-009";
/// A secret that is written in the file itself; a warning.
pub(super) const PLAIN_SECRET: &str = "PV-CONF-010";
/// Something that will not do what it looks like; a warning.
pub(super) const NO_EFFECT: &str = "PV-CONF-011";
/// The key that seals the audit log cannot be used.
pub(super) const KEY_FILE: &str = "PV-CONF-012";

/// Every code of this area with what an operator does about it.
pub const CODES: &[(&str, &str)] = &[
    (
        UNREADABLE,
        "Let the daemon's user read the configuration folder and its files (UTF-8 text), or name another folder with `--config`.",
    ),
    (
        SYNTAX,
        "Mend the TOML at the place that is named; texts stand in double quotes, and a key stands once in its table.",
    ),
    (
        UNKNOWN_KEY,
        "Correct the spelling, or move the key below the section that knows it; `config/provost.toml` lists every key.",
    ),
    (
        WRONG_TYPE,
        "Write the value in the form that the message asks for: \"text\" in quotes, numbers and true/false without.",
    ),
    (
        BAD_VALUE,
        "Replace the value; the message says what is accepted.",
    ),
    (MISSING_KEY, "Add the key below the section that is named."),
    (
        UNKNOWN_NAME,
        "Define what is named (a person below [people], a mapping as config/mappings/NAME.rhai), or correct the name.",
    ),
    (
        UNRESOLVED,
        "Set the environment variable, create the file, or hand the credential to the service (LoadCredential= in the systemd unit).",
    ),
    (
        EMPTY_TEAM,
        "Give the team `members`, a `channel`, or both; otherwise nobody would learn of its work.",
    ),
    (
        PLAIN_SECRET,
        "Move the secret out of the file and refer to it: ${env:NAME}, ${file:PATH} or ${credential:NAME}.",
    ),
    (
        NO_EFFECT,
        "Complete or remove the setting; the daemon starts, but it does less than the setting suggests.",
    ),
    (
        KEY_FILE,
        "Let the daemon's user alone read and write the file (`chmod 600`), or name another with `[audit] key`. A key that others could read proves nothing: move it away, a new one is made at the next start and enters the log with its first seal. Never delete the public key that others verify with.",
    ),
];

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The stable code, `PV-CONF-NNN`.
    pub code: &'static str,
    /// The file, or the name of the environment variable.
    pub file: String,
    /// Counted from 1; 0 where there is no line (the environment, a whole file).
    pub line: usize,
    /// Counted in characters from 1; 0 where there is no line.
    pub column: usize,
    /// The dotted path of the key, such as `broker.prefetch` or `queues[0].name`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl ConfigFault {
    /// Tells whether the fault would stand whatever else the file held.
    pub(super) fn is_about_what_stands_there(&self) -> bool {
        ![MISSING_KEY, UNKNOWN_NAME, EMPTY_TEAM].contains(&self.code)
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {} {}", self.code, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Where a value stands; faults about it are made from here.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) key: String,
}

impl Place {
    /// Makes a fault of this place.
    pub(super) fn fault(
        &self,
        code: &'static str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> ConfigFault {
        ConfigFault {
            code,
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            key: self.key.clone(),
            message: message.into(),
            hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_registered_once_and_in_order() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
