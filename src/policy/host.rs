//! Host functions: what rules and mappings can call besides Rhai itself.
//!
//! Pure, one file a group, one line a group in [`GROUPS`]. Each function is
//! registered together with its signature and a sentence, so that the documents
//! are written from the same list.

mod money;
mod pattern;
mod sets;
mod text;
mod time;

use rhai::Engine;

/// A documented host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFunction {
    /// Its name.
    pub name: &'static str,
    /// Its arguments and answer.
    pub signature: &'static str,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

/// A group of host functions.
pub struct HostGroup {
    /// Its title.
    pub title: &'static str,
    /// Its functions, by name.
    pub functions: &'static [HostFunction],
    register: fn(&mut Engine),
}

/// Every group, by title.
pub const GROUPS: &[HostGroup] = &[
    money::GROUP,
    pattern::GROUP,
    sets::GROUP,
    text::GROUP,
    time::GROUP,
];

/// Registers every group.
pub(super) fn register(engine: &mut Engine) {
    for group in GROUPS {
        (group.register)(engine);
    }
}

/// Makes an entry of a group's list.
const fn function(name: &'static str, signature: &'static str, doc: &'static str) -> HostFunction {
    HostFunction {
        name,
        signature,
        doc,
    }
}

#[cfg(test)]
mod tests {
    use rhai::OptimizationLevel;

    use crate::policy::sandbox;

    /// Gives what an expression shows, or what it raises.
    fn show(expression: &str) -> String {
        let engine = sandbox::engine(OptimizationLevel::None);
        let text = format!("let shown = {{ {expression} }}; `${{shown}}`");
        let shown = sandbox::guarded(sandbox::CALL_OPERATIONS, || {
            engine.eval::<rhai::Dynamic>(&text)
        });
        match shown {
            Ok(value) => value.to_string(),
            Err(error) => format!("! {error}"),
        }
    }

    /// What shows what.
    const SHOWN: &[(&str, &str)] = &[
        ("money(\"80.10\")", "80.10"),
        ("round_money(2.345)", "2.35"),
        ("round_money(-2.345)", "-2.35"),
        ("round_money(2.5, 0)", "3"),
        ("round_money_even(2.345)", "2.34"),
        ("round_money_even(2.5, 0)", "2"),
        ("round_money(7, 2)", "7"),
        ("0.1 + 0.2 == 0.3", "true"),
        ("contains_word(\"A Refund, please\", \"refund\")", "true"),
        ("contains_word((), \"refund\")", "false"),
        (
            "contains_any_word(\"money  BACK\", [\"refund\", \"money back\"])",
            "true",
        ),
        ("normalise(\"  Straße ＡＢＣ \")", "strasse abc"),
        ("join([1, \"a\", 2.5], \"-\")", "1-a-2.5"),
        (
            "to_json(#{ a: [1, 2.50, ()], b: () })",
            "{\"a\":[1,2.50,null]}",
        ),
        (
            "fingerprint(\"x\") == fingerprint(\"x\") && fingerprint(\"x\") != fingerprint(#{ x: 1 })",
            "true",
        ),
        ("fingerprint([1, 2]).len()", "32"),
        ("matches(\"Order 1234\", `\\d{4}`)", "true"),
        ("matches((), \"x\")", "false"),
        ("capture(\"Order 1234\", `Order (\\d+)`)[1]", "1234"),
        ("capture(\"nothing\", `(\\d+)`)", ""),
        ("find_all(\"a1b22\", `\\d+`)", "[\"1\", \"22\"]"),
        ("replace_all(\"4111 1111\", `\\d`, \"x\")", "xxxx xxxx"),
        ("union([1, 2], [2, 3])", "[1, 2, 3]"),
        (
            "intersection([\"b\", \"a\"], [\"a\", \"b\", \"c\"])",
            "[\"b\", \"a\"]",
        ),
        ("difference([1, 2, 2.0, 3], [3])", "[1, 2]"),
        ("unique([1, 1.0, \"1\", true, true])", "[1, \"1\", true]"),
        (
            "contains_all([1, 2, 3], [3, 1]) && !contains_any([1], [2])",
            "true",
        ),
        ("duration(\"90m\") + duration(\"30m\")", "2h"),
        ("seconds(duration(\"1500ms\"))", "1.5"),
        (
            "parse_time(\"2026-11-21T10:00:00+01:00\") + duration(\"1h\")",
            "2026-11-21T10:00:00Z",
        ),
        (
            "parse_time(\"2026-11-21T10:00:00Z\") - parse_time(\"2026-11-21T08:00:00Z\") >= duration(\"2h\")",
            "true",
        ),
        ("unix_time(1795000000.5)", "2026-11-18T11:06:40.500Z"),
        ("unix_time(\"1795000000\")", "2026-11-18T11:06:40Z"),
        ("weekday(unix_time(1795000000), \"Europe/Berlin\")", "wed"),
        (
            "let t = unix_time(1795000000); [year(t, \"UTC\"), month(t, \"UTC\"), day(t, \"UTC\"), hour(t, \"Asia/Tokyo\"), minute(t, \"UTC\")]",
            "[2026, 11, 18, 20, 6]",
        ),
        ("date(unix_time(1795000000), \"Asia/Tokyo\")", "2026-11-18"),
        (
            "is_weekend(parse_time(\"2026-11-21T10:00:00Z\"), \"UTC\")",
            "true",
        ),
    ];

    /// What raises what.
    const RAISED: &[(&str, &str)] = &[
        ("money(\"eighty\")", "`eighty` is not an amount"),
        ("round_money(1.5, 99)", "not a number of places"),
        (
            "hour(unix_time(1), \"Berlin\")",
            "`Berlin` is not an IANA timezone",
        ),
        ("duration(\"soon\")", "`soon` is not a duration"),
        ("matches(\"a\", \"(\")", "is not a pattern"),
        ("union([#{}], [])", "a set holds"),
    ];

    #[test]
    fn host_functions_answer_what_they_say() {
        for (expression, shown) in SHOWN {
            assert_eq!(show(expression), *shown, "{expression}");
        }
        for (expression, part) in RAISED {
            let shown = show(expression);
            assert!(shown.contains(part), "{expression}: {shown}");
        }
    }
}
