//! `provost completions SHELL`: prints a completion script.

use std::io::Write;

use clap_complete::Shell;

use super::Failure;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  provost completions bash > /etc/bash_completion.d/provost")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(super) fn main(args: &Args, command: &mut clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "provost", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}
