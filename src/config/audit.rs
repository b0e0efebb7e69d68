//! `[audit]`: the key that seals the audit log.
//!
//! The section names its file; [`Audit::open_key`] reads the key when the daemon starts,
//! and makes it at the very first start: one line of 64 hexadecimal digits, readable by
//! its owner alone. A key that others could have read or that is none stops the start,
//! because a seal by it would prove nothing. Read by `root`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    fault::{ConfigFault, KEY_FILE, Place},
    section::Section,
};
use crate::domain::{
    ids::{hex, unhex},
    seal::SealKey,
};

/// The file's name where nothing else is said.
const FILE: &str = "provost.key";
/// Nobody but the owner may do anything with the file.
const OTHERS: u32 = 0o077;

/// `[audit]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The file of the signing key; absent: see [`Audit::key_file`].
    pub key: Option<PathBuf>,
}

impl Audit {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let key = section.text("key").map(|found| PathBuf::from(found.value));
        section.end();
        Self { key }
    }

    /// Gives the key's file: the one that is named, else `provost.key` beside the `SQLite` file, or in
    /// the working folder when the database is elsewhere.
    pub fn key_file(&self, database_url: &str) -> PathBuf {
        if let Some(key) = &self.key {
            return key.clone();
        }
        let folder = database_url.strip_prefix("sqlite:").and_then(|file| {
            let file = file.strip_prefix("//").unwrap_or(file);
            Path::new(file).parent()
        });
        folder.unwrap_or(Path::new("")).join(FILE)
    }

    /// Reads the key, and makes it when there is none yet.
    ///
    /// *Errors*: a fault of the configuration (`PV-CONF-012`): the file cannot be read or made, others
    /// may read it, or it holds no key.
    pub fn open_key(&self, database_url: &str) -> Result<SealKey, Box<ConfigFault>> {
        let path = self.key_file(database_url);
        load(&path).map_err(|said| {
            let place = Place {
                file: path.display().to_string(),
                line: 0,
                column: 0,
                key: "audit.key".to_owned(),
            };
            let message = format!("the key that seals the audit log {said}");
            Box::new(place.fault(KEY_FILE, message, None))
        })
    }
}

fn load(path: &Path) -> Result<SealKey, String> {
    let found = match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|error| format!("cannot be made: {error}"))?;
            tracing::info!(file = %path.display(), "made the key that seals the audit log");
            read(path)
        }
        found => found,
    };
    let (text, mode) = found.map_err(|error| format!("cannot be read: {error}"))?;
    if mode & OTHERS != 0 {
        let mode = mode & 0o7777;
        return Err(format!(
            "may be used by others (its mode is {mode:04o}, not 0600)"
        ));
    }
    let secret = unhex(text.trim_end()).ok_or("is not 64 hexadecimal digits")?;
    Ok(SealKey::of(&secret))
}

fn read(path: &Path) -> io::Result<(String, u32)> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.mode();
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, mode))
}

/// Makes the file whole or not at all; of two daemons that start at once, one makes it for both.
fn make(path: &Path) -> io::Result<()> {
    let mut secret = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut secret)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&beside)?;
    let made = file
        .write_all(format!("{}\n", hex(&secret)).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&beside, path));
    fs::remove_file(&beside)?;
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("provost-key-{}-{name}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).expect("a temporary folder");
            Self(folder)
        }

        fn database(&self) -> String {
            format!("sqlite:{}", self.0.join("provost.db").display())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_key_lies_beside_the_sqlite_file_or_in_the_working_folder() {
        let place = |url: &str| Audit::default().key_file(url);
        assert_eq!(place("sqlite:provost.db"), PathBuf::from("provost.key"));
        assert_eq!(
            place("sqlite:///var/lib/p.db"),
            PathBuf::from("/var/lib/provost.key")
        );
        assert_eq!(place("postgres://db/p"), PathBuf::from("provost.key"));
        let named = Audit {
            key: Some("a.key".into()),
        };
        assert_eq!(named.key_file("sqlite:x/p.db"), PathBuf::from("a.key"));
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let folder = Folder::new("made");
        let made = Audit::default()
            .open_key(&folder.database())
            .expect("a key");
        let again = Audit::default()
            .open_key(&folder.database())
            .expect("a key");
        assert_eq!(made.public(), again.public());
        let file = folder.0.join(FILE);
        let permissions = fs::metadata(&file).expect("a file").permissions();
        assert_eq!(permissions.mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_none_stops_the_start() {
        let folder = Folder::new("refused");
        let url = folder.database();
        Audit::default().open_key(&url).expect("a key");
        let file = folder.0.join(FILE);
        let refused = |mode: u32| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
            let fault = Audit::default().open_key(&url).expect_err("a fault");
            assert_eq!((fault.code, fault.key.as_str()), (KEY_FILE, "audit.key"));
            fault.message
        };
        assert!(
            refused(0o644).contains("its mode is 0644"),
            "others may read it"
        );
        assert!(refused(0o620).contains("others"));
        fs::write(&file, "half").expect("a file");
        assert!(refused(0o600).contains("64 hexadecimal digits"));
        let none = Audit {
            key: Some(folder.0.join("no/such.key")),
        };
        let fault = none.open_key(&url).expect_err("a fault");
        assert!(fault.message.contains("cannot be made"), "{fault}");
    }
}
