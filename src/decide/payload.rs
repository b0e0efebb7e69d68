//! Reading an event's data into its type, with the place of what is wrong.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Map, Number, Value};

use crate::domain::{
    decimal,
    event::{Reason, Rejection},
};

/// Reads `data` as a `T`. *Errors*: `invalid_data` with the dotted path of the field.
pub(super) fn read<T: DeserializeOwned>(data: &Map<String, Value>) -> Result<T, Rejection> {
    serde_path_to_error::deserialize(data).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." {
            "data".to_owned()
        } else {
            format!("data.{path}")
        };
        Rejection::new(
            Reason::InvalidData,
            field.clone(),
            format!("`{field}`: {}", error.inner()),
        )
    })
}

/// Reads an optional sentiment, −1..1.
pub(super) fn sentiment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Decimal>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    // Digits that a decimal does not hold are rounded away here: it is no amount.
    let rounded = || number.as_str().parse().ok();
    decimal::read(number.as_str())
        .or_else(rounded)
        .filter(|value| value.abs() <= Decimal::ONE)
        .map(Some)
        .ok_or_else(|| {
            D::Error::custom(format!(
                "a sentiment is a number from -1 to 1, not `{number}`"
            ))
        })
}

/// Reads a customer: an object whose `id` is a text that is not empty.
pub(super) fn customer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    let Some(customer) = Option::<Map<String, Value>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match customer.get("id") {
        Some(Value::String(id)) if !id.is_empty() => Ok(Some(customer)),
        Some(other) => Err(D::Error::custom(format!(
            "a customer's `id` is a string, not `{other}`"
        ))),
        None => Err(D::Error::custom("a customer has an `id`")),
    }
}

/// Reads a text that is not empty.
pub(super) fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        Err(D::Error::custom("must not be empty"))
    } else {
        Ok(text)
    }
}
