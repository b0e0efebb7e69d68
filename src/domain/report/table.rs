//! A report as plain text in columns, for terminals and team channels.

use super::{Cell, Sheet};

/// The most characters of one cell.
const CELL_CHARS: usize = 48;
/// What stands between two columns.
const GAP: &str = "  ";

/// Writes a sheet as text.
pub(super) fn write(sheet: &Sheet) -> String {
    let mut text = format!("{}\n{}\n\n", sheet.headline(), sheet.period());
    if sheet.rows.is_empty() {
        text.push_str("nothing in this time\n");
        return text;
    }
    let heads = sheet.columns.iter().map(|column| column.head.to_owned());
    let rows = sheet.rows.iter().chain(&sheet.total);
    let cells = rows.map(|row| row.iter().map(|cell| short(&cell.to_text())).collect());
    let lines: Vec<Vec<String>> = std::iter::once(heads.collect()).chain(cells).collect();
    let widths: Vec<usize> = (0..sheet.columns.len())
        .map(|column| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    let is_right: Vec<bool> = sheet.rows[0].iter().map(Cell::is_number).collect();
    for line in lines {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let blank = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            if is_right[column] {
                format!("{blank}{cell}")
            } else {
                format!("{cell}{blank}")
            }
        });
        let line = cells.collect::<Vec<_>>().join(GAP);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn short(text: &str) -> String {
    let mut signs = text.chars();
    let short: String = signs.by_ref().take(CELL_CHARS).collect();
    if signs.next().is_some() {
        short + "…"
    } else {
        short
    }
}
