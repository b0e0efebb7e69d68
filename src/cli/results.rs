//! `provost results`: what was published, as a page or followed.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

use super::{
    Failure,
    client::{Client, Connection, Fault, Query, given},
    output::{self, Output},
};

/// Show or follow what was published
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  provost results --conversation c-1001
  provost results --type ticket.*,message.send --limit 20
  provost results --follow                  from now on, until interrupted
  provost results --follow --after 0        from the beginning, then on")]
pub struct Args {
    /// Keep the connection open and print results as they come; from now on unless --after says otherwise
    #[arg(long, short)]
    follow: bool,
    /// Go on after this cursor: a result's sequence, or `latest`
    #[arg(long)]
    after: Option<String>,
    /// Only these types, separated by commas; `ticket.*` for all of a kind
    #[arg(long = "type")]
    kind: Option<String>,
    /// Only results of this conversation
    #[arg(long)]
    conversation: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command.
pub(super) async fn main(args: Args) -> Result<(), Failure> {
    let client = Client::new(&args.connection)?;
    let output = args.connection.output;
    let mut query = given(&[("type", &args.kind), ("conversation", &args.conversation)]);
    if args.follow {
        let after = args.after.unwrap_or_else(|| "latest".to_owned());
        return follow(&client, output, &query, after).await;
    }
    query.push(("limit", args.limit.to_string()));
    query.extend(args.after.map(|after| ("after", after)));
    let answer = client.get("/v1/results", &query).await?;
    if output == Output::Json {
        return output::json(&answer);
    }
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return output::aside("nothing found");
    }
    output::line(&output::table(
        &[
            ("SEQUENCE", "/sequence"),
            ("TIME", "/time"),
            ("TYPE", "/type"),
            ("SUBJECT", "/subject"),
            ("DATA", "/data"),
        ],
        items,
    ))?;
    output::aside(&format!(
        "go on with --after {}",
        answer["next"].as_str().unwrap_or_default()
    ))
}

/// How long to wait before a lost stream is opened again.
const PAUSE: Duration = Duration::from_secs(1);

async fn follow(
    client: &Client,
    output: Output,
    query: &Query<'_>,
    after: String,
) -> Result<(), Failure> {
    let mut last: Option<String> = None;
    let mut was_open = false;
    loop {
        let mut asked = query.clone();
        asked.push(("after", after.clone()));
        match client.stream("/v1/results", &asked, last.as_deref()).await {
            Ok(response) => {
                was_open = true;
                let mut lines = Lines::default();
                let mut chunks = response.bytes_stream();
                while let Some(Ok(chunk)) = chunks.next().await {
                    for (id, data) in lines.take(&chunk) {
                        print(output, &data)?;
                        last = Some(id);
                    }
                }
            }
            Err(Fault::Unreachable(_)) if was_open => {}
            Err(Fault::Refused(refusal)) if was_open && refusal.status.is_server_error() => {}
            Err(fault) => return Err(fault.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn print(output: Output, data: &str) -> Result<(), Failure> {
    if output == Output::Json {
        return output::line(data);
    }
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    output::line(&format!(
        "{}  {:<24}  {}  {}",
        output::cell(&event["time"]),
        output::cell(&event["type"]),
        output::cell(&event["subject"]),
        output::cell(&event["data"]),
    ))
}

/// Cuts a stream of server-sent events into its events.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    id: String,
    data: Vec<String>,
}

impl Lines {
    /// Takes the next bytes and gives the events that are whole: id and data.
    fn take(&mut self, chunk: &[u8]) -> Vec<(String, String)> {
        self.rest.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\r', '\n']), &mut events);
        }
        events
    }

    fn line(&mut self, line: &str, events: &mut Vec<(String, String)>) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.id),
            "data" => self.data.push(value.to_owned()),
            "" if line.is_empty() && !self.data.is_empty() => {
                events.push((self.id.clone(), std::mem::take(&mut self.data).join("\n")));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_however_the_bytes_come() {
        let text =
            b"id: 1-0\ndata: {\"a\":1}\n\n: ping\n\nid: 2-0\r\ndata: x\r\ndata: y\r\n\r\nid: 3";
        let wanted = [("1-0", "{\"a\":1}"), ("2-0", "x\ny")]
            .map(|(id, data)| (id.to_owned(), data.to_owned()));
        assert_eq!(Lines::default().take(text), wanted);
        let mut lines = Lines::default();
        let one_by_one: Vec<_> = text.iter().flat_map(|&byte| lines.take(&[byte])).collect();
        assert_eq!(one_by_one, wanted);
    }
}
