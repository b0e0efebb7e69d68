//! The reference: tables of keys, effects, fields and host functions, as Markdown.
//!
//! Written from the lists by which the policy itself checks, so that it cannot be
//! wrong. A test holds the parts of `rules/README.md` between `begin generated` and
//! `end generated` to it; `UPDATE=1` writes them anew.

use std::fmt::Write as _;

use super::{
    effects::{Arguments, EFFECTS},
    facts::SHAPES,
    host::GROUPS,
    kinds::KINDS,
    shape::Holds,
    spec::{Key, Takes},
};

/// Every part: the name of its place in the document, and its text.
pub fn parts() -> Vec<(&'static str, String)> {
    vec![
        ("effects", effects()),
        ("fields", fields()),
        ("functions", functions()),
        ("keys", keys()),
    ]
}

/// Puts the parts in their places in a document.
///
/// *Errors*: the name of a place that the document does not have.
pub fn fill(document: &str) -> Result<String, &'static str> {
    let mut text = document.to_owned();
    for (name, part) in parts() {
        let begin = format!("<!-- begin generated: {name} -->\n");
        let end = format!("<!-- end generated: {name} -->");
        let from = text.find(&begin).ok_or(name)? + begin.len();
        let to = text.find(&end).filter(|to| *to >= from).ok_or(name)?;
        text.replace_range(from..to, &part);
    }
    Ok(text)
}

fn keys() -> String {
    let mut text = String::new();
    for kind in KINDS {
        let _ = writeln!(text, "**`{}`** {}\n", kind.signature, kind.doc);
        let keys = || kind.keys.iter().flat_map(|group| group.iter());
        text.push_str(&table(keys()));
        text.push('\n');
        for (names, inner) in inner(keys()) {
            let _ = writeln!(text, "In {}:\n", names.join(", "));
            text.push_str(&table(inner.iter()));
            text.push('\n');
        }
    }
    text
}

/// Gives the maps inside of what keys take: the keys that take such a map, and what it holds.
fn inner<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<(Vec<String>, &'static [Key])> {
    let mut found: Vec<(Takes, Vec<String>, &'static [Key])> = Vec::new();
    for key in keys {
        // A rule's own history looks the same everywhere, and is described in words.
        let Some(held) = key.takes.inner().filter(|_| key.takes != Takes::History) else {
            continue;
        };
        let name = format!("`{}`", key.name);
        match found.iter_mut().find(|(takes, ..)| *takes == key.takes) {
            Some((_, names, _)) => names.push(name),
            None => found.push((key.takes, vec![name], held)),
        }
    }
    let parts = found.into_iter();
    parts.map(|(_, names, held)| (names, held)).collect()
}

fn effects() -> String {
    let mut text = String::new();
    for effect in EFFECTS {
        match &effect.takes {
            Arguments::Map(keys) => {
                let _ = writeln!(text, "**`{}(#{{ … }})`** {}\n", effect.name, effect.doc);
                text.push_str(&table(keys.iter()));
                text.push('\n');
            }
            Arguments::Values(keys) => {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                let _ = writeln!(
                    text,
                    "**`{}({})`** {}\n",
                    effect.name,
                    names.join(", "),
                    effect.doc
                );
            }
        }
    }
    text
}

fn table<'a>(keys: impl Iterator<Item = &'a Key>) -> String {
    let mut sorted: Vec<&Key> = keys.collect();
    sorted.sort_by_key(|key| (!key.is_required, key.name));
    let mut text = "| key | takes | meaning |\n| --- | --- | --- |\n".to_owned();
    for key in sorted {
        let must = if key.is_required { " (required)" } else { "" };
        let _ = writeln!(
            text,
            "| `{}`{must} | {} | {} |",
            key.name,
            cell(key.takes.describe()),
            cell(key.doc)
        );
    }
    text
}

fn fields() -> String {
    let mut text = String::new();
    // The event comes first: it is what a closure gets.
    let mut shapes: Vec<_> = SHAPES.iter().collect();
    shapes.sort_by_key(|shape| (shape.name != "the event", shape.name));
    for shape in shapes {
        let _ = writeln!(text, "**{}**\n", capital(shape.name));
        text.push_str("| field | holds | meaning |\n| --- | --- | --- |\n");
        for field in shape.fields {
            let holds = match field.holds {
                Holds::Plain(kind) => kind.to_owned(),
                Holds::Free => "free object".to_owned(),
                Holds::Past => "what the rule declares".to_owned(),
                Holds::Shape(inner) => inner.name.to_owned(),
            };
            let _ = writeln!(text, "| `{}` | {holds} | {} |", field.name, cell(field.doc));
        }
        text.push('\n');
    }
    text
}

fn functions() -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "**{}**\n", group.title);
        text.push_str("| function | what it does |\n| --- | --- |\n");
        for function in group.functions {
            let _ = writeln!(
                text,
                "| `{}` | {} |",
                cell(function.signature),
                cell(function.doc)
            );
        }
        text.push('\n');
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    #[test]
    fn the_readme_of_the_rules_holds_the_reference() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rules/README.md");
        let found = fs::read_to_string(&path).expect("the document is there");
        let right = fill(&found).expect("every place is there");
        #[expect(
            clippy::disallowed_methods,
            reason = "a switch of the test, no configuration"
        )]
        let is_update = std::env::var_os("UPDATE").is_some();
        if is_update {
            fs::write(&path, &right).expect("writable");
            return;
        }
        assert_eq!(
            found, right,
            "rules/README.md is behind; run this test again with UPDATE=1"
        );
    }
}
