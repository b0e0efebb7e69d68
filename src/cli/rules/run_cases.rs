//! `provost rules test`: the cases beside the rules.

use serde_json::json;

use super::{Failure, Output, Place, output};
use crate::{
    policy::Policy,
    workbench::{
        case_file,
        cases::{Report, run_all},
    },
};

pub(super) fn main(place: &Place, policy: &Policy, filter: Option<&str>) -> Result<(), Failure> {
    let files = case_file::read_folder(&place.folder)
        .map_err(|error| Failure::new(format!("cannot read the cases: {error}")))?;
    let report = run_all(policy, &place.settings, &files, filter);
    match place.output {
        Output::Json => output::json(&json!({
            "ok": report.is_clean(), "version": place.version, "passed": report.passed,
            "failed": report.failed, "untested": report.untested,
        }))?,
        Output::Table => show(&report, filter.is_some())?,
    }
    if report.is_clean() {
        Ok(())
    } else {
        Err(Failure::said())
    }
}

fn show(report: &Report, is_filtered: bool) -> Result<(), Failure> {
    for failure in &report.failed {
        output::line(&failure.to_string())?;
    }
    output::line(&format!(
        "{} passed, {} failed",
        report.passed,
        report.failed.len()
    ))?;
    if is_filtered || report.untested.is_empty() {
        return Ok(());
    }
    output::aside(&format!("fired in no case: {}", report.untested.join(", ")))
}
