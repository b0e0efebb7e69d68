//! `provost procedures simulate FILE`: what comes of a definition, by its scenarios or by a script.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::files;
use crate::{
    cli::{
        EXIT_CONFIG, Failure, checks,
        house::{Folders, Place},
        input::text_of,
        output::{self, Output},
    },
    clock::Clock,
    domain::{
        procedure::{Definition, Weight},
        run::RunState,
    },
    workbench::{
        scenarios::Scenario,
        simulate::{Ground, Mock, Said, Script, Simulated, Speaker, Verdict, simulate, uncovered},
        verify::check,
    },
};

/// What is simulated.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a script the scenarios of the file are run, and each is told with its path.

A script is JSON or YAML, and what the other options say comes on top of it:

  inputs: [\"4711\", It arrived broken]
  mocks: { look_up: { status: 200, body: { refundable: true } } }
  approvals: { open_ticket: approve, second_look: { reject: it was worn } }
  variables: { order_id: A-1001 }
  customer: { name: Ada, email: ada@example.com }
  channel: whatsapp"
)]
pub(super) struct Args {
    /// A definition, JSON or YAML
    file: PathBuf,
    /// What customers, systems and people do, JSON or YAML
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// What the customer says next. May be repeated
    #[arg(long = "input", value_name = "TEXT")]
    inputs: Vec<String>,
    /// What a system answers to a step: `{"status": 404, "body": …}`, or the body alone. May be repeated
    #[arg(long = "mock", value_name = "STEP=JSON")]
    mocks: Vec<String>,
    /// A step that people approve. May be repeated
    #[arg(long, value_name = "STEP")]
    approve: Vec<String>,
    /// A step that people reject, and why. May be repeated
    #[arg(long, value_name = "STEP=WHY")]
    reject: Vec<String>,
    /// What the run knows from the beginning: JSON where it can be, else a text. May be repeated
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// What is known of the customer, such as `email=ada@example.com`. May be repeated
    #[arg(long = "customer", value_name = "NAME=VALUE")]
    customer: Vec<String>,
}

impl Args {
    /// Gives the script; `None` where nothing of one was given.
    ///
    /// *Errors*: usage, where something cannot be read.
    fn script(&self) -> Result<Option<Script>, Failure> {
        let lists = [
            &self.inputs,
            &self.mocks,
            &self.approve,
            &self.reject,
            &self.variables,
            &self.customer,
        ];
        if self.script.is_none() && lists.iter().all(|list| list.is_empty()) {
            return Ok(None);
        }
        let mut script = match &self.script {
            Some(file) => Script::parse(&text_of(file)?).map_err(|error| {
                Failure::new(format!("`{}` is no script: {error}", file.display())).code(2)
            })?,
            None => Script::default(),
        };
        script.inputs.extend(self.inputs.iter().cloned());
        for pair in &self.mocks {
            let (step, mock) = read_mock(pair)?;
            script.mocks.insert(step, mock);
        }
        for step in &self.approve {
            let verdict = Verdict::Plain(Said::Approve);
            script.approvals.insert(step.clone(), verdict);
        }
        for pair in &self.reject {
            let (step, verdict) = match pair.split_once('=') {
                Some((step, why)) => (step, Verdict::Rejected { reject: why.into() }),
                None => (pair.as_str(), Verdict::Plain(Said::Reject)),
            };
            script.approvals.insert(step.to_owned(), verdict);
        }
        let given = |option, pairs| checks::typed(option, pairs, &Value::Null);
        script.variables.extend(given("variable", &self.variables)?);
        script.customer.extend(given("customer", &self.customer)?);
        Ok(Some(script))
    }
}

/// Reads `STEP=JSON`.
fn read_mock(pair: &str) -> Result<(String, Mock), Failure> {
    let bad = |why: String| Failure::new(format!("`--mock {pair}` is no STEP=JSON{why}")).code(2);
    let (step, text) = pair.split_once('=').ok_or_else(|| bad(String::new()))?;
    let value: Value =
        serde_json::from_str(text).map_err(|_| bad(format!(": `{text}` is no JSON")))?;
    let is_whole = |members: &Map<String, Value>| {
        !members.is_empty()
            && members
                .keys()
                .all(|name| name == "status" || name == "body")
    };
    let mock = if value.as_object().is_some_and(is_whole) {
        serde_json::from_value(value).map_err(|error| bad(format!(": {error}")))?
    } else {
        Mock {
            status: 200,
            body: value,
        }
    };
    Ok((step.to_owned(), mock))
}

