//! What every file must be: headed, short, the same on every machine.
//!
//! The style's numbers are held here: a file opens with what it is for, no file is
//! above 600 lines, test modules aside, and nothing names the machine it was written on.

use std::{collections::BTreeSet, fs};

use regex::Regex;

use super::{Source, hold, root, tracked};

/// The most lines of a file, without its tests.
const MAX_LINES: usize = 600;
/// The most lines of a file of tests, and of any file with its tests.
const MAX_LINES_WITH_TESTS: usize = 900;

#[test]
fn every_file_opens_with_what_it_is_for() {
    let faults: Vec<String> = Source::all()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.file.display().to_string())
        .collect();
    hold("a file does not open with `//!`", &faults);
}

#[test]
fn no_file_is_too_long() {
    let mut faults = Vec::new();
    for source in Source::all() {
        let lines = source.without_tests().lines().count();
        let all = source.text.lines().count();
        if (lines > MAX_LINES && !source.is_test()) || all > MAX_LINES_WITH_TESTS {
            faults.push(format!(
                "{}: {lines} lines, {all} with tests",
                source.file.display()
            ));
        }
    }
    hold("a file is too long; split it by what it does", &faults);
}

#[test]
fn modules_have_names_and_tests_switch_nothing() {
    let mut faults = Vec::new();
    for source in Source::all() {
        let file = source.file.display();
        if source.file.ends_with("mod.rs") {
            faults.push(format!("{file}: name.rs beside name/, no mod.rs"));
        }
        let switches = source.text.lines().zip(source.text.lines().skip(1));
        for (line, next) in switches {
            let on_tests = next.trim_start().starts_with("mod ");
            if source.file.starts_with("src") && line.trim() == "#[cfg(test)]" && !on_tests {
                faults.push(format!("{file}: `cfg(test)` on `{}`", next.trim()));
            }
        }
    }
    hold("the same wiring in tests and in production", &faults);
}

#[test]
fn migrations_have_the_same_names_for_both_databases() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(database);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    // Put together here, so that this file does not hold what it looks for.
    let homes = ["/ro", "/ho", "/Us", "/wo"]
        .iter()
        .zip(["ot/", "me/", "ers/", "rk/"]);
    let homes: Vec<String> = homes.map(|(a, b)| format!("{a}{b}")).collect();
    let pattern = format!(r#"(^|[\s"'`=(:])({})"#, homes.join("|"));
    let pattern = Regex::new(&pattern).expect("a pattern");
    let mut faults = Vec::new();
    for file in tracked() {
        let Ok(text) = fs::read_to_string(root().join(&file)) else {
            continue;
        };
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| pattern.is_match(line))
        {
            faults.push(format!(
                "{}:{}: {}",
                file.display(),
                number + 1,
                line.trim()
            ));
        }
    }
    hold("a path of one machine", &faults);
}

#[test]
fn dependencies_come_from_the_public_registry_and_no_client_is_set_up() {
    const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is tracked");
    let mut faults: Vec<String> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| source.trim_matches('"') != INDEX)
        .map(str::to_owned)
        .collect();
    let set_up = [
        ".cargo/config",
        ".cargo/config.toml",
        ".npmrc",
        "pip.conf",
        "sources.list",
    ];
    let tracked = tracked();
    let clients = tracked
        .iter()
        .filter(|file| set_up.iter().any(|name| file.ends_with(name)));
    faults.extend(clients.map(|file| file.display().to_string()));
    hold(
        "where packages come from is the machine's business",
        &faults,
    );
}
