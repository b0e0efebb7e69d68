//! Running cases: events in, a clock that moves, what came out against what was to come.
//!
//! A case fails on an expectation that nothing met, on something that was not to
//! follow and did, on a rule that raised an error and on an event that was
//! refused, unless the case expects just that. Used by `provost rules test` and
//! before a reload swaps a policy in.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use super::{
    bench_world::{BenchWorld, Output, Trail},
    case_file::{self, Case, CaseFault, Expectation, Step},
    matching,
};
use crate::{
    decide::Settings,
    domain::{
        directory::Directory,
        event::{Event, Rejection},
        procedure::version::Procedures,
        template::Template,
        ticket::RESOLVED_MESSAGE,
        world::World,
    },
    policy::{Fault, Policy, RuleSummary, Severity},
};

/// Outputs that fail a case unless it expects them.
const UNWELCOME: [&str; 2] = ["event.rejected", "rule.failed"];

/// A case beside the rules fails.
const CASE_FAILS: &str = "PV-RULE-090";

/// Every code of this module with its remedy.
pub const CODES: &[(&str, &str)] = &[(
    CASE_FAILS,
    "Run `provost rules test`: it shows what was expected and what came out; mend the rule or the case.",
)];

/// What running all cases of a folder came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How many cases passed.
    pub passed: usize,
    /// The cases that failed, in the order of their files.
    pub failed: Vec<Failure>,
    /// Rules that fired in no case.
    pub untested: Vec<String>,
}

impl Report {
    /// Tells whether nothing failed.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }

    /// Gives the failures as faults of the policy, for a load that wants its cases to pass.
    pub fn faults(&self) -> Vec<Fault> {
        self.failed.iter().map(Failure::fault).collect()
    }
}

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The file, relative to the folder.
    pub file: String,
    /// The line of what failed, from 1.
    pub line: usize,
    /// The case's name; empty when the file itself cannot be read.
    pub case: String,
    /// What failed, one line each.
    pub reasons: Vec<Reason>,
    /// What came out, one line each.
    pub trace: Vec<String>,
}

/// One thing that failed in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The line, from 1.
    pub line: usize,
    /// What was to be and is not.
    pub message: String,
    /// What sets the nearest output apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<String>,
}

impl Failure {
    fn fault(&self) -> Fault {
        let first = self.reasons.first();
        let message = first.map_or("it fails", |reason| reason.message.as_str());
        Fault {
            code: CASE_FAILS,
            severity: Severity::Error,
            file: self.file.clone(),
            line: first.map_or(self.line, |reason| reason.line),
            column: 0,
            message: format!("the case `{}` fails: {message}", self.case),
            hint: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "FAILED {}:{} {}", self.file, self.line, self.case)?;
        for reason in &self.reasons {
            writeln!(f, "  {}:{}: {}", self.file, reason.line, reason.message)?;
            for line in &reason.apart {
                writeln!(f, "      {line}")?;
            }
        }
        if !self.trace.is_empty() {
            writeln!(f, "  what came out:")?;
            for line in &self.trace {
                writeln!(f, "      {line}")?;
            }
        }
        Ok(())
    }
}

/// What cases run under.
#[derive(Clone, Copy, Debug)]
pub struct Under<'u> {
    /// The policy.
    pub policy: &'u Policy,
    /// The configuration.
    pub settings: &'u Settings,
    /// The procedures that rules may start.
    pub procedures: &'u Arc<Procedures>,
}

