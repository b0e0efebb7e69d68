//! The load: from sources to rules, with every fault found on the way.
//!
//! Compile all, check all, build what is imported, run all in path order, then
//! make rules of what was registered. A stage that fails for one file does not
//! keep the others from being looked at. Called by `super::Policy::load`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use rhai::{
    Engine, Module, OptimizationLevel, ParseErrorType, Position, Scope,
    module_resolvers::StaticModuleResolver,
};

use super::{
    RuleSummary,
    check::{self, Report},
    cron::Schedule,
    effects, facts,
    fault::{self, Fault, Severity},
    kinds::{self, Collector},
    names::{File, Library},
    register::Maker,
    rule::{Action, Rule},
    sandbox::{self, LOAD_OPERATIONS},
    sources::Sources,
    spec::Step,
    strict,
    terms::{self, Ledger},
};
use crate::domain::{anomaly::Watch, directory::Directory};

/// What a load leaves behind.
pub(super) struct Loaded {
    /// The engine that calls the closures.
    pub(super) engine: Engine,
    /// The engine that calls those of gates, which compares strictly.
    pub(super) strict: Engine,
    /// The rules, in the order of files and within them.
    pub(super) rules: Vec<Rule>,
    /// Their summaries, in the same order.
    pub(super) summaries: Vec<RuleSummary>,
    /// When the `schedule` rules are due.
    pub(super) schedules: Vec<Schedule>,
    /// What is watched.
    pub(super) watches: Vec<Watch>,
    /// Its calendars, and what is promised by them.
    pub(super) ledger: Ledger,
    /// What is worth mending.
    pub(super) warnings: Vec<Fault>,
}

/// Loads a policy; `level` is [`OptimizationLevel::None`] but in tests.
pub(super) fn load(
    sources: &Sources,
    directory: &Directory,
    level: OptimizationLevel,
) -> Result<Loaded, Vec<Fault>> {
    let directory = Arc::new(directory.clone());
    let collector = Arc::new(Collector::default());
    let mut engine = furnished(level, &directory, &collector);
    let mut strict = furnished(level, &directory, &collector);
    strict::register(&mut strict);

    let mut faults = Vec::new();
    let (library, held_back) = compile(&mut engine, sources, &mut faults);
    let reports: BTreeMap<Arc<str>, Report> = library
        .files()
        .map(|file| {
            (
                Arc::clone(&file.path),
                check::check(file, &library, &directory),
            )
        })
        .collect();
    gather(&reports, held_back, &mut faults);
    let is_warning = |fault: &mut Fault| fault.severity == Severity::Warning;
    let mut warnings: Vec<Fault> = faults.extract_if(.., is_warning).collect();

    let properties: BTreeSet<&str> = reports
        .values()
        .flat_map(|report| report.properties.iter().map(String::as_str))
        .collect();
    sandbox::know_properties(&mut engine, properties.iter().copied());
    sandbox::know_properties(&mut strict, properties);

    let mut broken: BTreeSet<String> = faults.iter().map(|fault| fault.file.clone()).collect();
    broken.extend(imports(&mut engine, &library, &reports, &mut faults));
    for file in library.files() {
        run(&engine, &collector, file, &broken, &mut faults);
    }

    let mut maker = Maker::new(&library, &reports, &directory);
    for registration in collector.take() {
        maker.make(registration);
    }
    let registered = std::mem::take(&mut maker.calendars);
    let made = maker.finish(&mut faults, &mut warnings);
    let (rules, summaries): (Vec<Rule>, Vec<RuleSummary>) = made.into_iter().unzip();
    let schedules = schedules(&rules, &reports, &mut faults);
    // What a file names that cannot be read is not known, so nothing is said of it.
    if library.files().count() == sources.files.len() {
        faults.extend(terms::check(&rules, registered, &reports, &directory));
    }
    let watches = Watch::completed(rules.iter().filter_map(Rule::watch).collect());
    tidy(&mut faults);
    tidy(&mut warnings);
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        return Err(faults);
    }
    Ok(Loaded {
        ledger: Ledger::of(&rules)?,
        engine,
        strict,
        rules,
        summaries,
        schedules,
        watches,
        warnings,
    })
}

