//! What the clock brings: approvals that somebody is to be reminded of, or that expire.
//!
//! Looked for by their due instants in the database, so that a daemon that comes later finds
//! what one before it left; looked at again under the subject's lock when it is decided.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::app::App;
use crate::{
    decide::ApprovalDue,
    domain::{approval::Approval, time::Span},
};

/// How often what is due is looked for.
const LOOK: Span = Span::from_millis(250);
/// How many are taken at once.
const MOST: i64 = 256;

/// Feeds what is due into the pipeline until stopped.
pub(super) async fn run(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = app.clock.sleep(LOOK) => {}
        }
        let now = app.clock.now();
        let due = app
            .store
            .read(move |reader| reader.approvals_due(now, MOST));
        match due.await {
            Ok(due) => {
                for approval in due {
                    decide(&app, &approval).await;
                }
            }
            Err(error) => tracing::debug!(%error, "what is due was not looked for"),
        }
    }
}

async fn decide(app: &App, approval: &Approval) {
    let Some(input) = ApprovalDue::input(&app.config.source, approval) else {
        return;
    };
    if let Err(error) = app.intake.decide(vec![Arc::new(input)]).await {
        tracing::warn!(approval.id = %approval.approval_id, %error, "an approval that is due was not decided");
    }
}