/// Runs the command.
pub(super) fn main(folders: &Folders, output: Output, args: &Args) -> Result<(), Failure> {
    let script = args.script()?;
    let definition = files::read(&args.file, output)?;
    let place = Place::find(folders, output)?;
    let policy = place.load()?;
    let ground = Ground {
        policy: &policy,
        settings: &place.settings,
        now: Clock::machine().now(),
    };
    let mut faults = check(&ground, &definition);
    faults.retain(|fault| fault.severity == Weight::Error);
    if !faults.is_empty() {
        return Err(files::refuse(
            &args.file.display().to_string(),
            output,
            &faults,
        ));
    }
    match script {
        Some(script) if !script.strangers(&definition).is_empty() => {
            let strangers = script.strangers(&definition);
            Err(Failure::new(format!("the script: {}", strangers.join("; "))).code(2))
        }
        Some(script) => by_script(output, &simulate(&ground, &definition, &script)),
        None => by_scenarios(&ground, output, &definition),
    }
}

fn by_script(output: Output, simulated: &Simulated) -> Result<(), Failure> {
    match (output, &simulated.fault) {
        (Output::Json, fault) => {
            output::json(&json!(simulated))?;
            fault.as_ref().map_or(Ok(()), |_| Err(Failure::said()))
        }
        (Output::Table, fault) => {
            output::line(&told(simulated))?;
            let Some(fault) = fault else { return Ok(()) };
            Err(Failure::new(fault).next(
                "say what happens with --input, --mock, --approve, --reject, or in the script",
            ))
        }
    }
}

/// A scenario that was run.
struct Ran {
    name: String,
    simulated: Simulated,
    differences: Vec<String>,
}

fn by_scenarios(
    ground: &Ground<'_>,
    output: Output,
    definition: &Definition,
) -> Result<(), Failure> {
    if definition.scenarios.is_empty() {
        return Err(Failure::new("the file has no scenarios").next(
            "say what happens with --script, --input, --mock, --approve, --reject or --variable",
        ));
    }
    let mut all = Vec::new();
    for (place, written) in definition.scenarios.iter().enumerate() {
        let scenario = Scenario::read(written, definition).map_err(|error| {
            Failure::new(format!("scenario {}: {error}", place + 1)).code(EXIT_CONFIG)
        })?;
        let simulated = simulate(ground, definition, &scenario.script);
        all.push(Ran {
            differences: scenario.expect.differences(&simulated),
            name: scenario.name,
            simulated,
        });
    }
    let simulated: Vec<Simulated> = all.iter().map(|ran| ran.simulated.clone()).collect();
    let uncovered = uncovered(definition, &simulated);
    let is_good = all.iter().all(|ran| ran.differences.is_empty());
    if output == Output::Json {
        let scenarios: Vec<Value> = all
            .iter()
            .map(|ran| {
                json!({"name": ran.name, "differences": ran.differences, "simulated": ran.simulated})
            })
            .collect();
        output::json(&json!({"ok": is_good, "scenarios": scenarios, "uncovered": uncovered}))?;
    } else {
        for ran in &all {
            output::line(&told_in_short(ran))?;
        }
        if !uncovered.is_empty() {
            let missing = uncovered.join(", ");
            output::aside(&format!("no scenario comes to {missing}"))?;
        }
    }
    if is_good {
        Ok(())
    } else {
        Err(Failure::said())
    }
}

/// Tells a scenario in a few lines: whether it holds, where it goes, and what is otherwise.
fn told_in_short(ran: &Ran) -> String {
    let sign = if ran.differences.is_empty() {
        "holds"
    } else {
        "FAILS"
    };
    let path: Vec<&str> = ran.simulated.path.iter().map(|one| &*one.step).collect();
    let mut lines = vec![format!("{sign}  {}", ran.name)];
    if !path.is_empty() {
        lines.push(format!("       {}", path.join(" ─► ")));
    }
    lines.push(format!("       {}", ending(&ran.simulated)));
    let differences = ran.differences.iter();
    lines.extend(differences.map(|difference| format!("    ≠  {difference}")));
    lines.join("\n")
}

