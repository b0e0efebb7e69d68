//! Moving a run along: what follows, step by step, until it waits or ends.
//!
//! Pure: a definition, a run and what is known of the customer go in; the run is moved, and what the house is
//! to do comes out as [`Move`]s, in order. The daemon, the simulation and the replay of a past run go through
//! here alike. A step that was passed never comes again: the run's place moves with it.

use serde_json::{Map, Value};

use super::{answer, compare};
use crate::domain::{
    procedure::{CollectInput, Condition, Definition, Goto, Step, StepKind},
    run::{MOST_BYTES, MOST_STEPS, Run, RunState, StatedBy},
    template::{Template, Values, filled},
    time::Timestamp,
};

/// What the house is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Tell the customer something.
    Say(String),
    /// Ask the customer; the run waits.
    Ask(String),
    /// Do what the step says at which the run stands; the run waits.
    Act,
    /// Hand the conversation to a person, whom the reason is for; the run is over.
    HandOver {
        /// Why.
        reason: String,
        /// What the customer is told, if anything.
        said: Option<String>,
    },
    /// Nothing more: the run is over.
    End,
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Acted {
    /// It was done, and gave this.
    Done(Value),
    /// It was not done.
    Not {
        /// Why.
        reason: String,
        /// Whether people or rules said no, rather than something going wrong.
        is_refused: bool,
    },
    /// The customer does not want it.
    Withdrawn {
        /// In words.
        reason: String,
    },
}

/// What a run goes by.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'g> {
    /// The version that it began with.
    pub definition: &'g Definition,
    /// `customer` and `conversation`, for templates and conditions.
    pub given: &'g Map<String, Value>,
    /// The country that telephone numbers without one belong to, as ISO 3166.
    pub country: Option<&'g str>,
    /// The time.
    pub now: Timestamp,
}

/// Everything that a template of a run may name.
struct Known<'k> {
    ground: &'k Ground<'k>,
    run: &'k Run,
}

impl Values for Known<'_> {
    fn named(&self, name: &str) -> Option<&Value> {
        let given = self.ground.given.get(name);
        given.or_else(|| Some(&self.run.variables.get(name)?.value))
    }
}

/// Why a run cannot go on.
struct Stuck(String);

/// Begins a run at its first step.
pub fn begin(ground: &Ground<'_>, run: &mut Run) -> Vec<Move> {
    let mut moves = Vec::new();
    go(ground, run, Goto::Step(0), &mut moves);
    moves
}

/// Hears what the customer says while a run is under way: the answer to its question, the wish to end it, or
/// something that the next question may want.
pub fn hear(ground: &Ground<'_>, run: &mut Run, text: &str) -> Vec<Move> {
    if run.state == RunState::AwaitingInput {
        return take_answer(ground, run, text);
    }
    if run.state != RunState::AwaitingAction {
        return Vec::new();
    }
    if answer::is_cancel(text) {
        return vec![withdraw(run, "the customer cancelled", ground.now)];
    }
    run.early = Some(text.chars().take(answer::MAX_CHARS).collect());
    Vec::new()
}

/// Ends a run that nobody wants any more.
pub fn withdraw(run: &mut Run, why: &str, now: Timestamp) -> Move {
    let step = run.step.clone();
    // Why is somebody's own words, which go with the person.
    run.pass(&step, "withdrawn".to_owned(), now);
    end(run, RunState::Cancelled, why, now);
    Move::End
}

/// Hands a run over that may not go on, however it stands.
pub fn give_up(run: &mut Run, reason: &str, now: Timestamp) -> Vec<Move> {
    let mut moves = Vec::new();
    hand_over(run, RunState::Failed, reason.to_owned(), now, &mut moves);
    moves
}

