//! The sandbox: one Rhai engine a policy, with every limit set.
//!
//! A script reads no clock, file or socket, prints nothing, evaluates no text,
//! and passes no bound: operations, call depth, expression depth, sizes,
//! functions, modules. Rhai counts operations afresh inside a native function's
//! callback, so the budget is counted here as well, a thread and call at a time.
//! [`guarded`] runs a piece of script under it and keeps panics from crossing.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::LazyLock,
};

use rhai::{
    Dynamic, Engine, EvalAltResult, ImmutableString, OptimizationLevel, Position, Shared,
    packages::{
        ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage,
        BasicMapPackage, BasicMathPackage, BasicStringPackage, LanguageCorePackage, LogicPackage,
        MoreStringPackage, Package,
    },
};

use super::{
    fault::SWITCHED_OFF,
    host,
    value::{Free, Raised, raise},
};
use crate::domain::time::{Span, Timestamp};

/// How many operations a file may use at load.
pub(super) const LOAD_OPERATIONS: u64 = 5_000_000;
/// How many operations one call of a rule may use. With [`MAX_STRING_BYTES`] this bounds memory,
/// since the size of a container is not looked at when one of its elements is assigned.
pub(super) const CALL_OPERATIONS: u64 = 20_000;
/// How many operations one call of a mapping may use.
pub(super) const MAP_OPERATIONS: u64 = 50_000;
/// The most elements of an array or map, nested ones counted in.
pub(super) const MAX_ELEMENTS: usize = 4_096;
/// The longest string; intake takes none longer. *Units*: bytes.
pub(super) const MAX_STRING_BYTES: usize = 256 * 1024;
/// The deepest nesting of calls.
pub(super) const MAX_CALL_LEVELS: usize = 24;
/// The deepest expression at top level, and inside a function.
const MAX_EXPRESSION_DEPTHS: (usize, usize) = (48, 32);
/// The most functions in one file, closures counted in.
const MAX_FUNCTIONS: usize = 20_000;
/// The most imports in one file.
const MAX_MODULES: usize = 64;
/// The most variables alive in one call.
const MAX_VARIABLES: usize = 256;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

static PACKAGES: LazyLock<Vec<Shared<rhai::Module>>> = LazyLock::new(|| {
    vec![
        LanguageCorePackage::new().as_shared_module(),
        ArithmeticPackage::new().as_shared_module(),
        BasicStringPackage::new().as_shared_module(),
        BasicIteratorPackage::new().as_shared_module(),
        BasicFnPackage::new().as_shared_module(),
        LogicPackage::new().as_shared_module(),
        BasicMathPackage::new().as_shared_module(),
        BasicArrayPackage::new().as_shared_module(),
        BasicMapPackage::new().as_shared_module(),
        MoreStringPackage::new().as_shared_module(),
    ]
});

/// Builds an engine with every limit set and the host functions registered.
///
/// `level` is [`OptimizationLevel::None`] but in tests: folding constants loses the places of keys.
pub(super) fn engine(level: OptimizationLevel) -> Engine {
    let mut engine = Engine::new_raw();
    for package in PACKAGES.iter() {
        engine.register_global_module(package.clone());
    }
    engine
        .set_optimization_level(level)
        .set_max_operations(LOAD_OPERATIONS)
        .set_max_call_levels(MAX_CALL_LEVELS)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTHS.0, MAX_EXPRESSION_DEPTHS.1)
        .set_max_string_size(MAX_STRING_BYTES)
        .set_max_array_size(MAX_ELEMENTS)
        .set_max_map_size(MAX_ELEMENTS)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_modules(MAX_MODULES)
        .set_max_variables(MAX_VARIABLES)
        .set_max_strings_interned(0)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_module_resolver(rhai::module_resolvers::StaticModuleResolver::new());
    for word in SWITCHED_OFF {
        engine.disable_symbol(word);
    }
    engine.on_progress(|_| (!take(1)).then(out_of_operations));
    forbid(&mut engine);
    shape(&mut engine);
    host::register(&mut engine);
    engine
}

