//! `provost procedures …`: definitions of procedures, on this machine and in a daemon, and their runs.
//!
//! What works on files ([`files`], [`simulate`]) needs no daemon; it reads the configuration and the policy. The
//! rest ([`remote`], [`runs`]) asks one. Exit codes: 0 all is well, 1 a scenario fails or a replay differs, 78 a
//! definition, the policy or the configuration is in error.

mod files;
mod remote;
mod runs;
mod simulate;

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    Failure,
    client::{Client, Connection, Page},
    house::Folders,
    output,
};
use crate::procedures::schema;

/// Write, check, try, publish and run procedures
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost procedures                                what there is, by slug
  provost procedures validate refund.yaml           everything wrong with it; its scenarios hold
  provost procedures simulate refund.yaml           what comes of each scenario
  provost procedures simulate refund.yaml --input 4711 --mock 'look_up={\"ok\": true}'
  provost procedures show refund.yaml               the flow, step by step
  provost procedures publish refund.yaml            from now on runs begin with it
  provost procedures show refund --format mermaid   what is active in a daemon
  provost procedures diff refund --from 1 --to 2    what differs; 0 is the draft
  provost procedures run refund --conversation c-77
  provost procedures runs --state awaiting_input
  provost procedures runs replay run_01j… --file refund.yaml
  provost procedures schema > schema.json           for editors that complete and check

FILE is JSON or YAML; `-` reads standard input. What is done with files alone needs no daemon.")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List procedures (also without a subcommand)
    List(Page),
    /// Show everything that is wrong or doubtful with files, scenarios included
    Validate {
        /// Definitions, JSON or YAML
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Run a file in memory, by its own scenarios or by a script; nothing is kept, nothing leaves
    Simulate(simulate::Args),
    /// Draw the flow of a file, or of what a daemon has
    Show(Show),
    /// Show what differs between two files, or between two versions in a daemon
    Diff(Diff),
    /// Print the JSON Schema of definitions
    Schema,
    /// Write the draft of a procedure; nothing runs by it yet
    Draft {
        /// A definition, JSON or YAML
        file: PathBuf,
    },
    /// Publish a file by way of the draft, or the draft itself: runs begin with it from now on
    Publish {
        /// A definition, JSON or YAML; or a procedure, by its slug
        #[arg(value_name = "FILE|SLUG")]
        what: String,
    },
    /// Archive a procedure: no run begins with it any more, those under way go on
    Archive {
        /// Its slug
        slug: String,
    },
    /// Stop a version at once: no run begins or goes on with it
    Stop {
        /// The procedure's slug
        slug: String,
        /// The number of the version
        version: i64,
        /// Why, for those whose conversations are handed over
        #[arg(long)]
        reason: String,
    },
    /// Let a stopped version go on
    Release {
        /// The procedure's slug
        slug: String,
        /// The number of the version
        version: i64,
    },
    /// Show which runs that wait for an answer could go on with another version, or move them
    Migrate(Migrate),
    /// Start a procedure in a conversation
    Run(runs::Start),
    /// List runs, look at one, call one off, try a recorded one again
    Runs(runs::Args),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// A definition, JSON or YAML; or a procedure, by its slug
    #[arg(value_name = "FILE|SLUG")]
    what: String,
    /// This version instead of the active one; 0 is the draft
    #[arg(long, value_name = "N")]
    version: Option<i64>,
    /// How
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct Diff {
    /// The older file; or a procedure, by its slug
    #[arg(value_name = "OLD|SLUG")]
    before: String,
    /// The newer file
    #[arg(value_name = "NEW", conflicts_with_all = ["from", "to"])]
    after: Option<PathBuf>,
    /// The older version; 0 is the draft
    #[arg(long, value_name = "N")]
    from: Option<i64>,
    /// The newer version
    #[arg(long, value_name = "N", default_value_t = 0)]
    to: i64,
}

#[derive(Debug, clap::Args)]
struct Migrate {
    /// The procedure's slug
    slug: String,
    /// The number of the version that they go on with
    #[arg(long, value_name = "N")]
    to: i64,
    /// Move them; without this it is only shown what would move
    #[arg(long)]
    yes: bool,
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

/// What a word of the command line means.
enum Meant {
    File(PathBuf),
    Slug(String),
}

impl Meant {
    /// Takes what is there, is written as a file is, or is standard input for a file.
    fn of(word: String) -> Self {
        let path = PathBuf::from(&word);
        // A slug has neither.
        let is_path = word == "-" || word.contains(['/', '.']);
        if is_path || path.is_file() {
            Self::File(path)
        } else {
            Self::Slug(word)
        }
    }
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let (folders, output) = (&args.folders, args.connection.output);
    let command = args.command.unwrap_or(Command::List(args.page));
    let client = || Client::new(&args.connection);
    match command {
        Command::Validate { files } => files::validate(folders, output, &files),
        Command::Simulate(wish) => simulate::main(folders, output, &wish),
        Command::Schema => output::json(&schema::schema()),
        Command::Show(Show {
            what,
            version,
            format,
        }) => match Meant::of(what) {
            Meant::File(file) => files::show(output, &file, format),
            Meant::Slug(slug) => remote::show(&client()?, output, &slug, (version, format)).await,
        },
        Command::Diff(Diff {
            before,
            after,
            from,
            to,
        }) => match (after, from) {
            (Some(after), _) => files::diff(output, &PathBuf::from(before), &after),
            (None, Some(from)) => remote::compare(&client()?, output, &before, (from, to)).await,
            (None, None) => Err(Failure::new(format!("what is `{before}` compared with?"))
                .next("name a second file, or versions of a procedure: --from 1 --to 2")
                .code(2)),
        },
        Command::List(page) => remote::list(&client()?, output, &page).await,
        Command::Draft { file } => remote::draft(&client()?, output, &file).await,
        Command::Publish { what } => remote::publish(&client()?, output, Meant::of(what)).await,
        Command::Archive { slug } => remote::archive(&client()?, output, &slug).await,
        Command::Stop {
            slug,
            version,
            reason,
        } => remote::stop(&client()?, output, (&slug, version), Some(reason)).await,
        Command::Release { slug, version } => {
            remote::stop(&client()?, output, (&slug, version), None).await
        }
        Command::Migrate(wish) => remote::migrate(&client()?, output, &wish).await,
        Command::Run(wish) => runs::start(&client()?, output, &wish).await,
        Command::Runs(wish) => runs::main(&client()?, output, wish).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Whole {
        #[command(flatten)]
        procedures: Args,
    }

    #[test]
    fn a_word_is_a_file_where_it_looks_like_one() {
        for (word, is_file) in [
            ("refund", false),
            ("refund.yaml", true),
            ("-", true),
            ("procedures/refund", true),
        ] {
            assert_eq!(
                matches!(Meant::of(word.to_owned()), Meant::File(_)),
                is_file
            );
        }
    }

    #[test]
    fn versions_and_files_are_not_compared_with_one_another() {
        for (line, is_valid) in [
            ("procedures diff old.yaml new.yaml", true),
            ("procedures diff refund --from 1", true),
            ("procedures diff refund --from 1 --to 2", true),
            ("procedures diff old.yaml new.yaml --from 1", false),
            ("procedures runs --state completed", true),
            ("procedures runs show run_1", true),
            ("procedures --limit 3", true),
        ] {
            let read = Whole::try_parse_from(line.split(' '));
            assert_eq!(read.is_ok(), is_valid, "{line}: {read:?}");
        }
    }
}
