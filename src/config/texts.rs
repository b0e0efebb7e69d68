//! A folder of texts: one thing a file, known by the file's name.

use std::{collections::BTreeMap, fs, io, path::Path};

/// Reads the files of a folder that end so, by their names without the ending; an absent folder has none.
///
/// *Errors*: when the folder or a file is there and cannot be read.
pub fn read_texts(dir: &Path, ending: &str) -> io::Result<BTreeMap<String, String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut texts = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let found = path.extension().and_then(|found| found.to_str());
        if let (Some(name), true) = (name, found == Some(ending)) {
            texts.insert(name.to_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}
