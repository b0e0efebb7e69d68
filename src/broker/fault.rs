//! What can be wrong with a broker, as an operator meets it: a stable code, words, a remedy.
//!
//! [`CODES`] is the one list, for `provost explain`. `read` turns the client
//! library's errors into faults by the reply codes of AMQP and, where RabbitMQ
//! uses one code for several things, by its words; those words always stand in
//! the text. Made everywhere in the module, logged by `report` alone.

use lapin::{Error, ErrorKind};
use serde::Serialize;

use crate::domain::time::Timestamp;

/// A code, its words, and since when it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Fault {
    /// The stable code, one of [`CODES`].
    pub code: &'static str,
    /// What is wrong, with the broker's own words.
    pub text: String,
    /// Since when it stands; the epoch until it was reported.
    pub since: Timestamp,
}

pub(super) const BAD_ADDRESS: &str = "PV-AMQP-001";
pub(super) const UNREACHABLE: &str = "PV-AMQP-002";
pub(super) const LOGIN: &str = "PV-AMQP-003";
pub(super) const PERMISSION: &str = "PV-AMQP-004";
pub(super) const VHOST: &str = "PV-AMQP-005";
pub(super) const OTHERWISE: &str = "PV-AMQP-006";
pub(super) const CLOSED: &str = "PV-AMQP-007";
pub(super) const CANCELLED: &str = "PV-AMQP-008";
pub(super) const ACK_TIMEOUT: &str = "PV-AMQP-009";
pub(super) const BLOCKED: &str = "PV-AMQP-010";
pub(super) const SILENT: &str = "PV-AMQP-011";
pub(super) const ABSENT: &str = "PV-AMQP-012";
pub(super) const NOT_SINGLE: &str = "PV-AMQP-013";
pub(super) const NO_PLUGIN: &str = "PV-AMQP-014";
pub(super) const UNCONFIRMED: &str = "PV-AMQP-015";
pub(super) const REFUSED: &str = "PV-AMQP-016";
pub(super) const LOCKED: &str = "PV-AMQP-017";
pub(super) const BARRED: &str = "PV-AMQP-018";
pub(super) const PROTOCOL: &str = "PV-AMQP-019";
pub(super) const TLS: &str = "PV-AMQP-020";

/// Every code of this module with its remedy, for `provost explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        BAD_ADDRESS,
        "The broker's address cannot be read. Write `amqp://USER:PASSWORD@HOST:PORT/VHOST` (or `amqps://`), with `/` in a vhost's name as `%2f` and special characters of the password percent-encoded.",
    ),
    (
        UNREACHABLE,
        "Nothing answers at the broker's address, or the connection broke. Check that RabbitMQ runs, the host's name, the port (5672; 5671 with TLS) and the firewall. Provost keeps trying, at most 30 s apart.",
    ),
    (
        LOGIN,
        "The broker does not accept the user or the password. Check them in the address; `rabbitmqctl authenticate_user USER PASSWORD` tells. The user `guest` may log in from the broker's own machine only. Provost keeps trying.",
    ),
    (
        PERMISSION,
        "The user lacks a permission on what is named. Grant it: `rabbitmqctl set_permissions -p VHOST USER CONFIGURE WRITE READ`; consuming wants read on the queues, publishing write on the exchanges, creating configure. Provost keeps trying.",
    ),
    (
        VHOST,
        "The vhost does not exist. Create it with `rabbitmqctl add_vhost NAME`, or correct the address (its path; `/` is written `%2f`). Provost keeps trying.",
    ),
    (
        OTHERWISE,
        "A queue or exchange exists and was declared with other properties than Provost would give it. It is used as it is. To have it as Provost declares it, stop the publishers, empty it, delete it and restart; or keep it if the difference is meant.",
    ),
    (
        CLOSED,
        "The broker closed the connection: an operator did, or it is shutting down. Nothing is lost; Provost connects again by itself.",
    ),
    (
        CANCELLED,
        "The broker cancelled the consumer: the queue was deleted or its leader is gone. Provost builds a new session, which creates the queue if that is configured.",
    ),
    (
        ACK_TIMEOUT,
        "A delivery was held longer than the broker's `consumer_timeout` (30 minutes by default). Usually the database was away for long. Nothing is lost: what was not acknowledged is delivered again. Raise `consumer_timeout` if such times are normal.",
    ),
    (
        BLOCKED,
        "The broker takes nothing in because it is short of memory or disk. Free some: `rabbitmqctl status` shows the alarm. Results wait in the database and go out when it ends.",
    ),
    (
        SILENT,
        "The broker stopped answering (frozen, overloaded, or the network drops packets). Provost gives the connection up and connects again.",
    ),
    (
        ABSENT,
        "An exchange or queue does not exist and Provost may not create it (`create_topology = false`, or no permission). Create it, or allow it. It is looked for again by itself.",
    ),
    (
        NOT_SINGLE,
        "The queue has no single active consumer, so that with several daemons events of one conversation may be taken in out of order. Delete and recreate it with the argument `x-single-active-consumer = true` (Provost does when it creates it), or run one daemon only.",
    ),
    (
        NO_PLUGIN,
        "`partitions` needs the exchange type `x-consistent-hash`. On every node: `rabbitmq-plugins enable rabbitmq_consistent_hash_exchange`; or set `partitions = 0`. It is looked for again by itself.",
    ),
    (
        UNCONFIRMED,
        "The broker did not confirm results within `confirm_timeout`. A quorum queue without its majority does that. Provost publishes them again with the same ids on a new session.",
    ),
    (
        REFUSED,
        "A queue refuses results: it is full and its overflow policy is `reject-publish`. Drain it or raise its limit. Provost tries again every few seconds and keeps the order.",
    ),
    (
        LOCKED,
        "The queue belongs to another connection exclusively. Delete it or name another queue. It is tried again by itself.",
    ),
    (
        BARRED,
        "Messages for an exchange are not accepted: it does not exist or the user may not write to it. They count as unroutable and are not sent for a minute at a time; all other results go out.",
    ),
    (
        PROTOCOL,
        "The broker or something between spoke against the protocol, or ended the conversation with an unusual reason, which is in the message. Provost connects again by itself.",
    ),
    (
        TLS,
        "TLS could not be set up: the certificate is not trusted, expired or for another name, or the port speaks no TLS. Trusted roots are the system's; `SSL_CERT_FILE` names others.",
    ),
];

