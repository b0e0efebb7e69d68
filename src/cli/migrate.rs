//! `provost migrate`: brings the database up to date.
//!
//! A daemon does the same at its start; this is for those who want it done before,
//! or as a role with more rights.

use serde_json::json;

use super::{
    Failure,
    offline::Place,
    output::{self, Output},
};

/// Bring the database up to date
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost migrate
  provost migrate --database postgres://owner@db/provost")]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// The form of what is printed
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// Runs the migrations that have not run yet.
pub(super) fn main(args: &Args) -> Result<(), Failure> {
    let store = args.place.open()?;
    let ran = store.migrate()?;
    match args.output {
        Output::Json => output::json(&json!({ "database": store.describe(), "migrations": ran })),
        Output::Table if ran == 0 => output::line(&format!("{} is up to date", store.describe())),
        Output::Table => output::line(&format!("{}: {ran} migrations ran", store.describe())),
    }
}
