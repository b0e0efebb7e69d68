//! Showing faults: the source line, a caret under the place, a hint.
//!
//! The same faults go out as JSON for programs. Used by `provost rules check`,
//! and by the daemon's start when it refuses a policy.

use std::fmt::Write as _;

use crate::policy::{Fault, Severity, Sources};

/// Renders all faults, errors first, then a line that counts them.
///
/// *Shape*: ends with a line break; empty when there are none.
pub fn render(faults: &[Fault], sources: &Sources) -> String {
    let mut sorted: Vec<&Fault> = faults.iter().collect();
    sorted.sort_by_key(|fault| (fault.severity == Severity::Warning, &fault.file, fault.line));
    let mut text = String::new();
    for fault in &sorted {
        render_one(&mut text, fault, sources);
        text.push('\n');
    }
    let errors = sorted
        .iter()
        .filter(|fault| fault.severity == Severity::Error)
        .count();
    if !sorted.is_empty() {
        let warnings = sorted.len() - errors;
        let _ = writeln!(
            text,
            "{errors} error{}, {warnings} warning{}",
            plural(errors),
            plural(warnings)
        );
    }
    text
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn render_one(text: &mut String, fault: &Fault, sources: &Sources) {
    let severity = match fault.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let _ = writeln!(text, "{severity}[{}]: {}", fault.code, fault.message);
    let source_line = fault
        .line
        .checked_sub(1)
        .and_then(|index| sources.files.get(&fault.file)?.lines().nth(index));
    let width = fault.line.to_string().len();
    let margin = " ".repeat(width);
    match fault.line {
        0 => {
            let _ = writeln!(text, "{margin}--> {}", fault.file);
        }
        line => {
            let _ = writeln!(text, "{margin}--> {}:{line}:{}", fault.file, fault.column);
        }
    }
    if let Some(line) = source_line {
        let _ = writeln!(text, "{margin} |");
        let _ = writeln!(text, "{} | {}", fault.line, line.replace('\t', " "));
        if fault.column > 0 {
            let spaces = " ".repeat(fault.column - 1);
            let carets = "^".repeat(word_length(line, fault.column));
            let _ = writeln!(text, "{margin} | {spaces}{carets}");
        }
    }
    if let Some(hint) = &fault.hint {
        let _ = writeln!(text, "{margin} = hint: {hint}");
    }
}

/// Gives the length of the word that begins at `column`, at least 1. *Units*: characters.
fn word_length(line: &str, column: usize) -> usize {
    let mut rest = line.chars().skip(column - 1);
    match rest.next() {
        Some('"') => rest
            .position(|letter| letter == '"')
            .map_or(1, |end| end + 2),
        Some(first) if first.is_alphanumeric() || first == '_' => {
            1 + rest
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .count()
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_fault_is_shown_under_its_line() {
        let text = "escalation(\"Refunds\", #{\n    keywrods: [\"refund\"],\n});\n";
        let sources = Sources {
            files: BTreeMap::from([("refunds.rhai".to_owned(), text.to_owned())]),
        };
        let fault = Fault {
            code: "PV-RULE-003",
            severity: Severity::Error,
            file: "refunds.rhai".to_owned(),
            line: 2,
            column: 5,
            message: "an escalation has no key `keywrods`".to_owned(),
            hint: Some("did you mean `keywords`?".to_owned()),
        };
        insta::assert_snapshot!(render(&[fault], &sources), @r#"
        error[PV-RULE-003]: an escalation has no key `keywrods`
         --> refunds.rhai:2:5
          |
        2 |     keywrods: ["refund"],
          |     ^^^^^^^^
          = hint: did you mean `keywords`?

        1 error, 0 warnings
        "#);
    }
}