/// Runs the cases of `files` (path to text) whose file or name holds `filter`.
pub fn run_all(
    under: &Under<'_>,
    files: &BTreeMap<String, String>,
    filter: Option<&str>,
) -> Report {
    let is_wanted = |file: &str, name: &str| {
        filter.is_none_or(|filter| file.contains(filter) || name.contains(filter))
    };
    let mut report = Report::default();
    let mut fired = BTreeSet::new();
    for (file, text) in files {
        match case_file::parse(file, text) {
            Ok(cases) => {
                for case in cases.iter().filter(|case| is_wanted(file, &case.name)) {
                    let (failure, rules) = run(under, case);
                    fired.extend(rules);
                    match failure {
                        None => report.passed += 1,
                        Some(failure) => report.failed.push(failure),
                    }
                }
            }
            Err(faults) => report.failed.extend(faults.into_iter().map(unreadable)),
        }
    }
    report.untested = under
        .policy
        .rules()
        .iter()
        .filter(|rule| is_within_reach(rule))
        .map(|rule| rule.name.to_string())
        .filter(|rule| !fired.contains(rule))
        .collect();
    report
}

/// Tells whether a case can have a rule fire. What is out of the usual takes weeks of the usual, and
/// a calendar does nothing by itself.
fn is_within_reach(rule: &RuleSummary) -> bool {
    !["anomaly", "calendar"].contains(&rule.kind)
}

fn unreadable(fault: CaseFault) -> Failure {
    Failure {
        file: fault.file,
        line: fault.line,
        case: String::new(),
        reasons: vec![Reason {
            line: fault.line,
            message: fault.message,
            apart: Vec::new(),
        }],
        trace: Vec::new(),
    }
}

/// Runs one case: its failure, if it has one, and the rules that fired.
pub fn run(under: &Under<'_>, case: &Case) -> (Option<Failure>, Vec<String>) {
    let world = World {
        procedures: Some(Arc::clone(under.procedures)),
        ..World::default()
    };
    let mut bench = BenchWorld::over(under.policy, under.settings, world, case.at);
    let mut seen = Seen::default();
    for step in &case.steps {
        seen.take(step.line, bench.advance(bench.now().plus(step.after)));
        seen.take(step.line, deliver(&mut bench, step));
    }
    seen.take(case.line, bench.advance(bench.now().plus(case.run_for)));
    let reasons = judge(case, &seen);
    let failure = (!reasons.is_empty()).then(|| Failure {
        file: case.file.clone(),
        line: case.line,
        case: case.name.clone(),
        reasons,
        trace: seen.outputs.iter().map(trace_line).collect(),
    });
    (failure, seen.fired)
}

fn deliver(bench: &mut BenchWorld<'_>, step: &Step) -> Result<Trail, Rejection> {
    let mut event = Event::from_value(step.event.clone())?;
    event.time = Some(bench.now());
    if event.kind == "approval.decided" {
        name_approval(&mut event, bench);
    }
    bench.deliver(event)
}

/// Puts in the id of the approval that a request waits for: whoever writes a case knows the request.
fn name_approval(event: &mut Event, bench: &BenchWorld<'_>) {
    let asked = event
        .data
        .get("request_id")
        .and_then(serde_json::Value::as_str);
    let request = asked.and_then(|id| bench.world().requests.get(id)?.as_ref());
    if let Some(id) = request.and_then(|request| request.approval_id.as_deref()) {
        event.data.insert("approval_id".to_owned(), id.into());
    }
}

#[derive(Default)]
struct Seen {
    outputs: Vec<Output>,
    fired: Vec<String>,
    refusals: Vec<Reason>,
}

impl Seen {
    fn take(&mut self, line: usize, trail: Result<Trail, Rejection>) {
        match trail {
            Ok(trail) => {
                self.outputs.extend(trail.outputs);
                self.fired.extend(trail.fired);
            }
            Err(rejection) => self.refusals.push(Reason {
                line,
                message: format!("the event is not valid: {rejection}"),
                apart: Vec::new(),
            }),
        }
    }
}

