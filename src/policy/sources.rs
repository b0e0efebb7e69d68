//! Sources: the files of a policy.
//!
//! Reading files is all the I/O there is in this module; nothing here looks at
//! their content.

use std::{collections::BTreeMap, fs, io, path::Path};

/// The files of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
