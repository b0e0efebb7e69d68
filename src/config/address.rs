//! What the addresses in the configuration may look like.
//!
//! Form only: nothing is looked up or opened here. The adapters read the same
//! texts again with their own parsers and report what only they can know.

use std::net::SocketAddr;

/// Checks the database's URL.
///
/// *Errors*: what is accepted, as the end of a sentence.
pub(super) fn check_database(url: &str) -> Result<(), &'static str> {
    if let Some(file) = url.strip_prefix("sqlite:") {
        return match file.trim_start_matches('/') {
            "" => Err("names no file; write `sqlite:provost.db`"),
            file if file.contains(":memory:") => {
                Err("keeps nothing over a restart; name a file, such as `sqlite:provost.db`")
            }
            _ => Ok(()),
        };
    }
    match url.split_once("://") {
        Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => Ok(()),
        _ => Err("is not a database; write `sqlite:FILE` or `postgres://USER@HOST/NAME`"),
    }
}

/// Checks one URL of a broker.
///
/// *Errors*: what is accepted, as the end of a sentence.
pub(super) fn check_broker(url: &str) -> Result<(), &'static str> {
    const EXPECTED: &str =
        "is not a broker's address; write `amqp://USER:PASSWORD@HOST:PORT/VHOST` or `amqps://…`";
    let Some(("amqp" | "amqps", rest)) = url.split_once("://") else {
        return Err(EXPECTED);
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    if is_host_and_port(place, false) {
        Ok(())
    } else {
        Err(EXPECTED)
    }
}

/// Checks where to listen: an address or a host's name, and a port.
pub(super) fn is_listen_address(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok() || is_host_and_port(text, true)
}

/// Tells whether only this machine can reach a listener there.
pub(super) fn is_loopback(text: &str) -> bool {
    match text.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => text
            .rsplit_once(':')
            .is_some_and(|(host, _)| host == "localhost"),
    }
}

fn is_host_and_port(text: &str, port_required: bool) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, port.strip_prefix(':').or(Some("none"))),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host_fits = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c));
    let port_fits = port.map_or(!port_required, |port| port.parse::<u16>().is_ok());
    host_fits && port_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_only_looks_like_them() {
        for good in [
            "127.0.0.1:8642",
            "0.0.0.0:80",
            "[::1]:8642",
            "localhost:0",
            "api.internal:443",
        ] {
            assert!(is_listen_address(good), "{good}");
        }
        for bad in [
            "",
            "8642",
            ":8642",
            "localhost",
            "127.0.0.1:99999",
            "http://localhost:1",
            "a b:1",
        ] {
            assert!(!is_listen_address(bad), "{bad}");
        }
        assert!(is_loopback("127.0.0.1:1") && is_loopback("[::1]:1") && is_loopback("localhost:1"));
        assert!(!is_loopback("0.0.0.0:1") && !is_loopback("api.internal:1"));
    }

    #[test]
    fn urls_of_databases_and_brokers_want_a_known_scheme() {
        for good in [
            "sqlite:provost.db",
            "sqlite:///var/lib/p.db",
            "postgres://db/p",
            "postgresql:///p",
        ] {
            assert_eq!(check_database(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "mysql://db",
            "postgres://",
            "provost.db",
        ] {
            assert!(check_database(bad).is_err(), "{bad}");
        }
        for good in [
            "amqp://mq",
            "amqps://a:b@mq:5671/%2f",
            "amqp://[::1]:5672",
            "amqp://mq/v?heartbeat=5",
        ] {
            assert_eq!(check_broker(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "mq:5672",
            "http://mq",
            "amqp://",
            "amqp://mq:port",
            "amqp://a:b@/v",
        ] {
            assert!(check_broker(bad).is_err(), "{bad}");
        }
    }
}
