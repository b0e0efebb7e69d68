//! `provost rules test`: the cases beside the rules.

use serde_json::json;

use super::{Failure, Output, Place, output};
use crate::{
    config::read_procedure_files,
    policy::Policy,
    workbench::{
        case_file,
        cases::{Report, Under, run_all},
        simulate::tried_of,
    },
};

pub(super) fn main(place: &Place, policy: &Policy, filter: Option<&str>) -> Result<(), Failure> {
    let files = case_file::read_folder(&place.folder)
        .map_err(|error| Failure::new(format!("cannot read the cases: {error}")))?;
    let procedures = read_procedure_files(&place.config.join("procedures"))
        .map_err(|error| Failure::new(format!("cannot read the procedures: {error}")))?;
    let under = Under {
        policy,
        settings: &place.settings,
        procedures: &tried_of(&procedures.unwrap_or_default()),
    };
    let report = run_all(&under, &files, filter);
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