fn furnished(
    level: OptimizationLevel,
    directory: &Arc<Directory>,
    collector: &Arc<Collector>,
) -> Engine {
    let mut engine = sandbox::engine(level);
    facts::register(&mut engine);
    effects::register(&mut engine, directory);
    kinds::register(&mut engine, collector);
    engine
}

/// Compiles every file. A file that only names unknown variables is compiled
/// without looking at them, so that the check finds all of them and the rest;
/// its fault is held back, should the check find none.
fn compile(
    engine: &mut Engine,
    sources: &Sources,
    faults: &mut Vec<Fault>,
) -> (Library, Vec<Fault>) {
    let mut library = Library::default();
    let mut held_back = Vec::new();
    for (path, text) in &sources.files {
        let error = match engine.compile(text) {
            Ok(ast) => {
                library.add(File::new(path, ast));
                continue;
            }
            Err(error) => error,
        };
        let fault = Fault::of_parsing(path, &error);
        let is_a_name = matches!(
            error.err_type(),
            ParseErrorType::VariableUndefined(_) | ParseErrorType::ModuleUndefined(_)
        );
        engine.set_strict_variables(false);
        match engine.compile(text) {
            Ok(ast) if is_a_name => {
                library.add(File::new(path, ast));
                held_back.push(fault);
            }
            Err(error) if is_a_name => faults.push(Fault::of_parsing(path, &error)),
            _ => faults.push(fault),
        }
        engine.set_strict_variables(true);
    }
    (library, held_back)
}

fn gather(reports: &BTreeMap<Arc<str>, Report>, held_back: Vec<Fault>, faults: &mut Vec<Fault>) {
    for report in reports.values() {
        faults.extend(report.faults.iter().cloned());
    }
    for fault in held_back {
        let is_told = faults.iter().any(|told| {
            told.file == fault.file && [fault::VARIABLE, fault::IMPORT].contains(&told.code)
        });
        if !is_told {
            faults.push(fault);
        }
    }
}

/// Builds the imported files, each after what it imports itself.
/// Gives the files that lack an import.
fn imports(
    engine: &mut Engine,
    library: &Library,
    reports: &BTreeMap<Arc<str>, Report>,
    faults: &mut Vec<Fault>,
) -> BTreeSet<String> {
    let mut builder = Imports {
        library,
        reports,
        resolver: StaticModuleResolver::new(),
        seen: HashMap::new(),
        faults,
    };
    let mut lacking = BTreeSet::new();
    for (importer, report) in reports {
        for (path, at) in &report.imports {
            if !builder.build(engine, importer, path, *at) {
                lacking.insert(importer.to_string());
            }
        }
    }
    engine.set_module_resolver(builder.resolver);
    lacking
}

struct Imports<'a> {
    library: &'a Library,
    reports: &'a BTreeMap<Arc<str>, Report>,
    resolver: StaticModuleResolver,
    /// Whether a file is built; `None` while it is being built.
    seen: HashMap<String, Option<bool>>,
    faults: &'a mut Vec<Fault>,
}

impl Imports<'_> {
    /// Builds the file that `importer` imports, and tells whether it stands.
    fn build(&mut self, engine: &mut Engine, importer: &str, path: &str, at: Position) -> bool {
        match self.seen.get(path) {
            Some(Some(is_built)) => return *is_built,
            Some(None) => {
                let message = format!("`{path}.rhai` imports itself, maybe through others");
                self.faults
                    .push(Fault::new(fault::IMPORT, importer, at, message));
                return false;
            }
            None => {}
        }
        let library = self.library;
        let Some(file) = library.file(path) else {
            return false;
        };
        self.seen.insert(path.to_owned(), None);
        let mut is_built = true;
        if let Some(report) = self.reports.get(&file.path) {
            for (inner, inner_at) in &report.imports {
                is_built &= self.build(engine, &file.path, inner, *inner_at);
            }
            is_built &= !self.refuse_registrations(importer, file, report);
        }
        is_built = is_built && self.evaluate(engine, path, file);
        self.seen.insert(path.to_owned(), Some(is_built));
        is_built
    }

    fn refuse_registrations(&mut self, importer: &str, file: &File, report: &Report) -> bool {
        for (kind, at) in &report.registrations {
            let message = format!(
                "`{kind}` registers a rule, but `{importer}` imports this file: an import brings functions and constants"
            );
            self.faults.push(
                Fault::new(fault::REGISTRATION, &file.path, *at, message)
                    .hinted(Some("move the functions to a file of their own".to_owned())),
            );
        }
        !report.registrations.is_empty()
    }

    fn evaluate(&mut self, engine: &mut Engine, path: &str, file: &File) -> bool {
        let built = sandbox::guarded(LOAD_OPERATIONS, || {
            Module::eval_ast_as_new(Scope::new(), &file.ast, engine)
        });
        match built {
            Ok(module) => {
                self.resolver.insert(path, module);
                engine.set_module_resolver(self.resolver.clone());
                true
            }
            Err(error) => {
                self.faults.push(Fault::of_running(&file.path, &error));
                false
            }
        }
    }
}

