//! The arrows between modules, and which module may speak to which library.
//!
//! Every `crate::` reference below `src` is read, grouped imports included, and
//! compared with the table. A new top-level module gets its line here first.

use std::collections::BTreeSet;

use regex::Regex;

use super::{Source, hold};

/// The modules with what each may use, in reading order.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("telemetry", &[]),
    ("config", &["domain"]),
    ("policy", &["domain"]),
    ("procedures", &["domain", "policy"]),
    ("connectors", &["domain"]),
    ("notices", &["domain"]),
    ("decide", &["domain", "policy", "procedures", "connectors"]),
    ("workbench", &["domain", "policy", "procedures", "decide"]),
    ("store", &["domain", "clock", "telemetry"]),
    ("broker", &["domain", "clock", "telemetry", "config"]),
    ("outbound", &["domain", "clock", "telemetry"]),
    (
        "daemon",
        &[
            "domain",
            "clock",
            "telemetry",
            "config",
            "policy",
            "procedures",
            "decide",
            "workbench",
            "connectors",
            "notices",
            "store",
            "broker",
            "outbound",
        ],
    ),
    (
        "http",
        &[
            "domain",
            "clock",
            "telemetry",
            "config",
            "policy",
            "procedures",
            "decide",
            "workbench",
            "connectors",
            "notices",
            "store",
            "broker",
            "outbound",
            "daemon",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "clock",
            "telemetry",
            "config",
            "policy",
            "procedures",
            "decide",
            "workbench",
            "connectors",
            "notices",
            "store",
            "broker",
            "outbound",
            "daemon",
            "http",
        ],
    ),
];

/// Libraries that stay inside modules, and those modules.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("axum", &["http"]),
    ("clap", &["cli"]),
    ("diesel", &["store", "outbound"]),
    ("diesel_migrations", &["store"]),
    ("lapin", &["broker"]),
    ("lettre", &["outbound"]),
    ("reqwest", &["outbound", "cli"]),
    ("rhai", &["policy"]),
    ("tower_http", &["http"]),
];

#[test]
fn arrows_between_modules_point_one_way() {
    let mut faults = Vec::new();
    for source in Source::all().iter().filter(|source| !source.is_test()) {
        let Some(module) = source.module() else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            faults.push(format!(
                "{}: `{module}` has no arrows",
                source.file.display()
            ));
            continue;
        };
        for used in references(source) {
            if used != module && !allowed.contains(&used.as_str()) {
                faults.push(format!(
                    "{}: `{module}` may not use `{used}`",
                    source.file.display()
                ));
            }
        }
    }
    hold("an arrow is turned round", &faults);
}

#[test]
fn the_table_of_arrows_has_no_circle() {
    for (index, (module, allowed)) in ARROWS.iter().enumerate() {
        for used in *allowed {
            let above = ARROWS[..index].iter().any(|(name, _)| name == used);
            assert!(
                above,
                "`{module}` may use `{used}`, which does not stand above it"
            );
        }
    }
}

#[test]
fn libraries_stay_inside_their_modules() {
    let mut faults = Vec::new();
    for source in Source::all()
        .iter()
        .filter(|source| source.file.starts_with("src"))
    {
        let module = source.module().unwrap_or_default();
        let code = source.code();
        for (library, modules) in LIBRARIES {
            if !modules.contains(&module.as_str()) && uses(&code, library) {
                faults.push(format!(
                    "{}: `{library}` belongs to {modules:?}",
                    source.file.display()
                ));
            }
        }
    }
    hold("a library is out of its module", &faults);
}

#[test]
fn metrics_are_recorded_by_the_names_of_the_list() {
    let literal = Regex::new(r#"\b(counter|gauge|histogram)!\(\s*""#).expect("a pattern");
    let faults: Vec<String> = Source::all()
        .iter()
        .filter(|source| source.file.starts_with("src"))
        .filter(|source| literal.is_match(&source.code()))
        .map(|source| format!("{}: a metric by its literal name", source.file.display()))
        .collect();
    hold("src/telemetry/list.rs is the one list of metrics", &faults);
}

/// Tells whether `code` names the library at the head of a path or in an import.
fn uses(code: &str, library: &str) -> bool {
    if !code.contains(library) {
        return false;
    }
    let pattern = format!(r"(?m)(^|[^\w:.]){library}::|\buse {library}\b");
    Regex::new(&pattern).expect("a pattern").is_match(code)
}

/// Gives the top-level modules that a file names, through `crate::` or up through `super::`.
fn references(source: &Source) -> BTreeSet<String> {
    let code = source.code();
    // As many steps up as the file is deep lead to the crate.
    let depth = source.file.components().count() - 1;
    let to_the_crate = format!(r"\b(?:crate::|(?:super::){{{depth}}})(\w+|\{{)");
    let pattern = Regex::new(&to_the_crate).expect("a pattern");
    let mut found = BTreeSet::new();
    for hit in pattern.captures_iter(&code) {
        let name = hit.get(1).expect("the pattern has a group");
        if name.as_str() == "{" {
            found.extend(heads(&code[name.end()..]));
        } else if name.as_str() != "super" {
            found.insert(name.as_str().to_owned());
        }
    }
    found
}

/// Gives the first names of a grouped import, from behind its opening brace.
fn heads(group: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut depth = 0;
    let mut name = String::new();
    let mut at_head = true;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.insert(std::mem::take(&mut name));
                at_head = true;
            }
            c if at_head && (c.is_alphanumeric() || c == '_') => name.push(c),
            c if at_head && c.is_whitespace() && name.is_empty() => {}
            _ => at_head = false,
        }
    }
    found.insert(name);
    found.retain(|name| !name.is_empty() && name != "self");
    found
}

#[test]
fn references_are_read_from_single_and_grouped_imports() {
    let source = Source {
        file: "src/store/write.rs".into(),
        text: "use crate::{\n    clock::Clock,\n    domain::{event::Event, ids},\n    config,\n};\n\
               // crate::http is only talked about\nfn f() { crate::cli::run(); super::super::daemon::go(); super::x::y(); }\n\
               \n#[cfg(test)]\nmod tests { use crate::policy; }\n"
            .to_owned(),
    };
    let found: Vec<_> = references(&source).into_iter().collect();
    assert_eq!(found, ["cli", "clock", "config", "daemon", "domain"]);
    assert!(uses("use lapin::Channel;", "lapin") && uses("fn f(c: &lapin::Channel)", "lapin"));
    assert!(!uses("use crate::broker::lapin::X;", "lapin") && !uses("let lapin = 1;", "lapin"));
}