impl Fault {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            since: Timestamp::default(),
        }
    }

    /// Tells whether the fault only says that something ended, so that a clearer one may follow.
    pub(super) fn is_vague(&self) -> bool {
        self.code == CLOSED && self.text.starts_with(VAGUE)
    }

    /// Tells whether what it is about can be used all the same.
    pub(super) fn leaves_usable(&self) -> bool {
        matches!(self.code, OTHERWISE | NOT_SINGLE)
    }

    /// Tells whether the connection is of no more use.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(
            self.code,
            UNREACHABLE | LOGIN | VHOST | CLOSED | SILENT | PROTOCOL | TLS
        )
    }
}

const VAGUE: &str = "the connection to the broker ended";

/// Reads the client library's error.
pub(super) fn read(error: &Error) -> Fault {
    match error.kind() {
        ErrorKind::ProtocolError(said) => read_reply(said.get_id(), said.get_message().as_str()),
        ErrorKind::IOError(error) | ErrorKind::RuntimeShutdownError(error) => read_io(error),
        ErrorKind::MissingHeartbeatError => Fault::new(
            SILENT,
            "the broker sent no heartbeat and the connection was given up",
        ),
        ErrorKind::AuthProviderError(said) => Fault::new(LOGIN, said.clone()),
        ErrorKind::InvalidChannelState(..)
        | ErrorKind::InvalidConnectionState(_)
        | ErrorKind::InvalidChannel(_) => Fault::new(CLOSED, format!("{VAGUE}: {error}")),
        _ => Fault::new(PROTOCOL, format!("the connection failed: {error}")),
    }
}

/// Says that a connection ended for a reason that is not known here.
pub(super) fn ended(what: &str) -> Fault {
    Fault::new(CLOSED, format!("{VAGUE}: {what}"))
}

fn read_io(error: &std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::InvalidData {
        return Fault::new(TLS, format!("TLS to the broker failed: {error}"));
    }
    if error.kind() == std::io::ErrorKind::TimedOut {
        return Fault::new(UNREACHABLE, "the broker did not answer in time");
    }
    Fault::new(
        UNREACHABLE,
        format!("the broker cannot be reached: {error}"),
    )
}

fn read_reply(code: u16, said: &str) -> Fault {
    let has = |words: &str| said.contains(words);
    let fault = match code {
        403 if has("Login was refused") || has("login") => LOGIN,
        403 => PERMISSION,
        530 if has("not found") => VHOST,
        530 if has("refused") => PERMISSION,
        320 => CLOSED,
        404 => ABSENT,
        405 => LOCKED,
        406 | 503 if has("exchange type") => NO_PLUGIN,
        406 if has("timed out") => ACK_TIMEOUT,
        406 if has("inequivalent") => OTHERWISE,
        _ => PROTOCOL,
    };
    Fault::new(fault, format!("the broker says: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart_by_code_and_words() {
        for (reply, words, code) in [
            (
                403,
                "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
                LOGIN,
            ),
            (
                403,
                "ACCESS_REFUSED - access to queue 'provost.inbox' in vhost '/' refused for user 'dana'",
                PERMISSION,
            ),
            (530, "NOT_ALLOWED - vhost nowhere not found", VHOST),
            (
                530,
                "NOT_ALLOWED - access to vhost '/' refused for user 'dana'",
                PERMISSION,
            ),
            (
                320,
                "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
                CLOSED,
            ),
            (404, "NOT_FOUND - no queue 'q' in vhost '/'", ABSENT),
            (
                405,
                "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q'",
                LOCKED,
            ),
            (
                406,
                "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.",
                ACK_TIMEOUT,
            ),
            (
                406,
                "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q'",
                OTHERWISE,
            ),
            (
                503,
                "COMMAND_INVALID - unknown exchange type 'x-consistent-hash'",
                NO_PLUGIN,
            ),
            (
                406,
                "PRECONDITION_FAILED - invalid exchange type 'x-consistent-hash'",
                NO_PLUGIN,
            ),
            (501, "FRAME_ERROR", PROTOCOL),
        ] {
            let fault = read_reply(reply, words);
            assert_eq!(fault.code, code, "{words}");
            assert!(fault.text.contains(words));
        }
    }

    #[test]
    fn codes_are_sorted_and_stand_once() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
