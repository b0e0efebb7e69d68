//! Schedules: each `schedule` rule's instants, as inputs.
//!
//! The wall clock decides when; sleeping goes by the monotonic clock in steps of
//! at most [`STEP`], so that a clock that jumps is noticed. An instant has one id
//! everywhere, so of several daemons the journal lets one decide it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{intake::Intake, reload::InForce};
use crate::{
    clock::Clock,
    decide::{Entry, Input, due_event},
    domain::time::{Span, Timestamp},
};

/// The longest sleep.
const STEP: Span = Span::from_secs(20);

/// Feeds due schedules into the pipeline until stopped.
pub(super) async fn run(
    clock: Clock,
    in_force: Arc<InForce>,
    intake: Intake,
    stop: CancellationToken,
) {
    let mut seen = clock.now();
    loop {
        let ruling = in_force.ruling();
        let next = ruling
            .policy
            .schedules()
            .iter()
            .filter_map(|schedule| schedule.next_after(seen))
            .min();
        let now = clock.now();
        let wait = next.map_or(STEP, |next| next.since(now)).min(STEP);
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(wait.max(Span::from_micros(0))) => {}
        }
        let now = clock.now();
        let due: Vec<(Arc<str>, Timestamp)> = ruling
            .policy
            .schedules()
            .iter()
            .filter_map(|schedule| Some((Arc::clone(&schedule.rule), schedule.next_after(seen)?)))
            .filter(|(_, at)| *at <= now)
            .collect();
        for (rule, at) in &due {
            let event = due_event(&ruling.settings.source, rule, *at);
            match Input::read(event, &Arc::new(Entry::house())) {
                Ok(input) => {
                    if let Err(error) = intake.decide(vec![Arc::new(input)]).await {
                        tracing::warn!(%rule, %error, "a schedule's instant was not decided");
                    }
                }
                Err(rejection) => {
                    tracing::error!(%rule, %rejection, "a schedule's instant cannot be read");
                }
            }
        }
        // Step to the newest instant that was decided; a clock set back decides nothing twice, the journal sees to that.
        seen = due
            .iter()
            .map(|(_, at)| *at)
            .min()
            .unwrap_or_else(|| seen.max(now.minus(STEP)));
    }
}
