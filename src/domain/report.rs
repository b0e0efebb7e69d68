//! Reports: a table of what was counted over a time, and the forms in which it is told.
//!
//! Who counts makes a [`Sheet`]; as JSON, CSV, text or a page it is written here, the same for
//! every report. What stands in a sheet was written by customers and agents too: the CSV starts
//! no formula, the page lets nothing through as markup.

mod page;
mod table;

use std::collections::BTreeMap;

use csv::Writer;
use serde_json::{Map, Value, json};

use super::time::{Span, Timestamp};

/// What stands in place of a name that is not there.
pub const NONE: &str = "(none)";

/// A report that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What it is about, in a few words.
    pub title: &'static str,
    /// From when on; `None`: from the beginning.
    pub from: Option<Timestamp>,
    /// Up to when, and not with it.
    pub to: Timestamp,
    /// What it was narrowed to and grouped by, such as `("by", "team")`.
    pub about: Vec<(&'static str, String)>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// The same over all of it, where that says more than the rows; its first cell is a name.
    pub total: Option<Vec<Cell>>,
}

/// A column of a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in JSON and CSV.
    pub name: &'static str,
    /// Its head for people.
    pub head: &'static str,
    /// Whether a page shows it as bars.
    pub is_charted: bool,
}

/// A value of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A name.
    Text(String),
    /// How often.
    Count(u64),
    /// How much of a whole; `None`: there was none. *Units*: ten-thousandths.
    Share(Option<u32>),
    /// How long; `None`: nothing was measured. *Units*: milliseconds.
    Millis(Option<i64>),
    /// How often what.
    Counts(BTreeMap<String, u64>),
}

/// The form in which a report is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For programs.
    #[default]
    Json,
    /// For spreadsheets.
    Csv,
    /// A page of its own, with bars.
    Html,
    /// Plain text in columns.
    Table,
}

impl Form {
    /// Reads the name of a form.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "html" => Some(Self::Html),
            "table" | "text" => Some(Self::Table),
            _ => None,
        }
    }

    /// Gives the media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Table => "text/plain; charset=utf-8",
        }
    }
}

impl Column {
    /// Makes a column.
    pub const fn new(name: &'static str, head: &'static str) -> Self {
        Self {
            name,
            head,
            is_charted: false,
        }
    }

    /// Has it shown as bars.
    #[must_use]
    pub const fn charted(mut self) -> Self {
        self.is_charted = true;
        self
    }
}

impl Cell {
    /// Gives the share of a part in a whole.
    pub fn share(part: u64, whole: u64) -> Self {
        let scaled = part.saturating_mul(10_000).saturating_add(whole / 2);
        let share = scaled.checked_div(whole);
        Self::Share(share.map(|share| u32::try_from(share).unwrap_or(u32::MAX)))
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Count(count) => json!(count),
            Self::Share(share) => json!(share.map(|share| f64::from(share) / 10_000.0)),
            Self::Millis(millis) => json!(millis),
            Self::Counts(counts) => json!(counts),
        }
    }

    fn to_csv(&self) -> String {
        match self {
            Self::Text(text) => inert(text),
            Self::Count(count) => count.to_string(),
            Self::Share(_) | Self::Millis(_) => match self.to_json() {
                Value::Null => String::new(),
                value => value.to_string(),
            },
            Self::Counts(counts) => inert(&listed(counts, ": ", "; ")),
        }
    }

    /// Writes it as people read it.
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text
                .chars()
                .map(|sign| if sign.is_control() { ' ' } else { sign })
                .collect(),
            Self::Count(count) => count.to_string(),
            Self::Share(None) | Self::Millis(None) => "–".to_owned(),
            Self::Share(Some(share)) => format!("{}.{} %", share / 100, share % 100 / 10),
            Self::Millis(Some(millis)) => spelled(Span::from_millis(*millis)),
            Self::Counts(counts) => listed(counts, " ", ", "),
        }
    }

    fn is_number(&self) -> bool {
        match self {
            Self::Count(_) | Self::Share(_) | Self::Millis(_) => true,
            Self::Text(_) | Self::Counts(_) => false,
        }
    }
}

impl Sheet {
    /// Writes it in a form.
    pub fn write(&self, form: Form) -> String {
        match form {
            Form::Json => self.to_json().to_string(),
            Form::Csv => self.to_csv(),
            Form::Html => page::write(self),
            Form::Table => table::write(self),
        }
    }

    /// Gives it for programs.
    pub fn to_json(&self) -> Value {
        let items = self.rows.iter().map(|row| item(&self.columns, row));
        let mut report = json!({ "to": self.to, "items": items.collect::<Vec<_>>() });
        if let Some(from) = self.from {
            report["from"] = json!(from);
        }
        for (name, value) in &self.about {
            report[*name] = json!(value);
        }
        if let Some(total) = &self.total {
            report["total"] = item(&self.columns[1..], &total[1..]);
        }
        report
    }

    fn to_csv(&self) -> String {
        let mut writer = Writer::from_writer(Vec::new());
        // Writing to memory cannot fail.
        let _ = writer.write_record(self.columns.iter().map(|column| column.name));
        for row in &self.rows {
            let _ = writer.write_record(row.iter().map(Cell::to_csv));
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    /// Says over which time it is.
    fn period(&self) -> String {
        match self.from {
            Some(from) => format!("{from} to {}", self.to),
            None => format!("up to {}", self.to),
        }
    }

    /// Says in one line what it is about.
    fn headline(&self) -> String {
        let about = self.about.iter();
        let about = about.map(|(name, value)| format!("{name} {value}"));
        std::iter::once(self.title.to_owned())
            .chain(about)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn item(columns: &[Column], row: &[Cell]) -> Value {
    let cells = columns.iter().zip(row);
    let members = cells.map(|(column, cell)| (column.name.to_owned(), cell.to_json()));
    Value::Object(members.collect::<Map<_, _>>())
}

/// Writes a length of open time, whose days have no fixed length: `26h 5m`, `40s`.
pub fn spelled(span: Span) -> String {
    let seconds = span.micros().abs() / 1_000_000;
    let sign = if span.micros() < 0 { "-" } else { "" };
    let parts = [
        (seconds / 3_600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let mut parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let said = [parts.next(), parts.next()].into_iter().flatten();
    let said: Vec<String> = said.map(|(count, unit)| format!("{count}{unit}")).collect();
    if said.is_empty() {
        return "0s".to_owned();
    }
    format!("{sign}{}", said.join(" "))
}

fn listed(counts: &BTreeMap<String, u64>, between: &str, after: &str) -> String {
    let counts = counts.iter();
    let counts = counts.map(|(name, count)| format!("{name}{between}{count}"));
    counts.collect::<Vec<_>>().join(after)
}

/// Keeps a spreadsheet from taking a text for a formula.
pub fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
