//! Pages of lists: `?limit&after` in, `{items, next}` out.

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::{Kind, Problem};
use crate::store::{Listing, Page};

/// How many items a page has when nobody says.
pub(super) const DEFAULT_LIMIT: i64 = 100;
/// How many it may have.
const MAX_LIMIT: i64 = 1_000;

/// Reads a limit.
///
/// *Errors*: 400 when it is not from 1 to 1000.
pub(super) fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("`limit` is {limit}; it goes from 1 to {MAX_LIMIT}");
    Err(Problem::new(Kind::BadRequest, detail).with("field", "limit"))
}

/// Reads limit and cursor of a list.
pub(super) fn page(asked: Option<i64>, after: Option<&str>) -> Result<Page, Problem> {
    let after = after
        .map(|text| text.parse::<i64>().map_err(|_| bad_cursor(text)))
        .transpose()?;
    Ok(Page {
        after,
        limit: limit(asked)?,
    })
}

/// The query of a list that is narrowed by nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    limit: Option<i64>,
    after: Option<String>,
}

impl PageQuery {
    /// Reads which page is asked for.
    pub(super) fn page(&self) -> Result<Page, Problem> {
        page(self.limit, self.after.as_deref())
    }

    /// Reads how many are asked for of a list that goes by name, and the name after which they begin.
    pub(super) fn by_name(&self) -> Result<(usize, &str), Problem> {
        let limit = usize::try_from(limit(self.limit)?).unwrap_or(usize::MAX);
        Ok((limit, self.after.as_deref().unwrap_or_default()))
    }
}

/// Says that a cursor is none.
pub(super) fn bad_cursor(text: &str) -> Problem {
    let detail = format!("`after` is `{text}`, which is no cursor; take `next` of the page before");
    Problem::new(Kind::BadRequest, detail).with("field", "after")
}

/// Writes a page.
pub(super) fn listing<T>(page: Listing<T>, show: impl FnMut(T) -> Value) -> Json<Value> {
    let next = page.next.map(|next| next.to_string());
    let items: Vec<Value> = page.items.into_iter().map(show).collect();
    Json(match next {
        Some(next) => json!({ "items": items, "next": next }),
        None => json!({ "items": items, "next": null }),
    })
}

/// Writes something as JSON; what is stored always can be.
pub(super) fn shown(thing: &impl Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_cursors_are_checked() {
        assert_eq!(
            page(None, None).expect("defaults"),
            Page {
                after: None,
                limit: 100
            }
        );
        assert_eq!(
            page(Some(7), Some("42")).expect("valid"),
            Page {
                after: Some(42),
                limit: 7
            }
        );
        for (limit, after, field) in [
            (Some(0), None, "limit"),
            (Some(1_001), None, "limit"),
            (None, Some("x"), "after"),
        ] {
            let problem = page(limit, after).expect_err(field);
            assert_eq!(problem.to_json()["field"], field);
        }
    }
}