/// Takes what the customer answered to the question that the run waits with.
fn take_answer(ground: &Ground<'_>, run: &mut Run, text: &str) -> Vec<Move> {
    let mut moves = Vec::new();
    let Some((step, input)) = question(ground, run) else {
        return moves;
    };
    if answer::is_cancel(text) {
        return vec![withdraw(run, "the customer cancelled", ground.now)];
    }
    match answer::read(text, input.validation, ground.country) {
        Ok(value) => {
            run.set(&input.variable, value, StatedBy::Customer);
            run.tries = 0;
            run.pass(
                &step.id,
                format!("`{}` was answered", input.variable),
                ground.now,
            );
            go(ground, run, step.next, &mut moves);
        }
        Err(fault) => {
            run.tries += 1;
            if run.tries >= input.max_tries {
                let reason = format!("{fault}, for the {} time", ordinal(run.tries));
                hand_over(run, RunState::Escalated, reason, ground.now, &mut moves);
            } else {
                wait(run, RunState::AwaitingInput);
                moves.push(Move::Ask(expand(ground, run, &input.prompt)));
            }
        }
    }
    moves
}

/// Takes what became of the action that the run waits for.
pub fn take_outcome(ground: &Ground<'_>, run: &mut Run, acted: Acted) -> Vec<Move> {
    let mut moves = Vec::new();
    let Some(step) = ground.definition.step(&run.step) else {
        return moves;
    };
    match acted {
        Acted::Done(output) => match fill(run, step, output) {
            Ok(did) => {
                run.pass(&step.id, did, ground.now);
                go(ground, run, step.next, &mut moves);
            }
            Err(Stuck(reason)) => {
                hand_over(run, RunState::Failed, reason, ground.now, &mut moves);
            }
        },
        Acted::Not { reason, is_refused } => {
            let state = if is_refused {
                RunState::Escalated
            } else {
                RunState::Failed
            };
            hand_over(run, state, reason, ground.now, &mut moves);
        }
        Acted::Withdrawn { reason } => moves.push(withdraw(run, &reason, ground.now)),
    }
    moves
}

/// Fills the variable that a step's output goes into, and says what was done.
fn fill(run: &mut Run, step: &Step, output: Value) -> Result<String, Stuck> {
    let (name, value, from) = match &step.kind {
        StepKind::ApiCall(call) => {
            let Some(name) = call.response_variable.as_deref() else {
                return Ok("done".to_owned());
            };
            if let Some(why) = why_unreadable(&output) {
                return Err(Stuck(format!("`{}`: the answer {why}", step.id)));
            }
            (name, output, StatedBy::Api)
        }
        StepKind::InternalAction(action) => {
            let internal = super::internal::internal(&action.action);
            let Some(name) = internal.and_then(|internal| internal.fills) else {
                return Ok("done".to_owned());
            };
            let value = match name {
                "ticketId" => output["number"].clone(),
                _ => output["lead_id"].clone(),
            };
            (name, value, StatedBy::System)
        }
        StepKind::CollectInput(_)
        | StepKind::Condition(_)
        | StepKind::Escalate { .. }
        | StepKind::Message { .. }
        | StepKind::SetVariable { .. } => return Ok("done".to_owned()),
    };
    run.set(name, value, from);
    Ok(format!("done, `{name}` is filled"))
}

/// Says why nothing can be made of an answer, where that is so.
fn why_unreadable(answer: &Value) -> Option<&'static str> {
    match answer {
        Value::Null => Some("holds nothing readable"),
        Value::String(text) if text.trim_start().starts_with('<') => Some("is a page, and no data"),
        _ => None,
    }
}

/// Writes which one of several it is.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn question<'g>(ground: &Ground<'g>, run: &Run) -> Option<(&'g Step, &'g CollectInput)> {
    let step = ground.definition.step(&run.step)?;
    match &step.kind {
        StepKind::CollectInput(input) if run.state == RunState::AwaitingInput => {
            Some((step, input))
        }
        _ => None,
    }
}

