//! A broker's address: what it says, and what Provost adds where it is silent.
//!
//! Adds `heartbeat=10`, `connection_timeout=5000` and `frame_max=16384` (lapin
//! keeps 64 frames of buffer a connection; RabbitMQ 4.1 wants 8192 at least). A
//! bare `/` means the vhost `/`. Texts made here never hold a password.

use std::{fmt, time::Duration};

use lapin::uri::AMQPUri;

use super::fault::{self, Fault};

/// *Units*: seconds.
const HEARTBEAT: u16 = 10;
/// *Units*: bytes. The smallest that every supported broker takes, and the default.
const FRAME_BYTES: std::ops::RangeInclusive<u32> = 8_192..=16_384;
/// *Units*: milliseconds.
const CONNECT_MS: u64 = 5_000;

/// An address that can be connected to.
#[derive(Clone)]
pub(super) struct Address {
    /// For lapin, complete.
    pub(super) uri: AMQPUri,
    /// How long the connection may take until TLS stands.
    pub(super) timeout: Duration,
}

impl Address {
    /// Reads an address.
    ///
    /// *Errors*: a fault with the code of a bad address, which does not repeat the text.
    pub(super) fn read(url: &str) -> Result<Self, Fault> {
        let mut uri: AMQPUri = url.trim().parse().map_err(|said: String| {
            // Those words repeat the whole address, password included.
            let said = if said.starts_with("Invalid URL") {
                "it is no URL"
            } else {
                &said
            };
            Fault::new(
                fault::BAD_ADDRESS,
                format!("the broker's address cannot be read: {said}"),
            )
        })?;
        if let Some(host) = ipv6_literal(url) {
            host.clone_into(&mut uri.authority.host);
        }
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        let query = &mut uri.query;
        query.heartbeat.get_or_insert(HEARTBEAT);
        let frame_max = query.frame_max.get_or_insert(*FRAME_BYTES.end());
        *frame_max = (*frame_max).max(*FRAME_BYTES.start());
        let millis = *query.connection_timeout.get_or_insert(CONNECT_MS);
        Ok(Self {
            uri,
            timeout: Duration::from_millis(millis),
        })
    }
}

/// Shows host, port and vhost; never the user or the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        let vhost = self.uri.vhost.trim_start_matches('/');
        write!(f, "{}:{}/{vhost}", authority.host, authority.port)
    }
}

/// The host of `amqp://user@[::1]:5672/`, which the URL parser loses.
fn ipv6_literal(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    Some(place.strip_prefix('[')?.split_once(']')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::read(url).expect("an address")
    }

    #[test]
    fn what_is_absent_is_added_and_what_is_there_stays() {
        let query = read("amqp://mq").uri.query;
        assert_eq!(
            (query.heartbeat, query.frame_max, query.connection_timeout),
            (Some(10), Some(16_384), Some(5_000))
        );
        let address = read(
            "amqp://mq/%2f?heartbeat=30&frame_max=131072&connection_timeout=900&channel_max=7",
        );
        let query = &address.uri.query;
        assert_eq!(
            (query.heartbeat, query.frame_max, query.channel_max),
            (Some(30), Some(131_072), Some(7))
        );
        assert_eq!(address.timeout, Duration::from_millis(900));
        assert_eq!(
            read("amqp://mq?frame_max=4096").uri.query.frame_max,
            Some(8_192)
        );
    }

    #[test]
    fn a_bare_slash_is_the_vhost_slash() {
        assert_eq!(read("amqp://mq").uri.vhost, "/");
        assert_eq!(read("amqp://mq/").uri.vhost, "/");
        assert_eq!(read("amqp://mq/%2f").uri.vhost, "/");
        assert_eq!(read("amqp://mq/support").uri.vhost, "support");
    }

    #[test]
    fn an_ipv6_literal_is_kept() {
        let address = read("amqp://dana:a%40b@[fe80::1]:5673/v");
        assert_eq!(address.uri.authority.host, "fe80::1");
        assert_eq!(address.uri.authority.port, 5673);
        assert_eq!(address.uri.authority.userinfo.password, "a@b");
    }

    #[test]
    fn neither_a_shown_address_nor_a_fault_holds_the_password() {
        assert_eq!(
            read("amqp://dana:secret@mq:5673/v").to_string(),
            "mq:5673/v"
        );
        for bad in [
            "amqp://dana:secret@mq:port",
            "http://dana:secret@mq",
            "dana:secret@mq",
            "amqp:dana:secret",
            "amqp://dana:secret@mq?heartbeat=x",
        ] {
            let fault = Address::read(bad).err().expect("no address");
            assert_eq!(fault.code, fault::BAD_ADDRESS);
            assert!(!fault.text.contains("secret"), "{fault}");
        }
    }
}
