//! Sources: the files of a policy and the version that is their hash.
//!
//! Read from a folder at start and reload, kept in the database as JSON so that
//! any decision can be shown with the text that made it. Reading files is all
//! the I/O there is in this module; nothing here looks at their content.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::value::hex;

/// The files of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sources {
    /// Text by path relative to the policy folder, `/` separated; `*.rhai` only.
    pub files: BTreeMap<String, String>,
}

impl Sources {
    /// Reads every `*.rhai` below `dir`; hidden files and folders are left out.
    ///
    /// *Errors*: those of the file system, with the path; a file that is not UTF-8 is `InvalidData`.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        collect(dir, "", &mut files)?;
        Ok(Self { files })
    }

    /// Gives the version: 16 hexadecimal digits of the SHA-256 over names and texts.
    pub fn version(&self) -> String {
        let mut hash = Sha256::new();
        for (name, text) in &self.files {
            for part in [name, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        hex(&hash.finalize()[..8])
    }

    /// Writes the sources as a JSON object of text by path.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Sources::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    let named = |error: io::Error, path: &Path| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    for entry in fs::read_dir(dir).map_err(|error| named(error, dir))? {
        let path = entry.map_err(|error| named(error, dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{relative}/"), files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rhai")
        {
            let text = fs::read_to_string(&path).map_err(|error| named(error, &path))?;
            files.insert(relative, text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_follows_names_and_texts() {
        let one = |name: &str, text: &str| Sources {
            files: BTreeMap::from([(name.to_owned(), text.to_owned())]),
        };
        assert_eq!(one("a.rhai", "1").version(), one("a.rhai", "1").version());
        assert_eq!(one("a.rhai", "1").version().len(), 16);
        assert_ne!(one("a.rhai", "1").version(), one("a.rhai", "2").version());
        assert_ne!(one("a.rhai", "1").version(), one("b.rhai", "1").version());
        let sources = one("a/b.rhai", "\"ü\"");
        assert_eq!(Sources::from_json(&sources.to_json()).ok(), Some(sources));
    }

    #[test]
    fn only_rules_are_read() {
        let dir = std::env::temp_dir().join(format!("provost-sources-{}", std::process::id()));
        fs::create_dir_all(dir.join("lib/.git")).expect("writable");
        for (name, text) in [
            ("b.rhai", "2"),
            ("lib/a.rhai", "1"),
            ("b.cases.toml", ""),
            (".hidden.rhai", ""),
            ("lib/.git/x.rhai", ""),
        ] {
            fs::write(dir.join(name), text).expect("writable");
        }
        let sources = Sources::read(&dir);
        fs::remove_dir_all(&dir).expect("removable");
        let names: Vec<String> = sources.expect("readable").files.into_keys().collect();
        assert_eq!(names, ["b.rhai", "lib/a.rhai"]);
    }
}