/// Functions of the packages that would wait, leave, look around or outgrow their bounds.
fn forbid(engine: &mut Engine) {
    for name in ["sleep", "timestamp", "exit", "get_fn_metadata_list"] {
        let refuse = move || -> Result<Dynamic, Raised> {
            Err(raise(format!("`{name}` is switched off in rules")))
        };
        engine.register_fn(name, refuse);
        engine.register_fn(name, move |_: Dynamic| refuse());
        engine.register_fn(name, move |_: i64| refuse());
        engine.register_fn(name, move |_: rust_decimal::Decimal| refuse());
        engine.register_fn(name, move |_: ImmutableString| refuse());
        engine.register_fn(name, move |_: ImmutableString, _: i64| refuse());
    }
    engine.register_fn(
        "replace",
        |text: &mut ImmutableString, find: ImmutableString, with: ImmutableString| {
            replace(text, &find, &with)
        },
    );
    engine.register_fn(
        "replace",
        |text: &mut ImmutableString, find: char, with: ImmutableString| {
            replace(text, find.encode_utf8(&mut [0; 4]), &with)
        },
    );
    engine.register_fn(
        "replace",
        |text: &mut ImmutableString, find: ImmutableString, with: char| {
            replace(text, &find, with.encode_utf8(&mut [0; 4]))
        },
    );
}

/// Replaces in place, as Rhai does, but looks at the size before it is reached.
fn replace(text: &mut ImmutableString, find: &str, with: &str) -> Result<(), Raised> {
    let count = text.matches(find).count();
    let size = text.len().saturating_add(count.saturating_mul(with.len()));
    if size > MAX_STRING_BYTES {
        return Err(raise("too large: Length of string"));
    }
    *text = text.replace(find, with).into();
    Ok(())
}

/// The types that rules meet everywhere: free objects, instants, spans, and `()`.
fn shape(engine: &mut Engine) {
    engine
        .register_type_with_name::<Free>("object")
        .register_type_with_name::<Timestamp>("time")
        .register_type_with_name::<Span>("duration")
        .register_indexer_get(|free: &mut Free, key: ImmutableString| free.get(&key))
        .register_indexer_get(|_unit: &mut (), _key: ImmutableString| Dynamic::UNIT)
        .register_fn("contains", |free: &mut Free, key: ImmutableString| {
            free.object()
                .is_some_and(|members| members.contains_key(key.as_str()))
        })
        .register_fn("get", |free: &mut Free, key: ImmutableString| {
            free.get(&key)
        })
        .register_fn("keys", |free: &mut Free| -> rhai::Array {
            free.object().map_or_else(rhai::Array::new, |members| {
                members
                    .keys()
                    .take(MAX_ELEMENTS)
                    .map(|key| Dynamic::from(ImmutableString::from(key.as_str())))
                    .collect()
            })
        })
        .register_fn("len", |free: &mut Free| -> i64 {
            free.object().map_or(0, |members| {
                i64::try_from(members.len()).unwrap_or(i64::MAX)
            })
        })
        .register_fn("is_empty", |free: &mut Free| {
            free.object().is_none_or(serde_json::Map::is_empty)
        });
}

/// Registers quick getters for the properties that scripts name, on free objects and on `()`.
///
/// Without them each access would fail as a getter first and only then reach the indexer.
pub(super) fn know_properties<'a>(engine: &mut Engine, names: impl IntoIterator<Item = &'a str>) {
    for name in names {
        let key: ImmutableString = name.into();
        engine.register_get(name, move |free: &mut Free| free.get(&key));
        engine.register_get(name, |_unit: &mut ()| Dynamic::UNIT);
    }
}

/// Takes `count` operations off the budget of the running call; `false` when it is used up.
fn take(count: u64) -> bool {
    LEFT.with(|left| {
        let rest = left.get().checked_sub(count);
        left.set(rest.unwrap_or(0));
        rest.is_some()
    })
}

/// Charges a host function's work on `bytes` bytes to the running call.
pub(super) fn charge(bytes: usize) -> Result<(), Raised> {
    if take(bytes as u64 / 64) {
        Ok(())
    } else {
        Err(EvalAltResult::ErrorTerminated(out_of_operations(), Position::NONE).into())
    }
}

