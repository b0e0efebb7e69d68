//! Faults of definitions, as people read them: a line each.

use serde_json::Value;

/// Says a fault in a line: its weight, its place and step, what is wrong, and what to do about it. `None`: it is
/// none of a definition.
pub(super) fn told(fault: &Value) -> Option<String> {
    let text = |name: &str| fault[name].as_str();
    let (pointer, message) = (text("pointer")?, text("message")?);
    let weight = text("severity").unwrap_or("error");
    let place = if pointer.is_empty() { "/" } else { pointer };
    let around = |before: &str, name: &str, after: &str| {
        let found = text(name).map(|text| format!("{before}{text}{after}"));
        found.unwrap_or_default()
    };
    Some(format!(
        "{weight}: {place}{}: {message}{}{}",
        around(" (step `", "step", "`)"),
        around(" [", "code", "]"),
        around("; ", "hint", ""),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_is_told_with_its_place_and_what_to_do() {
        let fault = json!({
            "code": "PV-PROC-005", "severity": "error", "step": "a", "pointer": "/steps/0/type",
            "message": "there is no type `mesage`", "hint": "did you mean `message`?",
        });
        insta::assert_snapshot!(
            told(&fault).expect("a fault"),
            @"error: /steps/0/type (step `a`): there is no type `mesage` [PV-PROC-005]; did you mean `message`?"
        );
        let bare = json!({"pointer": "", "message": "a procedure is an object"});
        assert_eq!(
            told(&bare).as_deref(),
            Some("error: /: a procedure is an object")
        );
        assert_eq!(told(&json!({"path": "amount", "message": "no"})), None);
    }
}
