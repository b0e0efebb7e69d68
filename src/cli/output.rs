//! What commands print: tables for people, the API's own JSON for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::Failure;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table for people
    #[default]
    Table,
    /// JSON as the API answers it
    Json,
}

/// A column: its head, and where its value stands in an item (a JSON pointer).
pub(super) type Column = (&'static str, &'static str);

/// The most characters of one cell.
const CELL_CHARS: usize = 72;

/// Prints a line.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::from)
}

/// Prints a line to standard error, beside the output proper.
pub(super) fn aside(text: &str) -> Result<(), Failure> {
    writeln!(io::stderr().lock(), "{text}").map_err(Failure::from)
}

/// Prints JSON, indented.
pub(super) fn json(value: &Value) -> Result<(), Failure> {
    line(&format!("{value:#}"))
}

/// Prints a page of a listing, and how to get the next one.
pub(super) fn listing(output: Output, answer: &Value, columns: &[Column]) -> Result<(), Failure> {
    if output == Output::Json {
        return json(answer);
    }
    let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return aside("nothing found");
    }
    line(&table(columns, items))?;
    match answer["next"].as_str() {
        Some(next) => aside(&format!("more with --after {next}")),
        None => Ok(()),
    }
}

/// Prints one thing as a table of its fields.
pub(super) fn fields(output: Output, answer: &Value, rows: &[Column]) -> Result<(), Failure> {
    if output == Output::Json {
        return json(answer);
    }
    let mut table = bare();
    for (head, pointer) in rows {
        let value = answer.pointer(pointer).unwrap_or(&Value::Null);
        // There is room for all of it: the terminal's width wraps it.
        let text = printable(value);
        if !text.is_empty() {
            table.add_row([(*head).to_owned(), text]);
        }
    }
    line(&trimmed(&table))
}

/// Lays items out as a table.
pub(super) fn table(columns: &[Column], items: &[Value]) -> String {
    let mut table = bare();
    table.set_header(columns.iter().map(|(head, _)| *head));
    for item in items {
        table.add_row(
            columns
                .iter()
                .map(|(_, pointer)| cell(item.pointer(pointer).unwrap_or(&Value::Null))),
        );
    }
    trimmed(&table)
}

fn bare() -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table
        .lines()
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

/// Writes a value as a person reads it, cut where a column would grow too wide.
pub(super) fn cell(value: &Value) -> String {
    let text = printable(value);
    let mut signs = text.chars();
    let short: String = signs.by_ref().take(CELL_CHARS).collect();
    if signs.next().is_some() {
        short + "…"
    } else {
        short
    }
}

/// Writes a value as a person reads it, on one line.
pub(super) fn printable(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(printable).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    let on_one_line = |sign: char| if sign.is_control() { ' ' } else { sign };
    text.chars().map(on_one_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_shows_what_a_person_wants_to_see() {
        let items = [
            json!({"id": "a", "tags": ["x", "y"], "note": "two\nlines"}),
            json!({"id": "b", "more": {"deep": 7}}),
        ];
        let columns = [
            ("ID", "/id"),
            ("TAGS", "/tags"),
            ("NOTE", "/note"),
            ("DEEP", "/more/deep"),
        ];
        insta::assert_snapshot!(table(&columns, &items), @r"
        ID  TAGS  NOTE       DEEP
        a   x, y  two lines
        b                    7
        ");
    }

    #[test]
    fn a_long_cell_is_cut() {
        let long = cell(&json!("ü".repeat(100)));
        assert_eq!(long.chars().count(), CELL_CHARS + 1);
        assert!(long.ends_with('…'));
    }
}
