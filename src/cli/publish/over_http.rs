//! Handing batches to a daemon over its HTTP API.
//!
//! A refused event is named by its line and left out, the rest goes again: a
//! batch is stored whole or not at all. When the daemon is busy, the batch waits
//! as long as it asks for.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::{Tally, batch::Batch};
use crate::{
    cli::{
        Failure,
        client::{Client, Connection, Fault, Refusal},
    },
    http::BATCHED,
};

/// How often a batch is offered to a daemon that is busy.
const TRIES: u32 = 60;

/// A daemon.
pub(super) struct Daemon {
    client: Client,
}

impl Daemon {
    /// Makes the way to a daemon.
    pub(super) fn new(connection: &Connection) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(connection)?,
        })
    }

    /// Hands a batch over.
    pub(super) async fn send(&self, batch: Batch, tally: &mut Tally) -> Result<(), Failure> {
        let mut waiting = vec![batch];
        while let Some(mut batch) = waiting.pop() {
            if batch.is_empty() {
                continue;
            }
            let refusal = match self.offer(&batch).await? {
                Ok(answer) => {
                    tally.add(&answer);
                    report_refused(&batch, &answer, tally)?;
                    continue;
                }
                Err(refusal) => refusal,
            };
            match refusal.status {
                StatusCode::CONFLICT => {
                    tally.add(&refusal.problem);
                    report_refused(&batch, &refusal.problem, tally)?;
                }
                StatusCode::PAYLOAD_TOO_LARGE if batch.lines.len() > 1 => {
                    let (earlier, later) = batch.halves();
                    waiting.extend([later, earlier]);
                }
                StatusCode::PAYLOAD_TOO_LARGE => {
                    tally.fail(batch.lines[0].number, &refusal.detail())?;
                }
                StatusCode::BAD_REQUEST => {
                    let Some(line) = named(&refusal).and_then(|index| batch.remove(index)) else {
                        return Err(refusal.into());
                    };
                    tally.fail(line.number, &described(&refusal))?;
                    waiting.push(batch);
                }
                _ => return Err(refusal.into()),
            }
        }
        Ok(())
    }

    async fn offer(&self, batch: &Batch) -> Result<Result<Value, Refusal>, Failure> {
        let body = batch.to_json();
        let mut tries = 0;
        loop {
            tries += 1;
            match self.client.post("/v1/events", BATCHED, body.clone()).await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Fault::Unreachable(failure)) => return Err(failure),
                Err(Fault::Refused(refusal))
                    if refusal.status == StatusCode::SERVICE_UNAVAILABLE && tries < TRIES =>
                {
                    let pause = refusal.retry_after.unwrap_or(Duration::from_secs(2));
                    tokio::time::sleep(pause.min(Duration::from_secs(30))).await;
                }
                Err(Fault::Refused(refusal)) => return Ok(Err(refusal)),
            }
        }
    }
}

fn named(refusal: &Refusal) -> Option<usize> {
    let index = refusal.problem.pointer("/event/index")?.as_u64()?;
    usize::try_from(index).ok()
}

fn described(refusal: &Refusal) -> String {
    let reason = refusal.problem["reason"].as_str().unwrap_or("refused");
    match refusal.problem["field"].as_str() {
        Some(field) => format!("{reason}: {} (`{field}`)", refusal.detail()),
        None => format!("{reason}: {}", refusal.detail()),
    }
}

fn report_refused(batch: &Batch, answer: &Value, tally: &mut Tally) -> Result<(), Failure> {
    for refused in answer["refused"].as_array().into_iter().flatten() {
        let line = refused["index"]
            .as_u64()
            .and_then(|index| batch.lines.get(usize::try_from(index).ok()?));
        let text = |name: &str| refused[name].as_str().unwrap_or_default().to_owned();
        if refused["reason"] != "id_reused" {
            // Stored and refused: it is among the accepted ones, too.
            tally.accepted = tally.accepted.saturating_sub(1);
        }
        let detail = format!("{}: {}", text("reason"), text("detail"));
        tally.fail(line.map_or(0, |line| line.number), &detail)?;
    }
    Ok(())
}
