//! A flag as it is published, kept and listed.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use super::{Flag, Measure};
use crate::domain::{tally::TallyKey, time::Timestamp};

/// Something out of the usual: told at most once for each key and hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The watch.
    pub anomaly: String,
    /// What was measured.
    pub measure: Measure,
    /// What it is.
    pub value: Number,
    /// What is usual; the cap while there is no history.
    pub expected: Number,
    /// How far beside it is; `None` while there is no history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whose it is.
    pub key: String,
    /// When it was flagged.
    pub at: Timestamp,
    /// The action.
    pub action: String,
    /// The request with which it was noticed.
    pub request_id: String,
}

impl Anomaly {
    /// Makes the record of a flag.
    pub fn of(flag: &Flag, measure: Measure, key: &TallyKey) -> Self {
        Self {
            anomaly: key.name.clone(),
            measure,
            value: digits(flag.value),
            expected: digits(flag.expected),
            score: flag.score.map(shortened),
            key: key.key.clone(),
            at: Timestamp::default(),
            action: String::new(),
            request_id: String::new(),
        }
    }

    /// Gives what is published.
    pub fn to_published(&self) -> Value {
        let mut data = json!({
            "anomaly": self.anomaly, "measure": self.measure, "value": self.value,
            "expected": self.expected, "key": self.key,
        });
        if let Some(score) = self.score {
            data["score"] = json!(score);
        }
        data
    }

    /// Gives what is on record in the audit log: without the key, which may name a customer.
    pub fn to_effect(&self) -> Value {
        let mut effect = self.to_published();
        if let Some(members) = effect.as_object_mut() {
            members.remove("key");
        }
        effect["effect"] = json!("anomaly_detected");
        effect["request_id"] = json!(self.request_id);
        effect["action"] = json!(self.action);
        effect
    }

    /// Says it in words.
    pub fn say(&self) -> String {
        let Self {
            anomaly,
            value,
            expected,
            action,
            ..
        } = self;
        let what = match self.measure {
            Measure::ApprovalRate => "approvals without a rejection",
            Measure::Count => "requests",
            Measure::OffHours => "requests at an unusual hour",
            Measure::Repeat => "times the same request",
            Measure::Sum => "in all",
        };
        format!("{anomaly}: {value} {what} for `{action}`, where {expected} is expected")
    }
}

/// Writes a decimal as a JSON number, digit by digit.
fn digits(value: Decimal) -> Number {
    let written = value.normalize().to_string();
    written.parse().unwrap_or_else(|_| Number::from(0))
}

/// Gives a score with two digits after the point.
fn shortened(score: f64) -> f64 {
    (score.min(1e9) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_published_in_numbers_and_on_record_without_its_key() {
        let flag = Flag {
            value: Decimal::new(94_050, 2),
            expected: Decimal::from(80),
            score: Some(12.345_6),
        };
        let key = TallyKey {
            name: "Refund spike".to_owned(),
            key: "customer:ada".to_owned(),
        };
        let mut anomaly = Anomaly::of(&flag, Measure::Sum, &key);
        anomaly.action = "refund".to_owned();
        assert_eq!(
            anomaly.to_published().to_string(),
            r#"{"anomaly":"Refund spike","expected":80,"key":"customer:ada","measure":"sum","score":12.35,"value":940.5}"#
        );
        assert!(!anomaly.to_effect().to_string().contains("ada"));
        assert_eq!(
            anomaly.say(),
            "Refund spike: 940.5 in all for `refund`, where 80 is expected"
        );
        let text = serde_json::to_string(&anomaly).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Anomaly>(&text).expect("reads"),
            anomaly
        );
    }
}