fn judge(case: &Case, seen: &Seen) -> Vec<Reason> {
    let mut reasons = seen.refusals.clone();
    let mut taken = vec![false; seen.outputs.len()];
    for expected in &case.expect {
        reasons.extend(check_expected(expected, seen, &mut taken));
    }
    for unwanted in &case.not {
        reasons.extend(check_unwanted(unwanted, seen));
    }
    for (output, taken) in seen.outputs.iter().zip(&taken) {
        if UNWELCOME.contains(&output.kind.as_str()) && !taken {
            reasons.push(Reason {
                line: case.line,
                message: format!("not expected: {}", trace_line(output)),
                apart: Vec::new(),
            });
        }
    }
    reasons
}

fn check_expected(expected: &Expectation, seen: &Seen, taken: &mut [bool]) -> Option<Reason> {
    let failed = |message: String, apart: Vec<String>| {
        Some(Reason {
            line: expected.line,
            message,
            apart,
        })
    };
    let Some(kind) = &expected.kind else {
        let rule = expected.rule.as_deref().unwrap_or_default();
        let times = seen.fired.iter().filter(|fired| *fired == rule).count();
        return match expected.times {
            Some(wanted) if wanted != times => failed(
                format!("expected `{rule}` to fire {wanted} times, it fired {times} times"),
                Vec::new(),
            ),
            None if times == 0 => failed(format!("expected `{rule}` to fire"), Vec::new()),
            _ => None,
        };
    };
    let found: Vec<usize> = (0..seen.outputs.len())
        .filter(|&at| matching::matches(expected, &seen.outputs[at]))
        .collect();
    if let Some(wanted) = expected.times {
        for &at in &found {
            taken[at] = true;
        }
        let times = found.len();
        return (times != wanted)
            .then(|| {
                format!(
                    "expected {} {wanted} times, found it {times} times",
                    show(expected)
                )
            })
            .and_then(|message| failed(message, Vec::new()));
    }
    // Each expectation is met by an output of its own.
    if let Some(&at) = found.iter().find(|&&at| !taken[at]) {
        taken[at] = true;
        return None;
    }
    let message = format!("expected {}", show(expected));
    match matching::nearest(expected, &seen.outputs) {
        _ if !found.is_empty() => failed(format!("{message} once more"), Vec::new()),
        None => failed(
            format!("{message}: there is no `{kind}` at all"),
            Vec::new(),
        ),
        Some((_, apart)) => failed(format!("{message}; the nearest differs:"), apart),
    }
}

fn check_unwanted(unwanted: &Expectation, seen: &Seen) -> Option<Reason> {
    let message = if unwanted.kind.is_none() {
        let rule = unwanted.rule.as_deref()?;
        let has_fired = seen.fired.iter().any(|fired| fired == rule);
        has_fired.then(|| format!("`{rule}` was not to fire"))?
    } else {
        let output = seen
            .outputs
            .iter()
            .find(|output| matching::matches(unwanted, output))?;
        format!("was not to follow: {}", trace_line(output))
    };
    Some(Reason {
        line: unwanted.line,
        message,
        apart: Vec::new(),
    })
}

fn show(expected: &Expectation) -> String {
    let kind = expected.kind.as_deref().unwrap_or("a rule");
    let from = expected
        .rule
        .as_deref()
        .map(|rule| format!(" from `{rule}`"))
        .unwrap_or_default();
    if expected.fields.is_empty() {
        format!("`{kind}`{from}")
    } else {
        let fields = serde_json::to_string(&expected.fields).unwrap_or_default();
        format!("`{kind}`{from} with {fields}")
    }
}

fn trace_line(output: &Output) -> String {
    let mut data = output.data.clone();
    for noise in ["conversation_id", "context", "link"] {
        data.remove(noise);
    }
    let data = serde_json::to_string(&data).unwrap_or_default();
    format!("{} {} {data}", output.at, output.kind)
}

