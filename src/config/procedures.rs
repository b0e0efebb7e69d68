//! `[procedures]`: how procedures run; and the files of the folder `procedures/`.
//!
//! The section is read by `root`; it goes into `decide`'s settings, so a reload takes it over.

use std::{collections::BTreeMap, io, path::Path};

use super::{section::Section, texts::read_texts};
use crate::domain::{
    procedure::{Conduct, Matcher},
    time::Span,
};

/// The endings of files that hold a procedure.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// Reads the files of a folder of procedures, by their names with the ending; `None` where there is no folder.
///
/// *Errors*: when the folder or a file is there and cannot be read.
pub fn read_procedure_files(folder: &Path) -> io::Result<Option<BTreeMap<String, String>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut files = BTreeMap::new();
    for ending in ENDINGS {
        let texts = read_texts(folder, ending)?.into_iter();
        files.extend(texts.map(|(name, text)| (format!("{name}.{ending}"), text)));
    }
    Ok(Some(files))
}

const MATCHERS: [(&str, Matcher); 2] = [("lexical", Matcher::Lexical), ("off", Matcher::Off)];
/// The shortest time that a run can be given.
const MIN_AGE: Span = Span::from_secs(60);

/// Reads `[procedures]`.
pub(super) fn read_procedures(mut section: Section<'_>) -> Conduct {
    let default = Conduct::default();
    let choice = section.text("choice");
    let read = Conduct {
        matcher: section.one_of("matcher", default.matcher, &MATCHERS),
        choice: choice.map_or(default.choice, |found| found.value),
        country: read_country(&mut section),
        max_age: section.span("max_age", default.max_age),
    };
    if read.max_age < MIN_AGE {
        let place = section.place_of("max_age");
        section.bad(&place, "must be a minute or more", None);
    }
    section.end();
    read
}

fn read_country(section: &mut Section<'_>) -> Option<String> {
    let found = section.text("country")?;
    let is_code = found.value.len() == 2 && found.value.chars().all(|c| c.is_ascii_uppercase());
    if !is_code {
        let hint = "write two capital letters, such as `DE`".to_owned();
        section.bad(&found.place, "is no ISO 3166 code of a country", Some(hint));
    }
    is_code.then_some(found.value)
}
