//! The files of an audit export: JSON Lines, which can be verified, and CSV for a spreadsheet.
//!
//! A line of JSON Lines carries the body exactly as it was hashed. The last line names
//! the end of the chain, so that a file that was cut off is noticed; an export that was
//! narrowed says so and has no chain.

use csv::Writer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::{
    audit::{AuditBody, AuditEntry},
    ids::{hex, unhex},
    record::{AuditRow, Tail},
    report::inert,
};

/// The head of a CSV export.
const COLUMNS: [&str; 15] = [
    "sequence",
    "position",
    "at",
    "actor_kind",
    "actor_id",
    "action",
    "subject",
    "customer",
    "amount",
    "outcome",
    "rules",
    "event_id",
    "source",
    "hash",
    "body",
];

/// One entry.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    sequence: i64,
    position: i64,
    hash: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The newest entry's sequence, and its hash.
    pub tail: EndOfChain,
    /// How many entries the file has.
    pub entries: i64,
    /// Whether it has only some of the entries.
    pub filtered: bool,
}

/// Where the chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndOfChain {
    /// The newest entry's sequence.
    pub sequence: i64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

impl End {
    /// Makes the last line of an export.
    pub fn new(tail: &Tail, entries: i64, filtered: bool) -> Self {
        Self {
            tail: EndOfChain {
                sequence: tail.audit_sequence,
                hash: hex(&tail.audit_hash),
            },
            entries,
            filtered,
        }
    }

    /// Reads a last line; `None` when the line is an entry, or nothing at all.
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Gives the tail that the file's entries end with.
    pub fn tail(&self) -> Option<Tail> {
        Some(Tail {
            position: 0,
            audit_sequence: self.tail.sequence,
            audit_hash: unhex(&self.tail.hash)?,
        })
    }

    /// Writes the line.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// Writes entries as JSON Lines.
pub fn to_jsonl(rows: &[AuditRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let Ok(body) = RawValue::from_string(row.entry.body.clone()) else {
            // What is no JSON any more was changed; the walk finds it missing.
            continue;
        };
        let line = Line {
            sequence: row.entry.sequence,
            position: row.entry.position,
            hash: hex(&row.entry.hash),
            body: &body,
        };
        text.push_str(&serde_json::to_string(&line).unwrap_or_default());
        text.push('\n');
    }
    text
}

/// Reads an entry from a line of JSON Lines, its columns from the body.
///
/// *Errors*: a sentence that says what is wrong with the line.
pub fn from_line(line: &str) -> Result<AuditRow, String> {
    let read: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let body: AuditBody =
        serde_json::from_str(read.body.get()).map_err(|error| format!("its body: {error}"))?;
    let entry = AuditEntry {
        sequence: read.sequence,
        position: read.position,
        body: read.body.get().to_owned(),
        hash: unhex(&read.hash).ok_or("its hash is none")?,
    };
    Ok(AuditRow::of(entry, body))
}

/// Writes entries as CSV, with the head before the first.
pub fn to_csv(rows: &[AuditRow], is_first: bool) -> Vec<u8> {
    let mut writer = Writer::from_writer(Vec::new());
    if is_first {
        // Writing to memory cannot fail.
        let _ = writer.write_record(COLUMNS);
    }
    for row in rows {
        let body: Option<AuditBody> = serde_json::from_str(&row.entry.body).ok();
        let amount = body.as_ref().and_then(|body| body.amount);
        let (event_id, source, rules) = body
            .map(|body| (body.event_id, body.source, body.rules.join("; ")))
            .unwrap_or_default();
        let (kind, id) = row.actor.split_once(':').unwrap_or_default();
        let _ = writer.write_record([
            row.entry.sequence.to_string(),
            row.entry.position.to_string(),
            row.at.to_string(),
            inert(kind),
            inert(id),
            inert(&row.action),
            inert(row.subject.as_str()),
            inert(row.customer.as_deref().unwrap_or_default()),
            amount.map(|amount| amount.to_string()).unwrap_or_default(),
            row.outcome.to_owned(),
            inert(&rules),
            inert(&event_id),
            inert(&source),
            hex(&row.entry.hash),
            row.entry.body.clone(),
        ]);
    }
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        actor::Actor,
        audit::{AuditOutcome, GENESIS, leaf, link},
        ids::SubjectId,
        time::Timestamp,
    };

    fn row(action: &str) -> AuditRow {
        let body = AuditBody {
            v: 1,
            at: Timestamp::from_micros(1),
            actor: Actor::system("=cmd|x"),
            action: action.to_owned(),
            event_id: "e, \"1\"".to_owned(),
            source: "/chat".to_owned(),
            subject: "c".to_owned(),
            customer: None,
            amount: None,
            outcome: AuditOutcome::Denied,
            rules: vec!["A".to_owned(), "B".to_owned()],
            checks: Vec::new(),
            effects: vec![serde_json::json!({"n": 1})],
            policy: "p".to_owned(),
        };
        let body = serde_json::to_string(&body).expect("JSON");
        let hash = link(&GENESIS, 1, 7, &leaf(&body));
        AuditRow {
            entry: AuditEntry {
                sequence: 1,
                position: 7,
                body,
                hash,
            },
            at: Timestamp::from_micros(1),
            actor: "system:=cmd|x".to_owned(),
            action: action.to_owned(),
            outcome: "denied",
            rule: "A".to_owned(),
            more_rules: vec!["B".to_owned()],
            customer: None,
            amount: None,
            subject: SubjectId::from("c"),
        }
    }

    #[test]
    fn an_entry_reads_back_from_its_line_to_the_byte() {
        let text = to_jsonl(&[row("x")]);
        assert_eq!(from_line(text.trim_end()), Ok(row("x")));
        assert!(from_line(r#"{"sequence":1}"#).is_err());
    }

    #[test]
    fn the_last_line_is_told_from_an_entry() {
        let tail = Tail {
            position: 9,
            audit_sequence: 1,
            audit_hash: row("x").entry.hash,
        };
        let end = End::new(&tail, 1, false);
        assert_eq!(End::parse(&end.to_line()), Some(end.clone()));
        assert_eq!(
            end.tail().map(|tail| tail.audit_hash),
            Some(tail.audit_hash)
        );
        assert_eq!(End::parse(to_jsonl(&[row("x")]).trim_end()), None);
    }

    #[test]
    fn a_spreadsheet_takes_no_text_for_a_formula() {
        let text = String::from_utf8(to_csv(&[row("ticket.updated")], true)).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("sequence,position,at,actor_kind"));
        assert!(
            lines[1].contains(",system,'=cmd|x,ticket.updated,c,,,denied,A; B,"),
            "{text}"
        );
        assert!(!String::from_utf8_lossy(&to_csv(&[row("x")], false)).contains("sequence,"));
    }
}