/// Says where a run ended or stands.
fn ending(simulated: &Simulated) -> String {
    let Some(state) = simulated.state else {
        return "it does not begin".to_owned();
    };
    let why = simulated.reason.as_ref().map(|why| format!(" ({why})"));
    let at = format!("at `{}`", simulated.step);
    match state {
        RunState::Completed => "completed".to_owned(),
        state => format!("{} {at}{}", words(state.as_str()), why.unwrap_or_default()),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Tells a simulation, for people: what was said and done, what is known, what people and systems are asked.
fn told(simulated: &Simulated) -> String {
    let mut parts = Vec::new();
    let turns: Vec<String> = simulated
        .conversation
        .iter()
        .map(|turn| {
            let who = match turn.by {
                Speaker::Customer => "customer ",
                Speaker::Procedure => "procedure",
            };
            format!("{who}  {}", output::printable(&json!(turn.text)))
        })
        .collect();
    parts.push(turns.join("\n"));
    let mut table = |columns: &[output::Column], items: Vec<Value>| {
        if !items.is_empty() {
            parts.push(output::table(columns, &items));
        }
    };
    table(
        &[("STEP", "/step"), ("DID", "/did")],
        listed(&simulated.path),
    );
    table(VARIABLES, variables(&json!(simulated.variables)));
    table(
        &[
            ("APPROVAL OF", "/step"),
            ("BY", "/approvers"),
            ("ABOUT", "/summary"),
        ],
        listed(&simulated.approvals),
    );
    let requests = simulated.requests.iter().map(|one| {
        let params = checks::in_words(&json!(one.params));
        let state = words(one.state.as_str());
        format!(
            "`{}` asks for `{}` ({state}): {params}",
            one.step, one.action
        )
    });
    let requests: Vec<String> = requests.collect();
    parts.push(requests.join("\n"));
    parts.push(ending(simulated));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn listed<T: serde::Serialize>(items: &[T]) -> Vec<Value> {
    items.iter().map(|item| json!(item)).collect()
}

/// The columns of variables.
pub(super) const VARIABLES: &[output::Column] = &[
    ("VARIABLE", "/name"),
    ("VALUE", "/value"),
    ("STATED BY", "/from"),
];

/// Lists variables with who stated them.
pub(super) fn variables(known: &Value) -> Vec<Value> {
    let known = known.as_object().into_iter().flatten();
    known
        .map(|(name, known)| json!({"name": name, "value": known["value"], "from": known["from"]}))
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        domain::{directory::Directory, time::Timestamp},
        policy::{Policy, Sources},
        workbench::cases::default_settings,
    };

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn script(words: &[&str]) -> Result<Option<Script>, Failure> {
        let words = ["x", "file.yaml"].iter().chain(words);
        Cli::try_parse_from(words).expect("valid").args.script()
    }

    #[test]
    fn options_make_a_script() {
        assert_eq!(script(&[]), Ok(None));
        let words = [
            "--input=4711",
            "--mock=look={\"refundable\": true}",
            "--mock=ship={\"status\": 404}",
            "--approve=open",
            "--reject=second=it was worn",
            "--variable=n=7",
            "--customer=name=Ada",
        ];
        let script = script(&words).expect("readable");
        insta::assert_snapshot!(
            json!(script).to_string(),
            @r#"{"approvals":{"open":"approve","second":{"reject":"it was worn"}},"channel":null,"customer":{"name":"Ada"},"inputs":["4711"],"mocks":{"look":{"body":{"refundable":true},"status":200},"ship":{"body":null,"status":404}},"variables":{"n":7}}"#
        );
        for bad in [
            "--mock=look",
            "--mock=look=nope",
            "--mock=look={\"status\":\"x\"}",
            "--variable=n",
        ] {
            let fault = super::tests::script(&[bad]).expect_err(bad);
            assert_eq!(fault, Failure::new(fault.message()).code(2), "{bad}");
        }
    }

    const GREETING: &str = r#"
display_name: Greeting
trigger_description: When somebody says hello
steps:
  - { id: ask, type: collect_input, variable: name, prompt: "Who?" }
  - { id: keep, type: internal_action, action: tag_session, approval: require, params: { tag: "{{name}}" } }
  - { id: hello, type: message, content: "Hello {{name}}" }
"#;

    #[test]
    fn a_simulation_is_told_with_all_that_came_of_it() {
        let policy = Policy::load(&Sources::default(), &Directory::default()).expect("empty");
        let settings = default_settings();
        let ground = Ground {
            policy: &policy,
            settings: &settings,
            now: Timestamp::default(),
        };
        let definition = Definition::parse(GREETING).expect("valid");
        let script = script(&["--input=Ada", "--approve=keep"]).expect("readable");
        let simulated = simulate(&ground, &definition, &script.expect("a script"));
        insta::assert_snapshot!(told(&simulated), @r"
        procedure  Who?
        customer   Ada
        procedure  Hello Ada

        STEP   DID
        ask    `name` was answered
        keep   done
        hello  told the customer

        VARIABLE  VALUE  STATED BY
        name      Ada    customer

        APPROVAL OF  BY     ABOUT
        keep         agent  tag_session for Greeting: tag Ada

        `keep` asks for `tag_session` (succeeded): tag Ada

        completed
        ");
        let ran = Ran {
            name: "ada".to_owned(),
            simulated,
            differences: vec!["it came to `keep`".to_owned()],
        };
        insta::assert_snapshot!(told_in_short(&ran), @r"
        FAILS  ada
               ask ─► keep ─► hello
               completed
            ≠  it came to `keep`
        ");
    }
}
