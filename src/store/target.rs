//! Which database: reads the URL, refuses what cannot work, and never shows a password.

use std::{fmt, path::PathBuf};

use super::error::{BAD_URL, NO_TLS, StoreError};

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A file.
    Sqlite(PathBuf),
    /// A server; the URL is completed with our time-outs.
    Postgres(String),
}

/// Parameters that are added where the URL does not set them. *Source*: architecture,
/// field notes: a dead peer is noticed within 10 s.
const PARAMETERS: &[(&str, &str)] = &[
    ("fallback_application_name", "provost"),
    ("connect_timeout", "5"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

impl Target {
    /// Reads a URL.
    ///
    /// *Errors*: `Refused` with `PV-STORE-002` or `PV-STORE-003`.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let file = rest.strip_prefix("//").unwrap_or(rest);
            return match file {
                "" | ":memory:" => Err(StoreError::refused(
                    BAD_URL,
                    format!("`{url}` names no file; an in-memory database is not supported"),
                )),
                _ if file.starts_with("file:") || file.contains('\0') => Err(StoreError::refused(
                    BAD_URL,
                    format!("`{url}` is not `sqlite:FILE`"),
                )),
                _ => Ok(Self::Sqlite(PathBuf::from(file))),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::postgres(url);
        }
        let scheme = url.split([':', '/']).next().unwrap_or_default();
        Err(StoreError::refused(
            BAD_URL,
            format!("`{scheme}:…` is neither `sqlite:FILE` nor `postgres://…`"),
        ))
    }

    fn postgres(url: &str) -> Result<Self, StoreError> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let set: Vec<(&str, &str)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let wants_tls = set.iter().any(|&(name, value)| {
            (name == "sslmode" && matches!(value, "require" | "verify-ca" | "verify-full"))
                || (name == "requiressl" && value == "1")
        });
        if wants_tls && !cfg!(feature = "postgres-tls") {
            return Err(StoreError::refused(
                NO_TLS,
                "the database URL asks for TLS (`sslmode`), and this build has none to PostgreSQL",
            ));
        }
        let mut completed = url.to_owned();
        for (name, value) in PARAMETERS {
            if !set.iter().any(|(present, _)| present == name) {
                completed.push(if completed.contains('?') { '&' } else { '?' });
                completed.push_str(name);
                completed.push('=');
                completed.push_str(value);
            }
        }
        // Of several servers, the one that may be written to.
        let host = completed.split(['/', '?']).nth(2).unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        if host.contains(',') && !set.iter().any(|(name, _)| *name == "target_session_attrs") {
            completed.push_str("&target_session_attrs=read-write");
        }
        Ok(Self::Postgres(completed))
    }

    /// Gives the file that marks a running daemon; `None` on PostgreSQL.
    pub(super) fn lock_file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(path) => {
                let mut name = path.clone().into_os_string();
                name.push(".lock");
                Some(PathBuf::from(name))
            }
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let bare = url.split('?').next().unwrap_or_default();
                let place = bare.split_once("://").map_or("", |(_, rest)| rest);
                let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
                write!(f, "postgres://{host}")
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(url: &str) -> Option<&'static str> {
        match Target::parse(url) {
            Err(StoreError::Refused { code, .. }) => Some(code),
            _ => None,
        }
    }

    #[test]
    fn what_is_no_database_is_refused() {
        for url in [
            "sqlite::memory:",
            "sqlite:",
            "sqlite:file:x?mode=memory",
            "mysql://h/d",
            "x.db",
            "",
        ] {
            assert_eq!(code(url), Some(BAD_URL), "{url}");
        }
    }

    #[cfg(not(feature = "postgres-tls"))]
    #[test]
    fn tls_is_refused_where_it_is_not_built_in() {
        for mode in ["require", "verify-ca", "verify-full"] {
            assert_eq!(
                code(&format!("postgres://u:p@h/d?sslmode={mode}")),
                Some(NO_TLS)
            );
        }
        assert_eq!(code("postgres://u:p@h/d?sslmode=prefer"), None);
    }

    #[test]
    fn a_target_shows_no_password_and_keeps_what_the_url_sets() {
        let target = Target::parse("postgresql://u:p%40@h:5/d?connect_timeout=1&password=geheim")
            .expect("valid");
        assert_eq!(target.to_string(), "postgres://h:5/d");
        assert_eq!(format!("{target:?}"), "postgres://h:5/d");
        let Target::Postgres(url) = target else {
            panic!("postgres")
        };
        assert!(url.contains("connect_timeout=1&") && !url.contains("connect_timeout=5"));
        assert!(url.contains("&tcp_user_timeout=10000"));
        assert!(!url.contains("target_session_attrs"));
        let Ok(Target::Postgres(url)) = Target::parse("postgres://u:a,b@h1,h2/d") else {
            panic!("postgres")
        };
        assert!(url.ends_with("&target_session_attrs=read-write"));
    }
}
