//! `provost procedures …`: check, draw and compare definitions of procedures, without a daemon.
//!
//! A definition is a file, JSON or YAML; `-` reads standard input. Exit codes: 0 all is well, 78 a definition
//! or the configuration is in error.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{
    EXIT_CONFIG, Failure,
    house::{Folders, Place},
    input::text_of,
    output::{self, Output},
};
use crate::{
    domain::procedure::{Definition, Fault, Weight},
    procedures::{
        check::{Names, check},
        diff::diff,
        draw, schema,
    },
};

/// Check, draw and compare definitions of procedures
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost procedures validate refund.yaml           everything wrong with it, with its place
  provost procedures show refund.yaml               the flow, step by step
  provost procedures show refund.yaml --format mermaid
  provost procedures diff old.yaml new.yaml
  provost procedures schema > procedure.schema.json  for editors that complete and check")]
pub struct Args {
    #[command(flatten)]
    folders: Folders,
    /// For people or for programs
    #[arg(short, long, value_enum, default_value_t, global = true)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything that is wrong or doubtful
    Validate {
        /// Definitions, JSON or YAML
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Draw the flow
    Show {
        /// A definition, JSON or YAML
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show what differs between two definitions
    Diff {
        /// The older one
        #[arg(value_name = "OLD")]
        before: PathBuf,
        /// The newer one
        #[arg(value_name = "NEW")]
        after: PathBuf,
    },
    /// Print the JSON Schema of definitions
    Schema,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    /// Lines for a terminal
    #[default]
    Terminal,
    /// A Mermaid flowchart
    Mermaid,
    /// The definition as JSON
    Json,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Validate { files } => validate(args, files),
        Command::Show { file, format } => {
            let definition = read(file, args.output)?;
            match format {
                Format::Terminal => output::line(draw::terminal(&definition).trim_end()),
                Format::Mermaid => output::line(draw::mermaid(&definition).trim_end()),
                Format::Json => output::json(&definition.text),
            }
        }
        Command::Diff { before, after } => {
            let changes = diff(&read(before, args.output)?, &read(after, args.output)?);
            if args.output == Output::Json {
                return output::json(&json!({"changes": changes}));
            }
            if changes.is_empty() {
                return output::line("nothing differs");
            }
            changes
                .iter()
                .try_for_each(|change| output::line(&change.to_string()))
        }
        Command::Schema => output::json(&schema::schema()),
    }
}

fn validate(args: &Args, files: &[PathBuf]) -> Result<(), Failure> {
    let settings = Place::find(&args.folders, args.output)?.settings;
    let names = Names {
        catalogue: &settings.catalogue,
        roles: &settings.directory.roles,
        has_mail: settings.notices.mail.is_some(),
    };
    let (mut is_good, mut reports) = (true, Vec::new());
    for file in files {
        let read = Definition::parse(&text_of(file)?);
        let faults = match &read {
            Ok(definition) => check(definition, &names),
            Err(faults) => faults.clone(),
        };
        let is_sound = faults.iter().all(|fault| fault.severity == Weight::Warning);
        is_good &= is_sound;
        if args.output == Output::Json {
            reports.push(json!({"file": file, "faults": faults}));
            continue;
        }
        show(file, &faults)?;
        if let Some(definition) = read.ok().filter(|_| is_sound) {
            let (slug, count) = (&definition.slug, definition.steps.len());
            output::line(&format!("{}: `{slug}`, {count} steps", file.display()))?;
        }
    }
    if args.output == Output::Json {
        output::json(&json!({"ok": is_good, "procedures": reports}))?;
    }
    if is_good {
        Ok(())
    } else {
        Err(Failure::said().code(EXIT_CONFIG))
    }
}

fn show(file: &Path, faults: &[Fault]) -> Result<(), Failure> {
    for fault in faults {
        let weight = match fault.severity {
            Weight::Error => "error",
            Weight::Warning => "warning",
        };
        let step = fault.step.as_ref();
        let step = step
            .map(|step| format!(" (step `{step}`)"))
            .unwrap_or_default();
        output::aside(&format!("{weight}: {}: {fault}{step}", file.display()))?;
    }
    Ok(())
}

fn read(file: &Path, output: Output) -> Result<Definition, Failure> {
    Definition::parse(&text_of(file)?).map_err(|faults| {
        let said = match output {
            Output::Table => show(file, &faults),
            Output::Json => output::json(&json!({"ok": false, "faults": faults})),
        };
        said.err().unwrap_or_else(Failure::said).code(EXIT_CONFIG)
    })
}
