//! One message to Provost's own broker, confirmed, in the terms in which an attempt ends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    broker::{Outgoing, Published, Publisher},
    domain::execution::Ended,
};

/// Publishes a message, once, and waits for the broker to have it.
pub(super) async fn publish(
    publisher: Option<&Publisher>,
    message: Outgoing,
    timeout: Duration,
) -> Ended {
    let Some(publisher) = publisher else {
        return Ended::Refused {
            detail: "no broker is configured".to_owned(),
        };
    };
    let confirmed = tokio::time::timeout(timeout, publisher.publish(vec![message])).await;
    let answered = |status: u16, body: Value| Ended::Answered {
        status,
        retry_after: None,
        body,
    };
    match confirmed {
        Ok(Ok(fates)) if fates.contains(&Published::Unroutable) => {
            answered(404, json!({"error": "no queue is bound for it"}))
        }
        Ok(Ok(_)) => answered(200, json!({})),
        Ok(Err(lost)) => Ended::Broken {
            detail: lost.to_string(),
        },
        Err(_) => Ended::Broken {
            detail: "the broker did not confirm in time".to_owned(),
        },
    }
}
