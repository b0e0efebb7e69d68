//! What a command reads: a file, or standard input.

use std::{fs, io, path::Path};

use super::Failure;

/// Reads a file, whole; `-` is standard input.
pub(super) fn text_of(file: &Path) -> Result<String, Failure> {
    let read = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    read.map_err(|error| Failure::new(format!("cannot read `{}`: {error}", file.display())))
}
