//! The persons of the audit log: which label stands for whom.
//!
//! Written by `super::commit` with the entries that name them. What is deleted here the
//! log no longer knows, and still verifies.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{
    connection::{Connection, on},
    error::StoreError,
    journal::bytes,
    reader::{Desk, Reader},
    schema::audit_persons,
};
use crate::domain::{
    person::Person,
    time::{Span, Timestamp},
};

/// A label is used for this long after it was given, and some more for a batch under way.
const USED: Span = Span::from_secs(3_600);

type Row = (String, Vec<u8>, String, i64);

impl Reader {
    /// Gives the values that labels stand for; what was erased, or does not fit its label, is absent.
    pub fn persons(&mut self, labels: &[String]) -> Result<HashMap<String, String>, StoreError> {
        if labels.is_empty() {
            return Ok(HashMap::new());
        }
        self.ask(|connection| {
            let rows: Vec<Row> = on!(connection, c => audit_persons::table
                .filter(audit_persons::label.eq_any(labels))
                .load(c)?);
            let persons = rows.into_iter().map(to_person);
            let persons: Vec<Person> = persons.collect::<Result<_, _>>()?;
            let held = persons.into_iter().filter(Person::holds);
            Ok(held.map(|person| (person.label, person.value)).collect())
        })
    }
}

impl Desk {
    /// Deletes labels that no entry decided at or after `before` can hold.
    pub fn persons_prune(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        let before = before.minus(USED).micros();
        self.transact(|connection| {
            Ok(on!(connection, c => diesel::delete(
                audit_persons::table.filter(audit_persons::at.lt(before)),
            )
            .execute(c)?))
        })
    }
}

/// Gives the labels of a value.
pub(super) fn labels_of(
    connection: &mut Connection,
    value: &str,
) -> Result<Vec<String>, StoreError> {
    Ok(on!(connection, c => audit_persons::table
        .filter(audit_persons::value.eq(value))
        .select(audit_persons::label)
        .load(c)?))
}

fn to_person((label, salt, value, at): Row) -> Result<Person, StoreError> {
    Ok(Person {
        label,
        salt: bytes("audit_persons.salt", &salt)?,
        value,
        at: Timestamp::from_micros(at),
    })
}
