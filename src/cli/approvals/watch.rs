//! `provost approvals --watch`: the list kept fresh until Ctrl-C.
//!
//! In a terminal the list is drawn anew whenever it changes; elsewhere each approval that
//! was not there before is one line. A daemon that goes away is waited for.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    time::Duration,
};

use serde_json::Value;

use super::{
    super::{
        Failure,
        client::{Client, Fault, Query},
        output::{self, Output},
    },
    LIST,
};

/// How long to wait before the next look.
const PAUSE: Duration = Duration::from_secs(1);
/// Empties a terminal and goes to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Keeps the list fresh until Ctrl-C.
///
/// *Errors*: when the daemon refuses, or was never there.
pub(super) async fn watch(
    client: &Client,
    output: Output,
    query: &Query<'_>,
) -> Result<(), Failure> {
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended.map_err(Failure::from),
        failed = look_on(client, output, query) => failed,
    }
}

async fn look_on(client: &Client, output: Output, query: &Query<'_>) -> Result<(), Failure> {
    let redraws = output == Output::Table && io::stdout().is_terminal();
    let mut was_there = false;
    let mut last: Option<Vec<Value>> = None;
    let mut seen = Seen::default();
    loop {
        match client.look("/v1/approvals", query).await {
            Ok(answer) => {
                was_there = true;
                let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
                if !redraws {
                    for item in seen.fresh(items) {
                        output::line(&line(output, item))?;
                    }
                } else if last.as_deref() != Some(items) {
                    output::line(&format!("{CLEAR}{}", drawing(items)))?;
                    last = Some(items.to_vec());
                }
            }
            Err(Fault::Unreachable(_)) if was_there => {}
            Err(Fault::Refused(refusal)) if was_there && refusal.status.is_server_error() => {}
            Err(fault) => return Err(fault.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn drawing(items: &[Value]) -> String {
    if items.is_empty() {
        return "nothing waits for a decision; Ctrl-C ends".to_owned();
    }
    format!("{}\n\nCtrl-C ends", output::table(LIST, items))
}

fn line(output: Output, item: &Value) -> String {
    if output == Output::Json {
        return item.to_string();
    }
    format!(
        "{}  {}  {}  (asked by {}, {} of {}, until {})",
        output::cell(&item["requested_at"]),
        output::cell(&item["approval_id"]),
        output::cell(&item["summary"]),
        output::cell(&item["requester"]),
        item["required"],
        output::cell(&item["approvers"]),
        output::cell(&item["expires_at"]),
    )
}

/// Remembers which approvals were shown.
#[derive(Debug, Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    /// Gives those that were not there before, the oldest first.
    fn fresh<'i>(&mut self, items: &'i [Value]) -> Vec<&'i Value> {
        let newest_last = items.iter().rev();
        newest_last
            .filter(|item| self.0.insert(output::cell(&item["approval_id"])))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_approval_is_told_once_the_oldest_first() {
        let of = |id: &str| json!({"approval_id": id});
        let mut seen = Seen::default();
        assert_eq!(seen.fresh(&[of("b"), of("a")]), [&of("a"), &of("b")]);
        assert_eq!(seen.fresh(&[of("c"), of("b"), of("a")]), [&of("c")]);
        assert_eq!(seen.fresh(&[of("c")]), Vec::<&Value>::new());
    }

    #[test]
    fn a_line_says_who_is_asked_for_what() {
        let item = json!({
            "approval_id": "apr_1", "requested_at": "2026-11-20T08:00:00Z", "summary": "refund: amount 20",
            "requester": "bot", "required": 2, "approvers": ["manager"], "expires_at": "2026-11-21T08:00:00Z",
        });
        insta::assert_snapshot!(line(Output::Table, &item), @"2026-11-20T08:00:00Z  apr_1  refund: amount 20  (asked by bot, 2 of manager, until 2026-11-21T08:00:00Z)");
        assert_eq!(line(Output::Json, &item), item.to_string());
    }
}