/// Goes on until the run waits or is over.
fn go(ground: &Ground<'_>, run: &mut Run, from: Goto, moves: &mut Vec<Move>) {
    let (mut at, mut has_grown) = (from, true);
    loop {
        let Goto::Step(place) = at else {
            end(run, RunState::Completed, "", ground.now);
            run.reason = None;
            moves.push(Move::End);
            return;
        };
        let Some(step) = ground.definition.steps.get(place) else {
            return;
        };
        run.step.clone_from(&step.id);
        run.updated_at = ground.now;
        let next = if run.steps_done >= MOST_STEPS {
            Err(Stuck(format!("it has taken {MOST_STEPS} steps")))
        } else if has_grown && run.bytes() > MOST_BYTES {
            Err(Stuck(format!(
                "its variables hold more than {MOST_BYTES} bytes"
            )))
        } else {
            do_step(ground, run, step, moves)
        };
        has_grown = matches!(
            step.kind,
            StepKind::CollectInput(_) | StepKind::SetVariable { .. }
        );
        match next {
            Ok(Some(next)) => at = next,
            Ok(None) => return,
            Err(Stuck(reason)) => {
                hand_over(run, RunState::Failed, reason, ground.now, moves);
                return;
            }
        }
    }
}

/// Does a step; gives where it goes on, or nothing where the run waits or is over.
fn do_step(
    ground: &Ground<'_>,
    run: &mut Run,
    step: &Step,
    moves: &mut Vec<Move>,
) -> Result<Option<Goto>, Stuck> {
    match &step.kind {
        StepKind::Message { content } => {
            moves.push(Move::Say(expand(ground, run, content)));
            run.pass(&step.id, "told the customer".to_owned(), ground.now);
            Ok(Some(step.next))
        }
        StepKind::SetVariable { name, value } => {
            let from = stated_by(run, value);
            let value = filled(value, &Known { ground, run });
            run.set(name, value, from);
            run.pass(&step.id, format!("set `{name}`"), ground.now);
            Ok(Some(step.next))
        }
        StepKind::Condition(condition) => {
            let is_so = holds(ground, run, condition)?;
            let way = if is_so { "yes" } else { "no" };
            run.pass(&step.id, way.to_owned(), ground.now);
            Ok(Some(if is_so {
                condition.then
            } else {
                condition.otherwise
            }))
        }
        StepKind::CollectInput(input) => {
            let early = run.early.take();
            let answer =
                early.and_then(|text| answer::read(&text, input.validation, ground.country).ok());
            if let Some(value) = answer {
                run.set(&input.variable, value, StatedBy::Customer);
                let did = format!("`{}` was answered before it was asked", input.variable);
                run.pass(&step.id, did, ground.now);
                return Ok(Some(step.next));
            }
            wait(run, RunState::AwaitingInput);
            run.tries = 0;
            moves.push(Move::Ask(expand(ground, run, &input.prompt)));
            Ok(None)
        }
        StepKind::ApiCall(_) | StepKind::InternalAction(_) => {
            wait(run, RunState::AwaitingAction);
            moves.push(Move::Act);
            Ok(None)
        }
        StepKind::Escalate { reason } => {
            let said = expand(ground, run, reason);
            run.pass(&step.id, "handed over".to_owned(), ground.now);
            end(run, RunState::Escalated, &said, ground.now);
            let said = Some(said);
            let reason = run.reason.clone().unwrap_or_default();
            moves.push(Move::HandOver { reason, said });
            Ok(None)
        }
    }
}

fn wait(run: &mut Run, state: RunState) {
    run.state = state;
    run.wait += 1;
}

fn end(run: &mut Run, state: RunState, reason: &str, now: Timestamp) {
    run.state = state;
    run.early = None;
    run.reason = Some(reason.to_owned());
    run.updated_at = now;
}

fn hand_over(
    run: &mut Run,
    state: RunState,
    reason: String,
    now: Timestamp,
    moves: &mut Vec<Move>,
) {
    end(run, state, &reason, now);
    moves.push(Move::HandOver { reason, said: None });
}

fn expand(ground: &Ground<'_>, run: &Run, template: &Template) -> String {
    template.expand(&Known { ground, run }, str::to_owned)
}

fn holds(ground: &Ground<'_>, run: &Run, condition: &Condition) -> Result<bool, Stuck> {
    let known = Known { ground, run };
    let path = Template::placeholder(&condition.variable).ok();
    let found = path.map(|path| path.value(&known));
    let wanted = condition.value.as_ref().map(|value| filled(value, &known));
    compare::holds(
        condition.operator,
        found.as_ref(),
        &wanted.unwrap_or_default(),
    )
    .map_err(|fault| Stuck(format!("`{}`: {fault}", condition.variable)))
}