/// Gives the settings under which cases run when nothing is configured.
pub fn default_settings() -> Settings {
    Settings {
        source: "/provost".to_owned(),
        conversation_url: String::new(),
        resolved_message: Template::parse(RESOLVED_MESSAGE).ok(),
        directory: Directory::default(),
        catalogue: Arc::default(),
        notices: Arc::default(),
        procedures: crate::domain::procedure::Conduct::default(),
        names_others: false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        config::{CatalogueSources, Env, Ground, read_catalogue},
        domain::access::Roles,
        policy::Sources,
        workbench::simulate::tried_of,
    };

    /// The sample policy under the settings of the shipped configuration.
    fn sample() -> (PathBuf, Policy, Settings) {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let (dir, config) = (root.join("rules"), root.join("config"));
        let sources = Sources::read(&dir).expect("readable");
        let catalogue = CatalogueSources::read(&config).expect("readable");
        let ground = Ground {
            env: &Env::default(),
            folder: &config,
            roles: &Roles::default(),
        };
        let catalogue = read_catalogue(&catalogue, &ground).catalogue;
        let mut settings = default_settings();
        settings.directory.actions = crate::procedures::internal::action_names(&catalogue);
        settings.catalogue = Arc::new(catalogue);
        let policy = Policy::load(&sources, &settings.directory).unwrap_or_else(|faults| {
            panic!("{}", crate::workbench::check::render(&faults, &sources))
        });
        assert_eq!(policy.warnings(), [], "the sample is without warnings");
        (dir, policy, settings)
    }

    #[test]
    fn the_sample_policy_does_what_its_cases_say_and_every_rule_has_one() {
        let (dir, policy, settings) = sample();
        let files = case_file::read_folder(&dir).expect("readable");
        let report = run_all(&under(&policy, &settings, &Arc::default()), &files, None);
        let failures: Vec<String> = report.failed.iter().map(ToString::to_string).collect();
        assert!(report.is_clean(), "{}", failures.join("\n"));
        assert_eq!(report.untested, [""; 0], "rules that fire in no case");
        for rule in policy.rules().iter().filter(|rule| is_within_reach(rule)) {
            let beside = rule.file.replace(".rhai", case_file::SUFFIX);
            assert!(
                files.contains_key(&beside),
                "{beside} stands beside {}",
                rule.file
            );
        }
    }

    fn under<'u>(
        policy: &'u Policy,
        settings: &'u Settings,
        procedures: &'u Arc<Procedures>,
    ) -> Under<'u> {
        Under {
            policy,
            settings,
            procedures,
        }
    }

    fn failure_of(rules: &str, cases: &str) -> String {
        let sources = Sources {
            files: BTreeMap::from([("a.rhai".to_owned(), rules.to_owned())]),
        };
        let settings = default_settings();
        let policy = Policy::load(&sources, &settings.directory).expect("loads");
        let files = BTreeMap::from([("a.cases.toml".to_owned(), cases.to_owned())]);
        let greeting = "display_name: Greeting\ntrigger_description: When a customer says hello\n\
                        steps: [{ id: hello, type: message, content: 'Hello, {{name}}!' }]";
        let procedures = tried_of(&BTreeMap::from([
            ("greeting.yaml".to_owned(), greeting.to_owned()),
            ("broken.yaml".to_owned(), "steps: []".to_owned()),
        ]));
        let report = run_all(&under(&policy, &settings, &procedures), &files, None);
        let texts: Vec<String> = report.failed.iter().map(ToString::to_string).collect();
        texts.join("\n")
    }

    const RULE: &str = r#"
