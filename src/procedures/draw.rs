//! Drawing the flow of a definition: for a terminal, and as Mermaid.

use std::fmt::Write as _;

use crate::domain::{
    action::Level,
    procedure::{Definition, Gate, Goto, Step, StepKind, Target},
    template::canonical,
};

/// How much of a text is shown. *Units*: characters.
const SHOWN: usize = 60;

/// Draws the flow for a terminal: a line a step, with where it goes on.
pub fn terminal(definition: &Definition) -> String {
    let mut text = format!("{} ({})\n", definition.display_name, definition.slug);
    let width = definition
        .steps
        .iter()
        .map(|step| step.id.chars().count())
        .max();
    for (place, step) in definition.steps.iter().enumerate() {
        let sign = match &step.kind {
            StepKind::CollectInput(_) => '?',
            StepKind::Condition(_) => '◇',
            StepKind::Escalate { .. } => '!',
            StepKind::ApiCall(_) | StepKind::InternalAction(_) => '▶',
            StepKind::Message { .. } => '“',
            StepKind::SetVariable { .. } => '=',
        };
        let (id, about) = (&step.id, about(step));
        let _ = writeln!(
            text,
            "{sign} {id:<width$}  {about}",
            width = width.unwrap_or_default()
        );
        for line in onward(definition, place, step) {
            let _ = writeln!(
                text,
                "  {:width$}    {line}",
                "",
                width = width.unwrap_or_default()
            );
        }
    }
    text
}

/// Says where a step goes on, where that is not simply the next line.
fn onward(definition: &Definition, place: usize, step: &Step) -> Vec<String> {
    let name = |way: Goto| match way {
        Goto::Step(next) => definition.steps[next].id.clone(),
        Goto::End => "end".to_owned(),
    };
    match &step.kind {
        StepKind::Condition(condition) => vec![
            format!("├─ yes ─► {}", name(condition.then)),
            format!("└─ no ──► {}", name(condition.otherwise)),
        ],
        StepKind::Escalate { .. } => vec!["└─► a person".to_owned()],
        StepKind::ApiCall(_)
        | StepKind::CollectInput(_)
        | StepKind::InternalAction(_)
        | StepKind::Message { .. }
        | StepKind::SetVariable { .. } => {
            let is_next = step.next == Goto::Step(place + 1);
            (!is_next)
                .then(|| format!("└─► {}", name(step.next)))
                .into_iter()
                .collect()
        }
    }
}

/// Draws the flow as Mermaid.
pub fn mermaid(definition: &Definition) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for (place, step) in definition.steps.iter().enumerate() {
        let label = escaped(&format!("{}: {}", step.id, about(step)));
        let (open, close) = match &step.kind {
            StepKind::CollectInput(_) => ("[/", "/]"),
            StepKind::Condition(_) => ("{", "}"),
            StepKind::Escalate { .. } => ("[[", "]]"),
            StepKind::ApiCall(_)
            | StepKind::InternalAction(_)
            | StepKind::Message { .. }
            | StepKind::SetVariable { .. } => ("[", "]"),
        };
        let _ = writeln!(text, "    s{place}{open}\"{label}\"{close}");
    }
    let mut has_end = false;
    for (place, step) in definition.steps.iter().enumerate() {
        for (nth, way) in definition.ways(step).into_iter().enumerate() {
            let label = match (&step.kind, nth) {
                (StepKind::Condition(_), 0) => "|yes|",
                (StepKind::Condition(_), _) => "|no|",
                _ => "",
            };
            match way {
                Goto::Step(next) => {
                    let _ = writeln!(text, "    s{place} -->{label} s{next}");
                }
                Goto::End => {
                    has_end = true;
                    let _ = writeln!(text, "    s{place} -->{label} done");
                }
            }
        }
    }
    if has_end {
        text.push_str("    done((end))\n");
    }
    text
}

/// Says what a step does, in a few words.
fn about(step: &Step) -> String {
    let said = match &step.kind {
        StepKind::ApiCall(call) => {
            let what = match &call.target {
                Target::Action { name, .. } => name.clone(),
                Target::Url { url, method, .. } => format!("{} {url}", method.as_str()),
            };
            let kept = call.response_variable.as_ref();
            let kept = kept.map(|name| format!(" → {name}")).unwrap_or_default();
            format!("{what}{kept}{}", gate(&call.gate))
        }
        StepKind::CollectInput(input) => format!("{} → {}", input.prompt, input.variable),
        StepKind::Condition(condition) => {
            let value = condition.value.as_ref();
            let value = value.map(|value| format!(" {}", canonical(value)));
            format!(
                "{} {}{}?",
                condition.variable,
                condition.operator.as_str(),
                value.unwrap_or_default()
            )
        }
        StepKind::Escalate { reason } => reason.to_string(),
        StepKind::InternalAction(action) => format!("{}{}", action.action, gate(&action.gate)),
        StepKind::Message { content } => content.to_string(),
        StepKind::SetVariable { name, value } => format!("{name} = {}", canonical(value)),
    };
    let short: String = said.chars().take(SHOWN).collect();
    if short.len() < said.len() {
        return format!("{short}…");
    }
    short
}

fn gate(gate: &Gate) -> &'static str {
    match gate.level {
        Level::Auto => "",
        Level::Notify => " (people are told)",
        Level::Require => " (people approve)",
    }
}

/// Writes a text so that Mermaid takes it for nothing else.
fn escaped(text: &str) -> String {
    text.replace('&', "#amp;")
        .replace('"', "#quot;")
        .replace('<', "#lt;")
        .replace('>', "#gt;")
        .replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUND: &str = r#"
display_name: Refund
trigger_description: When a customer asks for a refund
steps:
  - { id: ask, type: collect_input, variable: order_id, prompt: "Which order?" }
  - { id: look, type: api_call, url: "https://example.com/{{order_id}}", response_variable: order }
  - { id: fork, type: condition, variable: order.refundable, operator: equals, value: true, then: open, else: sorry }
  - { id: open, type: internal_action, action: create_ticket, approval: require, params: { subject: "Refund <{{order_id}}>" } }
  - { id: told, type: message, content: "Your \"refund\" has been submitted, we will process it within two business days.", next: end }
  - { id: sorry, type: escalate, reason: "Not eligible." }
"#;

    #[test]
    fn the_flow_is_drawn_for_a_terminal() {
        let definition = Definition::parse(REFUND).expect("valid");
        insta::assert_snapshot!(terminal(&definition), @r#"
        Refund (refund)
        ? ask    Which order? → order_id
        ▶ look   GET https://example.com/{{order_id}} → order
        ◇ fork   order.refundable equals true?
                   ├─ yes ─► open
                   └─ no ──► sorry
        ▶ open   create_ticket (people approve)
        “ told   Your "refund" has been submitted, we will process it within …
                   └─► end
        ! sorry  Not eligible.
                   └─► a person
        "#);
    }

    #[test]
    fn the_flow_is_drawn_as_mermaid() {
        let definition = Definition::parse(REFUND).expect("valid");
        insta::assert_snapshot!(mermaid(&definition), @r#"
        flowchart TD
            s0[/"ask: Which order? → order_id"/]
            s1["look: GET https://example.com/{{order_id}} → order"]
            s2{"fork: order.refundable equals true?"}
            s3["open: create_ticket (people approve)"]
            s4["told: Your #quot;refund#quot; has been submitted, we will process it within …"]
            s5[["sorry: Not eligible."]]
            s0 --> s1
            s1 --> s2
            s2 -->|yes| s3
            s2 -->|no| s5
            s3 --> s4
            s4 --> done
            done((end))
        "#);
    }
}
