//! `[intake.NAME]`: HTTP intakes for what other programs post, and which mappings there are.
//!
//! A mapping is built in or a file of `mappings/`; here it is only looked for, the
//! policy compiles it. Read by `root`; `broker` checks its queues' mappings here too.

use std::{collections::BTreeMap, fs, io, path::Path};

use secrecy::SecretString;

use super::{document::Document, fault, section::Section};
use crate::domain::nearest::did_you_mean;

/// The mappings that need no file; one of the same name in `config/mappings/` wins.
pub const BUILT_IN_MAPPINGS: [&str; 2] = ["chatwoot", "rasa"];

/// `[intake.NAME]`
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// The mapping; default: the intake's own name.
    pub mapping: Option<String>,
    /// The shared secret of its signature; without one a token is asked for.
    pub secret: Option<SecretString>,
    /// Whether its events may name their actor.
    pub trust_actor: bool,
}

impl Intake {
    /// Reads every `[intake.NAME]`.
    pub(super) fn read_all(sections: Vec<(String, Section<'_>)>) -> BTreeMap<String, Self> {
        sections
            .into_iter()
            .map(|(name, section)| {
                let read = Self::read(&name, section);
                (name, read)
            })
            .collect()
    }

    fn read(name: &str, mut section: Section<'_>) -> Self {
        let read = Self {
            mapping: mapping(&mut section),
            secret: secret(&mut section),
            trust_actor: section.flag("trust_actor", false),
        };
        if read.mapping.is_none() && !section.has("mapping") {
            let place = section.place().clone();
            check_mapping(section.doc, name, &place);
        }
        section.end();
        read
    }
}

/// Reads a key `mapping` and checks that it names one.
pub(super) fn mapping(section: &mut Section<'_>) -> Option<String> {
    let found = section.text("mapping")?;
    check_mapping(section.doc, &found.value, &found.place);
    Some(found.value)
}

fn check_mapping(doc: &Document<'_>, name: &str, place: &fault::Place) {
    if BUILT_IN_MAPPINGS.contains(&name) {
        return;
    }
    let files = mapping_files(doc.folder).unwrap_or_default();
    if files.iter().any(|file| file == name) {
        return;
    }
    let known = files.iter().map(String::as_str).chain(BUILT_IN_MAPPINGS);
    let hint = did_you_mean(name, known).or_else(|| {
        let names = BUILT_IN_MAPPINGS.join("`, `");
        Some(format!(
            "add mappings/{name}.rhai, or name a built-in one: `{names}`"
        ))
    });
    let message = format!(
        "`{}` names the mapping `{name}`, which does not exist",
        place.key
    );
    doc.report(place.fault(fault::UNKNOWN_NAME, message, hint));
}

/// Gives the names of `mappings/*.rhai`; none when there is no such folder.
fn mapping_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("mappings"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "rhai")
        {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

fn secret(section: &mut Section<'_>) -> Option<SecretString> {
    let found = section.text("secret")?;
    if found.value.is_empty() {
        section.bad(&found.place, "is empty, so that anybody could sign", None);
        return None;
    }
    if !found.is_reference {
        let message = format!("`{}` is a secret written in the file", found.place.key);
        let hint = "refer to it: ${env:NAME}, ${file:PATH} or ${credential:NAME}".to_owned();
        section
            .doc
            .warn(found.place.fault(fault::PLAIN_SECRET, message, Some(hint)));
    }
    Some(SecretString::from(found.value))
}