escalation("Refunds", #{ keywords: ["refund"], priority: "medium", cooldown: "30m" });
"#;

    #[test]
    fn what_the_readme_shows_loads() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules/README.md");
        let text = std::fs::read_to_string(path).expect("readable");
        let blocks = |language: &str| -> Vec<String> {
            let fence = format!("```{language}\n");
            let parts = text.split(fence.as_str()).skip(1);
            parts
                .filter_map(|part| Some(part.split_once("\n```")?.0.to_owned()))
                .collect()
        };
        let mut directory = Directory::default();
        let team = directory.teams["support"].clone();
        directory.teams.insert("billing".to_owned(), team);
        assert_eq!(blocks("rhai").len(), 12, "one example a section");
        for block in blocks("rhai") {
            let sources = Sources {
                files: BTreeMap::from([("example.rhai".to_owned(), block)]),
            };
            if let Err(faults) = Policy::load(&sources, &directory) {
                panic!("{}", crate::workbench::check::render(&faults, &sources));
            }
        }
        let (_, policy, settings) = sample();
        for block in blocks("toml") {
            let files = BTreeMap::from([("example.cases.toml".to_owned(), block)]);
            let report = run_all(&under(&policy, &settings, &Arc::default()), &files, None);
            assert!(report.is_clean(), "{}", report.failed[0]);
        }
    }

    #[test]
    fn a_failure_names_the_case_the_line_and_the_difference() {
        let cases = r#"
[[case]]
name = "a refund is urgent"
events = [{ type = "conversation.message", text = "a refund" }]
expect = [
    { effect = "escalate", priority = "high" },
    { effect = "tag", tag = "refund" },
]
not = [{ rule = "Refunds" }]
"#;
        let text = failure_of(RULE, cases);
        for part in [
            "FAILED a.cases.toml:3 a refund is urgent",
            "a.cases.toml:6: expected `conversation.escalated` with {\"priority\":\"high\"}; the nearest differs:",
            "      priority: expected `\"high\"`, found `\"medium\"`",
            "a.cases.toml:7: expected `conversation.tag` with {\"tag\":\"refund\"}: there is no `conversation.tag` at all",
            "a.cases.toml:9: `Refunds` was not to fire",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }

    #[test]
    fn the_clock_moves_and_cooldowns_end() {
        let cases = r#"
[[case]]
name = "once in half an hour"
events = [
    { type = "conversation.message", text = "refund" },
    { type = "conversation.message", text = "refund", after = "29m" },
    { type = "conversation.message", text = "refund", after = "2m" },
]
expect = [{ effect = "escalate", times = 2 }]
"#;
        assert_eq!(failure_of(RULE, cases), "");
    }

    #[test]
    fn rules_start_the_procedures_that_files_say() {
        let rules = r#"on("conversation.message", "Hello", #{ then: |e| start_procedure(e.message.text, #{ name: "Ada" }) });"#;
        let cases = r#"
[[case]]
name = "a procedure that a file says"
events = [{ type = "conversation.message", text = "greeting" }]
expect = [
    { effect = "start_procedure", procedure = "greeting" },
    { effect = "send_message", text = "Hello, Ada!" },
]

[[case]]
name = "one that no file says"
events = [{ type = "conversation.message", text = "greetin" }]
expect = [{ effect = "start_procedure" }]
"#;
        let text = failure_of(rules, cases);
        assert!(!text.contains("a procedure that a file says"), "{text}");
        assert!(text.contains("did you mean `greeting`?"), "{text}");
    }

    #[test]
    fn a_rule_that_fails_and_an_event_that_is_refused_fail_the_case() {
        let rules = r#"on("conversation.message", "Broken", #{ then: |e| throw "no" });"#;
        let cases = r#"
[[case]]
name = "broken"
events = [{ type = "conversation.message", text = "x" }]

[[case]]
name = "refused"
events = [{ type = "escalation.settled", escalation_id = "esc_none", actor = { kind = "agent", id = "owner" } }]

[[case]]
name = "not valid"
events = [{ type = "conversation.messages" }]

[[case]]
name = "expected"
events = [{ type = "conversation.message", text = "x" }]
expect = [{ type = "rule.failed", rule = "Broken" }]
"#;
        let text = failure_of(rules, cases);
        assert!(
            text.contains("not expected: 2026-01-05T09:00:00Z rule.failed"),
            "{text}"
        );
        assert!(text.contains("event.rejected"), "{text}");
        assert!(
            text.contains("a.cases.toml:12: the event is not valid"),
            "{text}"
        );
        assert!(!text.contains("FAILED a.cases.toml:15"), "{text}");
    }
}
