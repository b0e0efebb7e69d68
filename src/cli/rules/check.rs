//! `provost rules check`: every fault at once, of the rules and of the inbound mappings.

use std::{fs, io, path::Path};

use serde_json::json;

use super::{Failure, Output, Place, output};
use crate::{
    cli::EXIT_CONFIG,
    clock::Clock,
    policy::{Fault, Mapping, Policy, Severity, Sources},
    workbench::check::render,
};

pub(super) fn main(place: &Place) -> Result<(), Failure> {
    let mappings = read_mappings(&place.config.join("mappings"))
        .map_err(|error| Failure::new(format!("cannot read the mappings: {error}")))?;
    let loaded = Policy::load(&place.sources, &place.settings.directory);
    let mut faults = match &loaded {
        Ok(policy) => {
            let now = Clock::machine().now();
            [policy.warnings(), &policy.check_at(now)].concat()
        }
        Err(faults) => faults.clone(),
    };
    for (file, text) in &mappings.files {
        let name = file.trim_end_matches(".rhai");
        for fault in Mapping::load(name, text).err().unwrap_or_default() {
            faults.push(Fault {
                file: file.clone(),
                ..fault
            });
        }
    }
    let is_good = faults
        .iter()
        .all(|fault| fault.severity == Severity::Warning);
    if place.output == Output::Json {
        output::json(&json!({
            "ok": is_good, "version": place.version, "faults": faults,
            "rules": loaded.as_ref().map(|policy| policy.rules().len()).ok(),
        }))?;
    } else {
        show(
            place,
            &faults,
            &mappings,
            loaded.ok().as_ref().filter(|_| is_good),
        )?;
    }
    if is_good {
        Ok(())
    } else {
        Err(Failure::said().code(EXIT_CONFIG))
    }
}

fn show(
    place: &Place,
    faults: &[Fault],
    mappings: &Sources,
    policy: Option<&Policy>,
) -> Result<(), Failure> {
    if !faults.is_empty() {
        let mut sources = mappings.clone();
        sources.files.extend(place.sources.files.clone());
        output::aside(render(faults, &sources).trim_end())?;
    }
    let Some(policy) = policy else { return Ok(()) };
    let built_by_hand = match mappings.files.len() {
        0 => String::new(),
        count => format!(", {count} mappings of your own"),
    };
    output::line(&format!(
        "{}: {} rules in {} files{built_by_hand}, version {}",
        place.folder.display(),
        policy.rules().len(),
        place.sources.files.len(),
        place.version
    ))
}

/// Reads `config/mappings/*.rhai`, each under that path; an absent folder holds none.
fn read_mappings(dir: &Path) -> io::Result<Sources> {
    if !fs::exists(dir)? {
        return Ok(Sources::default());
    }
    let read = Sources::read(dir)?.files.into_iter();
    Ok(Sources {
        files: read
            .map(|(file, text)| (dir.join(file).display().to_string(), text))
            .collect(),
    })
}