/// Gives whose word a composed value is: the least trusted of those that it is made of.
fn stated_by(run: &Run, value: &Value) -> StatedBy {
    let paths = super::flow::paths_of(value);
    let stated = paths.iter().filter_map(|path| {
        let variable = run.variables.get(super::flow::root(path))?;
        Some(variable.from)
    });
    stated
        .max_by_key(|from| from.doubt())
        .unwrap_or(StatedBy::System)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::actor::Actor;

    const REFUND: &str = r#"
display_name: Refund
trigger_description: When a customer asks for a refund
steps:
  - { id: hello, type: message, content: "Hello {{customer.name}}." }
  - { id: ask, type: collect_input, variable: order_id, prompt: "Which order, {{customer.name}}?", max_tries: 2 }
  - { id: look, type: api_call, url: "https://example.com/{{order_id}}", response_variable: order }
  - { id: fork, type: condition, variable: order.refundable, operator: equals, value: true, then: sum, else: sorry }
  - { id: sum, type: set_variable, name: summary, value: "Refund of {{order.total}} for {{order_id}}" }
  - { id: open, type: internal_action, action: create_ticket, approval: require, params: { subject: "{{summary}}" } }
  - { id: told, type: message, content: "Ticket #{{ticketId}}: {{summary}}", next: end }
  - { id: sorry, type: escalate, reason: "Order {{order_id}} is not eligible." }
"#;

    /// A run under way, and what it goes by.
    struct Bench {
        definition: Definition,
        given: Map<String, Value>,
        run: Run,
    }

    impl Bench {
        fn of(text: &str) -> Self {
            let given = json!({"customer": {"name": "Ada"}, "conversation": {"id": "c1"}});
            let run = json!({
                "run_id": "run_1", "procedure": "refund", "version": 1, "subject": "c1",
                "actor": Actor::system("test"), "state": "awaiting_input", "step": "", "variables": {},
                "wait": 0, "tries": 0, "steps_done": 0, "trail": [],
                "started_at": "2026-01-05T09:00:00Z", "updated_at": "2026-01-05T09:00:00Z",
                "ends_at": "2026-02-05T09:00:00Z",
            });
            Self {
                definition: Definition::parse(text).expect("valid"),
                given: given.as_object().cloned().unwrap_or_default(),
                run: serde_json::from_value(run).expect("a run"),
            }
        }

        fn with(&mut self, work: impl FnOnce(&Ground<'_>, &mut Run) -> Vec<Move>) -> Vec<Move> {
            let ground = Ground {
                definition: &self.definition,
                given: &self.given,
                country: None,
                now: Timestamp::default(),
            };
            work(&ground, &mut self.run)
        }

        fn answer(&mut self, text: &str) -> Vec<Move> {
            self.with(|ground, run| hear(ground, run, text))
        }

        fn acted(&mut self, output: Value) -> Vec<Move> {
            self.with(|ground, run| take_outcome(ground, run, Acted::Done(output)))
        }
    }

    fn say(text: &str) -> Move {
        Move::Say(text.to_owned())
    }

    fn ask(text: &str) -> Move {
        Move::Ask(text.to_owned())
    }

    #[test]
    fn a_run_goes_on_until_it_waits_and_ends_on_the_branch_that_is_meant() {
        let mut bench = Bench::of(REFUND);
        let moves = bench.with(begin);
        assert_eq!(moves, [say("Hello Ada."), ask("Which order, Ada?")]);
        assert_eq!(bench.answer("4711"), [Move::Act]);
        assert_eq!(bench.run.step, "look");
        let order = serde_json::from_str(r#"{"refundable": true, "total": 80.10}"#);
        assert_eq!(bench.acted(order.expect("JSON")), [Move::Act]);
        let moves = bench.acted(json!({"ticket_id": "tkt_1", "number": 12}));
        assert_eq!(
            moves,
            [say("Ticket #12: Refund of 80.10 for 4711"), Move::End]
        );
        assert_eq!(bench.run.state, RunState::Completed);
        let passed: Vec<&str> = bench.run.trail.iter().map(|passed| &*passed.step).collect();
        assert_eq!(
            passed,
            ["hello", "ask", "look", "fork", "sum", "open", "told"]
        );
        assert_eq!(bench.run.variables["summary"].from, StatedBy::Customer);
    }

    #[test]
    fn the_other_branch_hands_over_with_what_the_customer_is_told() {
        let mut bench = Bench::of(REFUND);
        bench.with(begin);
        bench.answer("4711");
        let said = "Order 4711 is not eligible.".to_owned();
        assert_eq!(
            bench.acted(json!({"refundable": "no"})),
            [Move::HandOver {
                reason: said.clone(),
                said: Some(said)
            }]
        );
        assert_eq!(bench.run.state, RunState::Escalated);
    }

    #[test]
    fn an_answer_that_is_none_repeats_the_question_and_the_last_one_calls_a_person() {
        let mut bench = Bench::of(REFUND);
        bench.with(begin);
        assert_eq!(bench.answer("  "), [ask("Which order, Ada?")]);
        assert_eq!(bench.run.wait, 2);
        let moves = bench.answer("");
        assert!(
            matches!(&moves[..], [Move::HandOver { said: None, .. }]),
            "{moves:?}"
        );
        assert_eq!(bench.answer("4711"), [], "it is over");
    }

    #[test]
    fn the_customer_can_end_it() {
        let mut bench = Bench::of(REFUND);
        bench.with(begin);
        assert_eq!(bench.answer("Cancel."), [Move::End]);
        assert_eq!(bench.run.state, RunState::Cancelled);
    }

    #[test]
    fn what_a_customer_writes_is_never_expanded_again() {
        let mut bench = Bench::of(REFUND);
        bench.with(begin);
        bench.answer("{{customer.name}}");
        bench.acted(json!({"refundable": true, "total": "{{order_id}}"}));
        let moves = bench.acted(json!({"number": 1}));
        assert_eq!(
            moves[0],
            say("Ticket #1: Refund of {{order_id}} for {{customer.name}}")
        );
    }

    #[test]
    fn a_comparison_with_what_is_no_number_fails_the_step_and_takes_no_branch() {
        let text = REFUND.replace("operator: equals, value: true", "operator: gt, value: 3");
        let mut bench = Bench::of(&text);
        bench.with(begin);
        bench.answer("4711");
        let moves = bench.acted(json!({"refundable": "many"}));
        let reason = "`order.refundable`: `many` is no number".to_owned();
        assert_eq!(moves, [Move::HandOver { reason, said: None }]);
        assert_eq!(
            (bench.run.state, &*bench.run.step),
            (RunState::Failed, "fork")
        );
    }

    #[test]
    fn what_was_refused_or_went_wrong_hands_over_with_the_reason() {
        for (is_refused, state) in [(true, RunState::Escalated), (false, RunState::Failed)] {
            let mut bench = Bench::of(REFUND);
            bench.with(begin);
            bench.answer("4711");
            let reason = "no budget".to_owned();
            let acted = Acted::Not {
                reason: reason.clone(),
                is_refused,
            };
            let moves = bench.with(|ground, run| take_outcome(ground, run, acted));
            assert_eq!(moves, [Move::HandOver { reason, said: None }]);
            assert_eq!(bench.run.state, state);
            assert!(!bench.run.variables.contains_key("order"));
        }
    }

    #[test]
    fn a_run_that_never_ends_or_grows_too_large_is_handed_over() {
        let round = "display_name: x\ntrigger_description: y\nsteps:\n  - { id: a, type: message, content: hi, next: a }\n";
        let mut bench = Bench::of(round);
        let moves = bench.with(begin);
        assert_eq!(moves.len(), MOST_STEPS as usize + 1);
        assert!(matches!(moves.last(), Some(Move::HandOver { .. })));
        let grows = "display_name: x\ntrigger_description: y\nsteps:\n  - { id: a, type: set_variable, name: v, value: \"{{v}}{{v}}0123456789\", next: a }\n";
        let mut bench = Bench::of(grows);
        let moves = bench.with(begin);
        assert_eq!(bench.run.state, RunState::Failed);
        assert!(bench.run.bytes() < 3 * MOST_BYTES, "{moves:?}");
    }
}
