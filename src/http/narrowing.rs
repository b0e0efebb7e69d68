//! What the audit log is narrowed to: the filters that the search and the export share.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::problem::{Kind, Problem};
use crate::{
    domain::{audit::scaled_amount, members, time::Timestamp},
    store::AuditFilter,
};

/// What of a customer's id stands on record when somebody exports what is about them.
const WITHHELD: &str = "withheld";

/// The filters, as they were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrowing {
    pub(super) conversation: Option<String>,
    pub(super) customer: Option<String>,
    pub(super) actor: Option<String>,
    pub(super) action: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) amount_min: Option<String>,
    pub(super) amount_max: Option<String>,
}

impl Narrowing {
    /// Gives the store's filter.
    ///
    /// *Errors*: 400 when an amount is no number.
    pub(super) fn filter(self) -> Result<AuditFilter, Problem> {
        Ok(AuditFilter {
            amount_min: amount("amount_min", self.amount_min.as_deref())?,
            amount_max: amount("amount_max", self.amount_max.as_deref())?,
            subject: self.conversation,
            customer: self.customer,
            actor: self.actor.map(actor),
            action: self.action,
            outcome: self.outcome,
            rule: self.rule,
            from: self.from,
            to: self.to,
        })
    }

    /// Gives what stands on record of it: all that was given, customers' ids aside.
    pub(super) fn to_record(&self) -> Map<String, Value> {
        let is_customer = |actor: &&String| actor.starts_with("customer:");
        let shown = match self.actor.as_ref().filter(is_customer) {
            Some(_) => Some(format!("customer:{WITHHELD}")),
            None => self.actor.clone(),
        };
        let given = json!({
            "conversation": self.conversation, "actor": shown, "action": self.action,
            "customer": self.customer.as_ref().map(|_| WITHHELD),
            "outcome": self.outcome, "rule": self.rule, "from": self.from, "to": self.to,
            "amount_min": self.amount_min, "amount_max": self.amount_max,
        });
        let mut given = members::of(given);
        given.retain(|_, value| !value.is_null());
        given
    }
}

/// Reads an amount as it is searched by.
fn amount(field: &'static str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else {
        return Ok(None);
    };
    let read = Decimal::from_str_exact(text).map(scaled_amount);
    read.map(Some).map_err(|_| {
        let detail = format!("the query: {field} `{text}` is no plain number");
        Problem::new(Kind::BadRequest, detail).with("field", field)
    })
}

/// Gives `kind:id` of an actor; a bare id is that of an agent.
fn actor(text: String) -> String {
    let kind = text.split(':').next().unwrap_or_default();
    if ["agent", "ai", "customer", "system"].contains(&kind) && text.contains(':') {
        text
    } else {
        format!("agent:{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_actor_is_an_agent() {
        assert_eq!(actor("dana".into()), "agent:dana");
        assert_eq!(actor("ai:bot".into()), "ai:bot");
        assert_eq!(actor("system:rule:A".into()), "system:rule:A");
        assert_eq!(actor("x:y".into()), "agent:x:y");
    }

    #[test]
    fn no_customers_id_stands_on_record() {
        let narrowing = Narrowing {
            customer: Some("ada".to_owned()),
            actor: Some("customer:ada".to_owned()),
            rule: Some("Refunds".to_owned()),
            ..Narrowing::default()
        };
        let shown = Value::Object(narrowing.to_record());
        let expected =
            json!({"customer": "withheld", "actor": "customer:withheld", "rule": "Refunds"});
        assert_eq!(shown, expected);
    }
}
