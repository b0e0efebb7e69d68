//! `provost explain CODE`: says what to do about a stable code.
//!
//! The codes stand where they are raised; `TABLES` is the one list of those
//! places.

use super::{Failure, output};

/// Every table of codes, by area.
const TABLES: &[&[(&str, &str)]] = &[
    crate::broker::CODES,
    crate::config::CODES,
    crate::daemon::CODES,
    crate::domain::procedure::read::CODES,
    crate::http::problem::CODES,
    crate::policy::CODES,
    crate::procedures::CODES,
    crate::store::CODES,
    crate::workbench::cases::CODES,
    crate::workbench::scenarios::CODES,
];

/// Say what a code such as PV-RULE-003 means and what to do
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  provost explain PV-HTTP-014\n  provost explain            list all codes"
)]
pub struct Args {
    /// The code; all of them when absent
    code: Option<String>,
}

/// Prints the remedy of a code, or all of them.
pub(super) fn main(args: &Args) -> Result<(), Failure> {
    let mut known: Vec<&(&str, &str)> = TABLES.iter().copied().flatten().collect();
    known.sort_unstable();
    let Some(code) = &args.code else {
        for (code, remedy) in known {
            output::line(&format!("{code}  {remedy}"))?;
        }
        return Ok(());
    };
    if let Some((_, remedy)) = known
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
    {
        return output::line(remedy);
    }
    let upper = code.to_ascii_uppercase();
    let nearest = known
        .iter()
        .min_by_key(|(known, _)| strsim::osa_distance(known, &upper))
        .map(|(known, _)| format!("did you mean {known}? `provost explain` lists all of them"));
    Err(Failure::new(format!("there is no code `{code}`")).next(nearest.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_code_is_well_formed_and_stands_once() {
        let mut seen = HashSet::new();
        for (code, remedy) in TABLES.iter().copied().flatten() {
            let parts: Vec<&str> = code.split('-').collect();
            assert!(
                matches!(parts[..], ["PV", area, number]
                    if ["RULE", "CONF", "STORE", "AMQP", "HTTP", "EVENT", "PROC", "RUN"].contains(&area)
                        && number.len() == 3
                        && number.bytes().all(|digit| digit.is_ascii_digit())),
                "{code}"
            );
            assert!(seen.insert(code), "{code} stands twice");
            assert!(remedy.len() > 20, "{code} has no remedy worth the name");
        }
    }
}