/// Runs a file; one that is broken already is run for what else it may show.
fn run(
    engine: &Engine,
    collector: &Collector,
    file: &File,
    broken: &BTreeSet<String>,
    faults: &mut Vec<Fault>,
) {
    collector.open(Some(Arc::clone(&file.path)));
    let ended = sandbox::guarded(LOAD_OPERATIONS, || {
        engine.run_ast_with_scope(&mut Scope::new(), &file.ast)
    });
    collector.open(None);
    if let Err(error) = ended
        && !broken.contains(&*file.path)
    {
        faults.push(Fault::of_running(&file.path, &error));
    }
}

fn schedules(
    rules: &[Rule],
    reports: &BTreeMap<Arc<str>, Report>,
    faults: &mut Vec<Fault>,
) -> Vec<Schedule> {
    let mut schedules = Vec::new();
    for rule in rules {
        let Action::Timer {
            cron,
            timezone,
            catch_up,
            ..
        } = &rule.action
        else {
            continue;
        };
        match Schedule::new(Arc::clone(&rule.name), cron, *timezone) {
            Ok(schedule) => schedules.push(schedule.catching_up(*catch_up)),
            Err((message, hint)) => {
                let at = place_of(rule, "cron", reports);
                let fault = Fault::new(fault::CRON, &rule.home.file, at, message);
                faults.push(fault.hinted(hint));
            }
        }
    }
    schedules
}

/// Gives the place of what a rule has under a key.
pub(super) fn place_of(rule: &Rule, key: &str, reports: &BTreeMap<Arc<str>, Report>) -> Position {
    let path = [Step::Key(key.to_owned())];
    reports.get(&rule.home.file).map_or(rule.home.at, |report| {
        report.spots.key(rule.home.at, 1, &path)
    })
}

/// Sorts faults by place, and tells each once; what a file raised is left out where more is known.
fn tidy(faults: &mut Vec<Fault>) {
    fn place(fault: &Fault) -> (&str, usize, usize) {
        (&fault.file, fault.line, fault.column)
    }
    faults.sort_by(|a, b| (place(a), a.code, &a.message).cmp(&(place(b), b.code, &b.message)));
    faults.dedup_by(|a, b| (place(a), a.code, &a.message) == (place(b), b.code, &b.message));
    let known: BTreeSet<(String, usize, usize)> = faults
        .iter()
        .filter(|fault| fault.code != fault::RAISED)
        .map(|fault| (fault.file.clone(), fault.line, fault.column))
        .collect();
    faults.retain(|fault| {
        let (file, line, column) = place(fault);
        fault.code != fault::RAISED || !known.contains(&(file.to_owned(), line, column))
    });
}

#[cfg(test)]
mod tests {
    use crate::policy::{
        Policy,
        testing::{directory, faults, lines, message, policy, sources},
    };

