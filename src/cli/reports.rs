//! `provost reports actions | sla`: what happened over a time, in numbers.

use std::io::{self, Write};

use clap::ValueEnum;
use futures_util::StreamExt;

use super::{
    Failure,
    client::{Client, Query, Reach, given},
    output,
};

/// See what happened over a time, in numbers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost reports actions                                   all that is kept
  provost reports actions --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z
  provost reports sla --by team --metric first_response
  provost reports sla --by week --timezone Europe/Berlin --format html > sla.html
  provost reports actions --format csv > actions.csv")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    reach: Reach,
    /// The form of what is printed
    #[arg(
        long,
        short,
        visible_alias = "format",
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Connection"
    )]
    output: Form,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// How often each action was asked for, and what became of it
    Actions(Period),
    /// How many SLA clocks kept their targets
    Sla(Sla),
}

#[derive(Debug, clap::Args)]
struct Period {
    /// Not before this time (RFC 3339); from the beginning of what is kept when absent
    #[arg(long)]
    from: Option<String>,
    /// Before this time (RFC 3339); up to now when absent
    #[arg(long)]
    to: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Sla {
    #[command(flatten)]
    period: Period,
    /// In groups: category, metric, policy, priority, tag, team or week; by metric when absent
    #[arg(long)]
    by: Option<String>,
    /// Whose weeks count, such as Europe/Berlin; those of UTC when absent
    #[arg(long)]
    timezone: Option<String>,
    /// Only this metric
    #[arg(long)]
    metric: Option<String>,
    /// Only this policy
    #[arg(long)]
    policy: Option<String>,
    /// Only this team
    #[arg(long)]
    team: Option<String>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table for people
    #[default]
    Table,
    /// JSON as the API answers it
    Json,
    /// A file for spreadsheets
    Csv,
    /// A page of its own, with bars
    Html,
}

impl Command {
    /// Gives the report's name, and what it is asked for.
    fn query(&self) -> (&'static str, Query<'_>) {
        let of = |period: &Period| given(&[("from", &period.from), ("to", &period.to)]);
        match self {
            Self::Actions(period) => ("actions", of(period)),
            Self::Sla(sla) => {
                let mut query = of(&sla.period);
                query.extend(given(&[
                    ("by", &sla.by),
                    ("timezone", &sla.timezone),
                    ("metric", &sla.metric),
                    ("policy", &sla.policy),
                    ("team", &sla.team),
                ]));
                ("sla", query)
            }
        }
    }
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::reach(&args.reach)?;
    let (name, mut query) = args.command.query();
    let path = format!("/v1/reports/{name}");
    let form = match args.output {
        Form::Json => return output::json(&client.get(&path, &query).await?),
        Form::Table => "table",
        Form::Csv => "csv",
        Form::Html => "html",
    };
    query.push(("format", form.to_owned()));
    let mut parts = client.download(&path, &query).await?.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Failure::new("the report broke off"))?;
        io::stdout().lock().write_all(&part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn a_report_is_asked_for_what_was_given() {
        let typed = ["x", "sla", "--by", "team", "--to", "2026-12-01T00:00:00Z"];
        let cli = Cli::try_parse_from(typed).expect("reads");
        let (name, query) = cli.command.query();
        assert_eq!(name, "sla");
        let expected = [("to", "2026-12-01T00:00:00Z"), ("by", "team")];
        assert_eq!(
            query,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        assert!(Cli::try_parse_from(["x", "actions", "--by", "team"]).is_err());
    }
}
