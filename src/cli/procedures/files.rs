//! Files: checked, drawn and compared.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Format;
use crate::{
    cli::{
        EXIT_CONFIG, Failure, faults,
        house::{Folders, Place},
        input::text_of,
        output::{self, Output},
    },
    clock::Clock,
    domain::procedure::{Definition, Fault},
    procedures::{
        diff::{self, Change},
        draw,
    },
    workbench::{
        simulate::Ground,
        verify::{Verified, verify},
    },
};

/// Shows everything wrong or doubtful, file by file.
pub(super) fn validate(
    folders: &Folders,
    output: Output,
    files: &[PathBuf],
) -> Result<(), Failure> {
    let place = Place::find(folders, output)?;
    let policy = place.load()?;
    let ground = Ground {
        policy: &policy,
        settings: &place.settings,
        now: Clock::machine().now(),
    };
    let (mut is_good, mut reports) = (true, Vec::new());
    for file in files {
        let verified = verify(&ground, Definition::parse(&text_of(file)?));
        is_good &= verified.publishable().is_some();
        if output == Output::Json {
            reports.push(reported(file, &verified));
        } else {
            tell(file, &verified)?;
        }
    }
    if output == Output::Json {
        output::json(&json!({"ok": is_good, "procedures": reports}))?;
    }
    if is_good {
        Ok(())
    } else {
        Err(Failure::said().code(EXIT_CONFIG))
    }
}

fn reported(file: &Path, verified: &Verified) -> Value {
    let scenarios = verified.simulated.iter();
    let scenarios: Vec<Value> = scenarios
        .map(|(name, simulated)| json!({"name": name, "simulated": simulated}))
        .collect();
    json!({"file": file, "faults": verified.faults, "scenarios": scenarios})
}

fn tell(file: &Path, verified: &Verified) -> Result<(), Failure> {
    show_faults(&file.display().to_string(), &verified.faults)?;
    let Some(definition) = verified.publishable() else {
        return Ok(());
    };
    let scenarios = match verified.simulated.len() {
        0 => "no scenarios".to_owned(),
        1 => "1 scenario holds".to_owned(),
        count => format!("{count} scenarios hold"),
    };
    output::line(&format!(
        "{}: `{}`, {} steps, {scenarios}",
        file.display(),
        definition.slug,
        definition.steps.len()
    ))
}

/// Shows faults beside the output proper, a line each, behind where they are.
pub(super) fn show_faults(place: &str, faults: &[Fault]) -> Result<(), Failure> {
    let told = faults
        .iter()
        .filter_map(|fault| faults::told(&json!(fault)));
    told.into_iter()
        .try_for_each(|line| output::aside(&format!("{place}: {line}")))
}

/// Reads a definition; everything wrong with its form is shown.
///
/// *Errors*: exit code 78.
pub(super) fn read(file: &Path, output: Output) -> Result<Definition, Failure> {
    let read = Definition::parse(&text_of(file)?);
    read.map_err(|malformed| refuse(&file.display().to_string(), output, &malformed.faults))
}

/// Shows what is wrong with a definition; exit code 78.
pub(super) fn refuse(place: &str, output: Output, faults: &[Fault]) -> Failure {
    let said = match output {
        Output::Table => show_faults(place, faults),
        Output::Json => output::json(&json!({"ok": false, "faults": faults})),
    };
    said.err().unwrap_or_else(Failure::said).code(EXIT_CONFIG)
}

/// Draws a file.
pub(super) fn show(output: Output, file: &Path, format: Format) -> Result<(), Failure> {
    let definition = read(file, output)?;
    match output {
        Output::Table => draw(&definition, format),
        Output::Json => draw(&definition, Format::Json),
    }
}

/// Draws a definition.
pub(super) fn draw(definition: &Definition, format: Format) -> Result<(), Failure> {
    match format {
        Format::Terminal => output::line(draw::terminal(definition).trim_end()),
        Format::Mermaid => output::line(draw::mermaid(definition).trim_end()),
        Format::Json => output::json(&definition.text),
    }
}

/// Compares two files.
pub(super) fn diff(output: Output, before: &Path, after: &Path) -> Result<(), Failure> {
    let changes = diff::diff(&read(before, output)?, &read(after, output)?);
    match output {
        Output::Table => tell_changes(&changes),
        Output::Json => output::json(&json!({"changes": changes})),
    }
}

/// Shows what differs, a line each.
pub(super) fn tell_changes(changes: &[Change]) -> Result<(), Failure> {
    if changes.is_empty() {
        return output::line("nothing differs");
    }
    changes
        .iter()
        .try_for_each(|change| output::line(&change.to_string()))
}
