//! Gates: what must hold of the tree itself, whatever the program does.
//!
//! A rule that nothing checks is advice. Here the tracked files are read and the
//! arrows between modules, the sizes, the migrations and the shipped systemd files
//! are held to what the architecture says. Nothing is started.

mod architecture;
pub(crate) mod capabilities;
mod hygiene;
mod systemd;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Gives every file that belongs to the repository, relative to it and sorted.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output();
    let mut files: Vec<PathBuf> = match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split_terminator('\0')
            .map(PathBuf::from)
            .filter(|file| root().join(file).is_file())
            .collect(),
        _ => walked(root()),
    };
    files.sort();
    assert!(
        files.contains(&PathBuf::from("Cargo.toml")),
        "these are not the repository's files"
    );
    files
}

/// Stands in for git where there is none, such as in an unpacked archive.
fn walked(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if ![".git", "target"].iter().any(|name| path.ends_with(name)) {
                found.extend(walked(&path));
            }
        } else if let Ok(file) = path.strip_prefix(root()) {
            found.push(file.to_owned());
        }
    }
    found
}

/// A Rust file of the repository.
struct Source {
    /// Relative to the repository.
    file: PathBuf,
    text: String,
}

impl Source {
    /// Gives every Rust file below `src` and `tests`.
    fn all() -> Vec<Self> {
        let rust = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
        tracked()
            .into_iter()
            .filter(rust)
            .map(|file| {
                let text = fs::read_to_string(root().join(&file)).expect("a tracked file is text");
                Self { file, text }
            })
            .collect()
    }

    /// Gives the top-level module below `src`, such as `store`; `None` for the crate's own files.
    fn module(&self) -> Option<String> {
        let inside = self.file.strip_prefix("src").ok()?;
        let first = inside.components().next()?.as_os_str().to_str()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (!["lib", "main"].contains(&name)).then(|| name.to_owned())
    }

    /// Tells whether the whole file is a test module.
    fn is_test(&self) -> bool {
        self.file
            .components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
    }

    /// Gives the text before the test module at the end of the file.
    fn without_tests(&self) -> &str {
        self.text
            .split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap_or(&self.text)
    }

    /// Gives the code without comments and tests.
    fn code(&self) -> String {
        let lines = self.without_tests().lines();
        let code = lines.map(|line| {
            if line.trim_start().starts_with("//") {
                return "";
            }
            line.split(" // ").next().unwrap_or(line)
        });
        code.collect::<Vec<_>>().join("\n")
    }
}

/// Fails with every fault that was found, one a line.
fn hold(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}
