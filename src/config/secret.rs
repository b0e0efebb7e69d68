//! References to what must not stand in the file, and hiding it again.
//!
//! `${env:NAME}`, `${env:NAME:-DEFAULT}`, `${file:PATH}` (relative to the configuration folder) and
//! `${credential:NAME}` (systemd's `$CREDENTIALS_DIRECTORY`) may stand in any
//! text of the configuration. Passwords of URLs are never shown: `redact`.

use std::{fs, path::Path};

use super::env::{CREDENTIALS, Env};
use crate::domain::nearest::did_you_mean;

/// What a reference may name.
const KINDS: [&str; 3] = ["env", "file", "credential"];

/// Tells whether `text` refers to something, and holds no default that would stand in its place.
pub(super) fn is_reference(text: &str) -> bool {
    let mut defaults = text.split(":-").skip(1);
    text.contains("${") && defaults.all(|rest| rest.starts_with('}'))
}

/// Replaces every reference of `text` by what it stands for.
///
/// *Errors*: a sentence that names the reference, and a hint; never the value of another one.
pub(super) fn resolve(
    text: &str,
    env: &Env,
    folder: &Path,
) -> Result<String, (String, Option<String>)> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        resolved.push_str(before);
        let Some((reference, behind)) = after.split_once('}') else {
            return Err((
                format!("the reference `${{{after}` has no closing `}}`"),
                None,
            ));
        };
        resolved.push_str(&look_up(reference, env, folder)?);
        rest = behind;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn look_up(reference: &str, env: &Env, folder: &Path) -> Result<String, (String, Option<String>)> {
    let (kind, name) = reference.split_once(':').unwrap_or((reference, ""));
    match kind {
        _ if name.is_empty() || !KINDS.contains(&kind) => Err((
            format!("`${{{reference}}}` is not a reference"),
            did_you_mean(kind, KINDS).or_else(|| {
                Some("write ${env:NAME}, ${file:PATH} or ${credential:NAME}".to_owned())
            }),
        )),
        "env" if name.contains(":-") => {
            let (name, default) = name.split_once(":-").unwrap_or((name, ""));
            let value = env.var(name).filter(|value| !value.is_empty());
            Ok(value.unwrap_or(default).to_owned())
        }
        "env" => env.var(name).map(str::to_owned).ok_or_else(|| {
            (
                format!("the environment variable `{name}` is not set"),
                None,
            )
        }),
        "file" => read(&folder.join(name)),
        _ => {
            let Some(credentials) = env.var(CREDENTIALS) else {
                return Err((
                    format!("there is no credential `{name}`: ${CREDENTIALS} is not set"),
                    Some("only a systemd service with LoadCredential= has credentials".to_owned()),
                ));
            };
            if name.contains('/') || name == ".." {
                return Err((format!("`{name}` is not the name of a credential"), None));
            }
            read(&Path::new(credentials).join(name))
        }
    }
}

/// Reads a secret from its file, without the line end that editors put behind it.
fn read(path: &Path) -> Result<String, (String, Option<String>)> {
    let text = fs::read_to_string(path)
        .map_err(|error| (format!("cannot read `{}`: {error}", path.display()), None))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Gives a URL, or several separated by commas, with its passwords hidden.
///
/// *Example*: `amqp://app:secret@mq/` becomes `amqp://app:***@mq/`.
pub(super) fn redact(urls: &str) -> String {
    let mut shown = String::with_capacity(urls.len());
    let mut rest = urls;
    while let Some(start) = rest.find("://").map(|at| at + 3) {
        shown.push_str(&rest[..start]);
        rest = &rest[start..];
        // A comma ends the URL only when another scheme follows: passwords may hold one.
        let end = rest
            .find("://")
            .and_then(|next| rest[..next].rfind(','))
            .unwrap_or(rest.len());
        shown.push_str(&hide_password(&rest[..end]));
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

/// Hides the password of `user:password@host/path?query`.
fn hide_password(rest: &str) -> String {
    let (head, query) = match rest.split_once('?') {
        Some((head, query)) => (head, Some(query)),
        None => (rest, None),
    };
    // The last `@` ends the password, also when somebody forgot to escape one in it.
    let mut shown = match head.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => head.to_owned(),
        },
        None => head.to_owned(),
    };
    let Some(query) = query else { return shown };
    if query.contains('@') && !head.contains('@') {
        shown.clear();
        shown.push_str("***");
        return shown;
    }
    for (index, pair) in query.split('&').enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
                shown.push_str(name);
                shown.push_str("=***");
            }
            _ => shown.push_str(pair),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_inside_a_text_and_name_what_is_absent() {
        let env = Env::from([("USER_A", "ann"), ("PASS_A", "s3cret")]);
        let here = Path::new(".");
        assert_eq!(
            resolve("amqp://${env:USER_A}:${env:PASS_A}@mq", &env, here).as_deref(),
            Ok("amqp://ann:s3cret@mq")
        );
        let fault = |text| resolve(text, &env, here).expect_err("does not resolve").0;
        assert_eq!(
            fault("${env:NOPE}"),
            "the environment variable `NOPE` is not set"
        );
        let with_default = |text| resolve(text, &env, here);
        assert_eq!(with_default("${env:USER_A:-bo}").as_deref(), Ok("ann"));
        assert_eq!(
            with_default("${env:NOPE:-http://x:1}").as_deref(),
            Ok("http://x:1")
        );
        assert_eq!(with_default("${env:NOPE:-}").as_deref(), Ok(""));
        assert!(is_reference("${env:NOPE:-}") && !is_reference("${env:NOPE:-s3cret}"));
        assert!(fault("${env:USER_A").contains("no closing"));
        assert!(fault("${evn:USER_A}").contains("not a reference"));
        assert!(fault("${env:}").contains("not a reference"));
        assert!(fault("${credential:key}").contains("no credential"));
        assert!(fault("${file:absent/key}").contains("absent/key"));
    }

    #[test]
    fn passwords_of_urls_are_never_shown() {
        for (url, shown) in [
            ("sqlite:provost.db", "sqlite:provost.db"),
            ("postgres://db/provost", "postgres://db/provost"),
            ("postgres://app:se@cr/et@db/p", "postgres://app:***@db/p"),
            (
                "postgres://app@db/p?password=secret&sslmode=require",
                "postgres://app@db/p?password=***&sslmode=require",
            ),
            (
                "amqp://a:x@one/%2f,amqps://b:y,z@two?heartbeat=10",
                "amqp://a:***@one/%2f,amqps://b:***@two?heartbeat=10",
            ),
            ("amqp://a:x?y@host/", "amqp://***"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}