    #[test]
    fn every_fault_is_told_at_once_with_its_place() {
        let text = r##"escalation("x", #{ keywrods: ["a"], priority: "hihg", team: "biling", cooldown: "1w" });
escalation("y", #{ when: |e| e.converstation.messages > 2 });
on("conversation.mesage", "z", #{ then: |e| esclate(#{}) });
on("conversation.message", "z2", #{ then: |e| escalate(#{ piority: "low", notify: ["@dana", "#biling"] }) });
route("r", #{ assign: "leastopen" });
schedule("s", #{ cron: "0 9 * * 1", then: || resolve() });
schedule("t", #{ cron: "0 9 * * Mon", timezone: "Europe/Berln", then: |a, b| resolve() });
escalation("x", #{ channels: "web", sentiment_below: 2, ticket: "old", when: true });
sla("l", #{ segments: ["gold"], calendar: "berlin", high: #{ resolution: "8h" } });
on("procedure.requestd", "p", #{ then: |e| start_procedur("a", #{}) });
let n = naem + 1;
"##;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r#"
        a.rhai:1:20: there is no key `keywrods` here [PV-RULE-003]; did you mean `keywords`?
        a.rhai:1:47: `priority`: `hihg` is not a priority [PV-RULE-004]; did you mean `high`?
        a.rhai:1:61: `team`: there is no team `biling` in the configuration [PV-RULE-006]; did you mean `billing`?
        a.rhai:1:81: `cooldown`: `1w` is not a duration; write a number and a unit: ms, s, m, h or d [PV-RULE-004]
        a.rhai:2:32: the event has no field `converstation` [PV-RULE-008]; did you mean `conversation`?
        a.rhai:3:4: there is no event type `conversation.mesage` [PV-RULE-007]; did you mean `conversation.message`?
        a.rhai:3:45: there is no function `esclate` [PV-RULE-009]; did you mean `escalate`?
        a.rhai:4:59: there is no key `piority` here [PV-RULE-003]; did you mean `priority`?
        a.rhai:4:93: `notify`: there is no channel `biling` in the configuration [PV-RULE-006]; did you mean `#billing`?
        a.rhai:5:1: the key `team` is missing: a team [PV-RULE-005]
        a.rhai:5:23: `assign`: there is no person `leastopen` in the configuration [PV-RULE-006]; did you mean `least_open`?
        a.rhai:6:24: the weekday `1` of `0 9 * * 1` is a number [PV-RULE-012]; write weekdays by name, such as `Mon-Fri` or `Sat,Sun`: programs disagree on their numbers
        a.rhai:7:49: `timezone`: `Europe/Berln` is not an IANA timezone [PV-RULE-012]; did you mean `Europe/Berlin`?
        a.rhai:7:71: the closure is written `|| …` [PV-RULE-004]
        a.rhai:8:12: there is a rule `x` already, at a.rhai:1 [PV-RULE-011]
        a.rhai:8:30: `channels`: wants an array of texts, not the text `web` [PV-RULE-004]
        a.rhai:8:54: `sentiment_below`: wants a number from -1 to 1, not `2` [PV-RULE-004]
        a.rhai:8:65: `ticket`: wants `true`, `false` or `"new"`, not the text `old` [PV-RULE-004]
        a.rhai:8:78: `when`: wants a closure such as `|e| …`, not `true` [PV-RULE-004]
        a.rhai:9:43: `calendar`: there is no calendar `berlin` in the policy [PV-RULE-019]
        a.rhai:10:4: there is no event type `procedure.requestd` [PV-RULE-007]; did you mean `procedure.requested`?
        a.rhai:10:44: there is no function `start_procedur` [PV-RULE-009]; did you mean `start_procedure`?
        a.rhai:11:9: the variable `naem` is not defined [PV-RULE-010]
        "#);
    }

    #[test]
    fn what_is_computed_is_checked_as_well() {
        let text = r#"let team = "bil" + "ling2";
for i in 0..2 {
    escalation(`rule ${i}`, #{ team: team, keywords: ["a", 7] });
}
let options = #{ keywrods: ["a"] };
escalation("computed", options);
escalation(7, #{});
escalation("same", #{}); route("same", #{ team: "support" });
escalation("no map", []);
route("empty", #{ team: "empty", categories: [] });
schedule("bare", #{});
on(["conversation.message", "call.rining"], "several", #{ then: || () });
"#;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r##"
        a.rhai:3:38: `team`: there is no team `billing2` in the configuration [PV-RULE-006]; did you mean `billing`?
        a.rhai:3:60: `keywords`: wants an array of texts, not `7` [PV-RULE-004]
        a.rhai:6:1: there is no key `keywrods` here [PV-RULE-003]; did you mean `keywords`?
        a.rhai:7:12: a rule's name is a text of 1 to 200 bytes [PV-RULE-004]
        a.rhai:8:32: there is a rule `same` already, at a.rhai:8 [PV-RULE-011]
        a.rhai:9:22: `escalation` is written `escalation(name, #{ … })` [PV-RULE-004]
        a.rhai:10:25: `team`: the team `empty` has neither members nor a channel [PV-RULE-006]
        a.rhai:10:46: `categories`: the array is empty [PV-RULE-004]
        a.rhai:11:1: the key `cron` is missing: a cron expression [PV-RULE-005]
        a.rhai:11:1: the key `then` is missing: a closure such as `|| …` [PV-RULE-005]
        a.rhai:12:29: there is no event type `call.rining` [PV-RULE-007]; did you mean `call.ringing`?
        a.rhai:12:65: the closure takes one argument: `|e| …` [PV-RULE-004]
        "##);
    }

    #[test]
    fn fields_are_followed_through_variables_functions_and_captures() {
        let text = r#"fn deep(e, n) { let c = e.conversation; c.mesages > n }
fn fine(x) { x.anything.at.all }
let bound = 3;
on("conversation.message", "a", #{
    when: |e| deep(e, bound) && fine(e.data),
    then: |e| {
        let m = e.message;
        if m.autor.kind == "ai" { return tag(e.customer.whatever.it.holds); }
        let tags = e.conversation.tags.filter(|t| t != e.ticket.subjct);
        for t in tags { e.nwo; }
        e["converstion"];
        e.message.text = "changed";
        e.message.text.to_uper();
        [tag(e.draft.team), tag(e.phone?.form)]
    },
});
"#;
        insta::assert_snapshot!(faults(&[("a.rhai", text)]), @r##"
        a.rhai:1:43: the conversation has no field `mesages` [PV-RULE-008]; did you mean `messages`?
        a.rhai:8:14: the message has no field `autor` [PV-RULE-008]; did you mean `author`?
        a.rhai:9:65: the ticket has no field `subjct` [PV-RULE-008]; did you mean `subject`?
        a.rhai:10:27: the event has no field `nwo` [PV-RULE-008]; did you mean `now`?
        a.rhai:11:11: the event has no field `converstion` [PV-RULE-008]; did you mean `conversation`?
        a.rhai:12:9: the facts cannot be changed [PV-RULE-008]
        a.rhai:13:24: there is no function `to_uper` [PV-RULE-009]; did you mean `to_upper`?
        a.rhai:14:42: the call has no field `form` [PV-RULE-008]; did you mean `from`?
        "##);
    }

    #[test]
    fn one_bad_file_does_not_hide_another() {
        insta::assert_snapshot!(faults(&[
            ("a.rhai", "escalation(\"a\", #{ keywords: [\"x\" });"),
            ("b.rhai", "escalation(\"b\", #{});\nthrow \"stop\";"),
            ("c.rhai", "let a = 1;\nlet a = eval(\"2\");"),
            ("d.rhai", "print(1);"),
            ("e.rhai", "escalation(\"b\", #{ teem: \"support\" }); loop { }"),
        ]), @r##"
        a.rhai:1:35: Expecting ',' to separate the items of this array literal [PV-RULE-001]
        b.rhai:2:1: stop [PV-RULE-002]
        c.rhai:2:9: `eval` is switched off: rules neither print nor evaluate text [PV-RULE-009]
        d.rhai:1:1: `print` is switched off: rules neither print nor evaluate text [PV-RULE-009]
        e.rhai:1:12: there is a rule `b` already, at b.rhai:1 [PV-RULE-011]
        e.rhai:1:20: there is no key `teem` here [PV-RULE-003]; did you mean `team`?
        "##);
    }

    #[test]
    fn an_import_brings_functions_and_constants() {
        let policy = Policy::load(
            &sources(&[
                ("lib/inner.rhai", "export const WORD = \"refund\"; fn has(text, word) { contains_word(text, word) }"),
                ("lib/words.rhai", "import \"lib/inner\" as inner; export const WORD = inner::WORD; fn wanted(e) { inner::has(e.message.text, inner::WORD) }"),
                ("z.rhai", "import \"lib/words\" as words; on(\"conversation.message\", \"r\", #{ when: |e| words::wanted(e), then: |e| tag(words::WORD) });"),
            ]),
            &directory(),
        )
        .unwrap_or_else(|faults| panic!("{}", lines(&faults)));
        let verdict = policy.judge(&message("my refund!"));
        assert_eq!(verdict.failures, []);
        assert_eq!(verdict.fired.len(), 1);
        assert_eq!(policy.judge(&message("hello")).fired, []);
    }

    #[test]
    fn an_import_brings_nothing_else() {
        insta::assert_snapshot!(faults(&[
            ("a.rhai", "import \"b\" as b; import \"../secret\" as s; import \"bb\" as c; import \"b.rhai\" as d; import \"/etc/passwd\" as e;"),
            ("b.rhai", "import \"c\" as c;\nescalation(\"b\", #{});\nfn f() { route(\"x\", #{ team: \"support\" }); }"),
            ("c.rhai", "import \"d\" as d;"),
            ("d.rhai", "import \"c\" as c; import \"x\" + \"y\" as z; fn f() { import \"c\" as c; } lib::f(); d::g(); c::missing();"),
        ]), @r##"
        a.rhai:1:25: there is no file `../secret.rhai` in the policy folder [PV-RULE-013]
        a.rhai:1:50: there is no file `bb.rhai` in the policy folder [PV-RULE-013]; did you mean `b`?
        a.rhai:1:68: there is no file `b.rhai.rhai` in the policy folder [PV-RULE-013]; did you mean `b`?
        a.rhai:1:90: there is no file `/etc/passwd.rhai` in the policy folder [PV-RULE-013]
        b.rhai:2:1: `escalation` registers a rule, but `a.rhai` imports this file: an import brings functions and constants [PV-RULE-015]; move the functions to a file of their own
        b.rhai:3:10: `route` registers a rule, but `a.rhai` imports this file: an import brings functions and constants [PV-RULE-015]; move the functions to a file of their own
        d.rhai:1:8: `c.rhai` imports itself, maybe through others [PV-RULE-013]
        d.rhai:1:18: the path of an import is a text written out [PV-RULE-013]
        d.rhai:1:50: an import stands at the top level of a file [PV-RULE-013]
        d.rhai:1:69: nothing is imported as `lib` [PV-RULE-013]
        d.rhai:1:79: nothing is imported as `d` [PV-RULE-013]
        d.rhai:1:90: `c.rhai` has no function `missing` with 0 arguments [PV-RULE-009]
        "##);
    }

    #[test]
    fn what_is_useless_is_warned_about() {
        let policy = policy(
            "escalation(\"a\", #{ on: \"call.ringing\", keywords: [\"x\"] });\n\
             route(\"all\", #{ team: \"support\" });\nroute(\"never\", #{ team: \"billing\" });",
        );
        insta::assert_snapshot!(lines(policy.warnings()), @r##"
        a.rhai:1:1: the rule `a` never fires: `keywords` and `sentiment_below` hold for `conversation.message` only [PV-RULE-016]
        a.rhai:2:23: the team `support` has no channel: only its members are told [PV-RULE-018]; add channel = "#…" below [teams.support]
        a.rhai:3:1: the route `never` never counts: `all` before it takes everything [PV-RULE-016]
        "##);
    }

    #[test]
    fn rules_are_listed_in_the_order_of_files_and_within_them() {
        let policy = Policy::load(
            &sources(&[
                (
                    "b.rhai",
                    "escalation(\"two\", #{ keywords: [\"x\"], when: |e| true });",
                ),
                (
                    "a/z.rhai",
                    "\nschedule(\"one\", #{ cron: \"0 9 * * Mon\", then: || () });",
                ),
            ]),
            &directory(),
        )
        .unwrap_or_else(|faults| panic!("{}", lines(&faults)));
        insta::assert_debug_snapshot!(policy.rules(), @r##"
        [
            RuleSummary {
                name: "one",
                kind: "schedule",
                on: [],
                file: "a/z.rhai",
                line: 2,
                keys: [
                    "cron: \"0 9 * * Mon\"",
                    "then: |…| …",
                ],
            },
            RuleSummary {
                name: "two",
                kind: "escalation",
                on: [
                    "conversation.message",
                ],
                file: "b.rhai",
                line: 1,
                keys: [
                    "keywords: [\"x\"]",
                    "when: |…| …",
                ],
            },
        ]
        "##);
    }
}
