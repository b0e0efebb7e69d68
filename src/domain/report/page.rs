//! A report as a page of its own: a table, and bars drawn in it. No script, nothing from elsewhere,
//! and all that was counted is escaped.

use std::fmt::Write as _;

use super::{Cell, Column, Sheet};

/// The most rows that are drawn as bars; the table has them all.
const MOST_BARS: usize = 40;
/// The most characters of a bar's name.
const NAME_CHARS: usize = 28;
/// Where bars start, and how long the longest is. *Units*: user units of the drawing, 720 wide.
const BARS: (u64, u64) = (220, 400);
/// How far bars are apart.
const STEP: usize = 24;

pub(super) const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b2733;background:#fff}\
h1{font-size:1.4rem;margin:0}p{color:#5b6b7a;margin:.2rem 0 1.5rem}figure{margin:0 0 1.5rem}figcaption{font-weight:600}\
svg{width:100%;max-width:45rem;height:auto}svg text{font:13px system-ui,sans-serif;fill:#1b2733}rect{fill:#3b76b0}\
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;border-bottom:1px solid #dde3e9;text-align:left}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tr.all td{font-weight:600}";

/// Writes a sheet as a page.
pub(super) fn write(sheet: &Sheet) -> String {
    let title = escaped(&sheet.headline());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n",
        escaped(&sheet.period())
    );
    if sheet.rows.is_empty() {
        page.push_str("<p>Nothing in this time.</p>\n");
    } else {
        for (place, column) in sheet.columns.iter().enumerate() {
            if column.is_charted {
                chart(&mut page, sheet, (place, column));
            }
        }
        table(&mut page, sheet);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn chart(page: &mut String, sheet: &Sheet, (place, column): (usize, &Column)) {
    let sizes = sheet.rows.iter().map(|row| size(&row[place]));
    let longest = sizes.max().unwrap_or(0).max(1);
    // A share is drawn as a part of the whole, whatever the largest is.
    let is_share = matches!(sheet.rows[0][place], Cell::Share(_));
    let whole = if is_share { 10_000 } else { longest };
    let bars = sheet.rows.len().min(MOST_BARS);
    let head = escaped(column.head);
    // Writing to a text does not fail.
    let _ = write!(
        page,
        "<figure>\n<figcaption>{head}</figcaption>\n<svg viewBox=\"0 0 720 {}\" role=\"img\" aria-label=\"{head}\">\n",
        bars * STEP
    );
    let (start, length) = BARS;
    for (number, row) in sheet.rows.iter().take(bars).enumerate() {
        let (top, middle) = (number * STEP + 4, number * STEP + 17);
        let width = size(&row[place]).min(whole) * length / whole;
        let name: String = row[0].to_text().chars().take(NAME_CHARS).collect();
        let _ = writeln!(
            page,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{start}\" y=\"{top}\" width=\"{width}\" height=\"16\"/>\
             <text x=\"{}\" y=\"{middle}\">{}</text>",
            start - 10,
            escaped(&name),
            start + width + 8,
            escaped(&row[place].to_text()),
        );
    }
    page.push_str("</svg>\n");
    if sheet.rows.len() > bars {
        let _ = writeln!(page, "<p>The first {bars} of {}.</p>", sheet.rows.len());
    }
    page.push_str("</figure>\n");
}

fn size(cell: &Cell) -> u64 {
    match cell {
        Cell::Count(count) => *count,
        Cell::Share(share) => u64::from(share.unwrap_or(0)),
        Cell::Millis(millis) => u64::try_from(millis.unwrap_or(0)).unwrap_or(0),
        Cell::Counts(counts) => counts.values().sum(),
        Cell::Text(_) => 0,
    }
}

fn table(page: &mut String, sheet: &Sheet) {
    let class = |cell: &Cell| if cell.is_number() { " class=\"n\"" } else { "" };
    page.push_str("<table>\n<thead><tr>");
    for (column, cell) in sheet.columns.iter().zip(&sheet.rows[0]) {
        let _ = write!(page, "<th{}>{}</th>", class(cell), escaped(column.head));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let rows = sheet.rows.iter().map(|row| (row, ""));
    let total = sheet.total.iter().map(|row| (row, " class=\"all\""));
    for (row, of_row) in rows.chain(total) {
        let _ = write!(page, "<tr{of_row}>");
        for cell in row {
            let _ = write!(page, "<td{}>{}</td>", class(cell), escaped(&cell.to_text()));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n");
}

/// Writes a text so that nothing in it is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