fn out_of_operations() -> Dynamic {
    Dynamic::from("too many operations".to_owned())
}

/// Runs a piece of script with `operations` to spend; a panic becomes an error.
pub(super) fn guarded<T>(
    operations: u64,
    run: impl FnOnce() -> Result<T, Raised>,
) -> Result<T, Raised> {
    LEFT.with(|left| left.set(operations));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(raise(
            "the script brought the interpreter down; please report it",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{faults, message, policy_at};

    /// What a rule might do to break out, and what keeps it from that.
    const ATTEMPTS: &[(&str, &str)] = &[
        ("loop { }", "too many operations"),
        ("while true { let a = 1; }", "too many operations"),
        (
            "for i in 0..9223372036854775806 { let x = i; }",
            "too many operations",
        ),
        ("loop { try { throw 1; } catch { } }", "too many operations"),
        ("loop { try { loop { } } catch { } }", "too many operations"),
        (
            "fn f(d) { if d == 0 { return 0; } let a = []; a.pad(1000, d); a.map(|x| f(x - 1)) } f(4)",
            "too many operations",
        ),
        (
            "let a = []; a.pad(4000, 0); loop { a.sort(|x, y| 0); }",
            "too many operations",
        ),
        ("fn f(n) { f(n + 1) } f(0)", "calls are nested too deeply"),
        (
            "fn f(n) { g(n) } fn g(n) { f(n) } f(0)",
            "calls are nested too deeply",
        ),
        (
            "fn f(n) { [1].map(|x| f(n + 1)) } f(0)",
            "calls are nested too deeply",
        ),
        (
            "let f = |f| f.call(f); f.call(f)",
            "calls are nested too deeply",
        ),
        (
            "fn f(s) { try { f(s) } catch { f(s) } } f(0)",
            "calls are nested too deeply",
        ),
        ("sleep(100000)", "`sleep` is switched off"),
        ("sleep(0.5)", "`sleep` is switched off"),
        ("timestamp()", "`timestamp` is switched off"),
        ("exit()", "`exit` is switched off"),
        ("exit(tag(\"x\"))", "`exit` is switched off"),
        (
            "get_fn_metadata_list()",
            "`get_fn_metadata_list` is switched off",
        ),
        (
            "let s = \"xxxxxxxxxxxxxxxx\"; loop { s += s; }",
            "too large",
        ),
        (
            "let s = \"xxxxxxxxxxxxxxxx\"; loop { s = `${s}${s}`; }",
            "too large",
        ),
        ("let s = \"\"; s.pad(2000000000, \"x\"); s", "too large"),
        (
            "let s = \"\"; s.pad(200000, 'a'); s.replace(\"a\", s); s",
            "too large",
        ),
        (
            "let s = \"\"; s.pad(200000, 'a'); s.replace('a', s); s",
            "too large",
        ),
        (
            "let s = \"\"; s.pad(200000, 'a'); replace_all(s, \"a\", \"$0$0\")",
            "too large",
        ),
        (
            "let s = \"\"; s.pad(200000, 'a'); join([s, s], s)",
            "too large",
        ),
        ("let a = [0]; loop { a += a; }", "too large"),
        ("let a = [0]; loop { a.push(a); }", "too large"),
        ("let a = []; a.pad(2000000000, 0); a", "too large"),
        ("let a = [0]; loop { a.append(a); }", "too large"),
        (
            "let m = #{}; for i in 0..5000 { m[i.to_string()] = i; } m",
            "too many operations",
        ),
        (
            "let m = #{}; loop { m.set(m.len().to_string(), m); }",
            "too large",
        ),
        ("let m = #{}; loop { m = #{ a: m, b: m }; }", "too large"),
        ("(0..100000000).to_array()", "there is no function"),
        (
            "let s = \"\"; s.pad(200000, 'a'); let n = 0; loop { normalise(s); }",
            "too many operations",
        ),
        (
            "let s = \"\"; s.pad(200000, 'a'); loop { matches(s, \"(a+)+b\"); }",
            "too many operations",
        ),
        (
            "matches(\"a\", \"((a{100}){100}){100}\")",
            "is not a pattern",
        ),
        (
            "for i in 0..10000 { matches(\"a\", `a{${i}}`); }",
            "too many operations",
        ),
        ("9223372036854775807 + 1", "overflow"),
        ("1 / 0", "zero"),
        ("79228162514264337593543950335.0 * 10.0", "overflow"),
        ("-9223372036854775808 / -1", "overflow"),
        ("e.message.text[99]", "out of"),
        ("[1][5]", "out of"),
        ("e.time + 1", "there is no function"),
        ("unix_time(99999999999999999)", "not a time"),
        ("e[\"messag\"]", "the event has no field"),
        ("let m = #{}; m.x", "there is no key"),
        ("call(\"x\")", "there is no function"),
        ("Fn(\"eval\").call(\"1\")", ""),
        ("eval", ""),
        ("this.x", ""),
        ("throw #{ code: 7 }", "7"),
    ];

    /// Rhai finds what is unknown or forbidden at load; these attempts are made to reach the run.
    fn attempt(body: &str, level: OptimizationLevel) -> String {
        let (functions, body) = match body.rsplit_once("} f(") {
            Some((functions, rest)) if body.starts_with("fn ") => {
                (format!("{functions}}}"), format!("f({rest}"))
            }
            _ => (String::new(), body.to_owned()),
        };
        let text = format!(
            "{functions}\non(\"conversation.message\", \"bad\", #{{ then: |e| {{ {body} }} }});\n\
             on(\"conversation.message\", \"good\", #{{ then: |e| tag(\"ok\") }});"
        );
        let told = faults(&[("a.rhai", &text)]);
        if !told.starts_with("loaded") {
            return told;
        }
        let verdict = policy_at(&text, level).judge(&message("hello"));
        let fired: Vec<&str> = verdict.fired.iter().map(|fired| &*fired.rule).collect();
        match verdict.failures.as_slice() {
            [failure] if fired == ["good"] && failure.line > 0 => failure.error.clone(),
            failures => format!("fired {fired:?}, failed {failures:?}"),
        }
    }

    #[test]
    fn no_attempt_to_break_out_succeeds_at_either_optimisation_level() {
        let mut surprises = String::new();
        for (body, expected) in ATTEMPTS {
            let plain = attempt(body, OptimizationLevel::None);
            let optimised = attempt(body, OptimizationLevel::Simple);
            if !plain.contains(expected) || plain != optimised {
                surprises += format!("{body}\n  {plain}\n  {optimised}\n").as_str();
            }
        }
        assert_eq!(surprises, "");
    }

    #[test]
    fn the_load_itself_is_bounded() {
        for (text, expected) in [
            ("loop { }", "too many operations"),
            ("fn f() { f() } f();", "too deeply"),
            ("let s = \"x\"; loop { s += s; }", "too large"),
            ("sleep(1000000);", "`sleep` is switched off"),
            (
                "for i in 0..10000000 { escalation(`${i}`, #{}); }",
                "more than 20000 rules",
            ),
        ] {
            let told = faults(&[("a.rhai", text)]);
            assert!(told.contains(expected), "{text}: {told}");
        }
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("#{a:", "}"),
            ("-", ""),
            ("!", ""),
            ("{", "}"),
        ] {
            let text = format!("let a = {}1{};", open.repeat(5_000), close.repeat(5_000));
            let told = faults(&[("a.rhai", &text)]);
            assert!(told.contains("PV-RULE-001"), "{open}: {told}");
        }
        let chain = format!("let a = 1{};", " + 1".repeat(10_000));
        assert!(faults(&[("a.rhai", &chain)]).contains("PV-RULE-001"));
        let dots = format!("let a = 1; a{};", ".b".repeat(10_000));
        assert!(faults(&[("a.rhai", &dots)]).contains("PV-RULE"));
    }

    #[test]
    fn a_policy_of_any_bytes_is_refused_without_harm() {
        for text in [
            "\0",
            "\u{feff}",
            "/*",
            "\"",
            "`${",
            "\\u{110000}",
            "fn",
            "on(",
            "escalation(,)",
            "|e|",
        ] {
            let told = faults(&[("a.rhai", text)]);
            assert!(!told.is_empty(), "{text}");
        }
    }
}
