//! The inbound mappings in force: the built-in ones and those of `config/mappings/`.

use std::{collections::BTreeMap, io, path::Path};

use crate::{
    config::read_texts,
    domain::{
        event::{Event, Reason, Rejection},
        time::Timestamp,
    },
    policy::{BUILTIN, Fault, ForeignMessage, Mapping},
};

/// Mappings by name.
#[derive(Debug, Default)]
pub struct Mappings {
    by_name: BTreeMap<String, Mapping>,
}

impl Mappings {
    /// Gives the scripts of a folder by name, the built-in ones included where it has none of theirs.
    ///
    /// *Errors*: when the folder is there and cannot be read.
    pub fn sources(dir: &Path) -> io::Result<BTreeMap<String, String>> {
        let mut sources: BTreeMap<String, String> = BUILTIN
            .iter()
            .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()))
            .collect();
        sources.extend(read_texts(dir, "rhai")?);
        Ok(sources)
    }

    /// Compiles scripts. *Errors*: the faults of all of them.
    pub fn load(sources: &BTreeMap<String, String>) -> Result<Self, Vec<Fault>> {
        let mut by_name = BTreeMap::new();
        let mut faults = Vec::new();
        for (name, source) in sources {
            match Mapping::load(name, source) {
                Ok(mapping) => {
                    by_name.insert(name.clone(), mapping);
                }
                Err(more) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(Self { by_name })
        } else {
            Err(faults)
        }
    }

    /// Tells whether there is a mapping of that name.
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Maps a message to events; none when the mapping ignores it.
    ///
    /// *Errors*: `malformed` when there is no such mapping or it fails, and what its events lack.
    pub fn map(
        &self,
        name: &str,
        message: &ForeignMessage,
        now: Timestamp,
    ) -> Result<Vec<Event>, Rejection> {
        let malformed = |detail| Rejection::new(Reason::Malformed, "", detail);
        let Some(mapping) = self.by_name.get(name) else {
            return Err(malformed(format!("there is no mapping `{name}`")));
        };
        let values = mapping
            .map(message, now)
            .map_err(|error| malformed(format!("mapping `{name}`: {error}")))?;
        values.into_iter().map(Event::from_value).collect()
    }
}
