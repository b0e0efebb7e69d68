//! The kinds of problems: status, title, stable code and remedy of each, in one table.
//!
//! A kind's place in the enum is its row in the table; a test holds the two
//! together. `provost explain` lists the codes.

use axum::http::StatusCode;

/// What went wrong, as a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be read: query, headers or body.
    BadRequest,
    /// An event in the request is not what it must be.
    InvalidEvent,
    /// No token, or one that is not known.
    Unauthorized,
    /// The signature of an intake does not fit.
    BadSignature,
    /// The token's owner may not do this.
    Forbidden,
    /// There is no such path or thing.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The id was used before with other content.
    IdReused,
    /// The thing's state does not allow this move.
    IllegalMove,
    /// Body, batch or a part of it is over a limit.
    TooLarge,
    /// The content type is none that is read here.
    UnsupportedMedia,
    /// A policy that does not load.
    PolicyRejected,
    /// Part of the contract, not built yet.
    NotBuilt,
    /// Intake is full, stopping, or waiting for its database.
    Busy,
    /// The request took longer than it may.
    TimedOut,
    /// The database did not answer.
    Store,
    /// A fault of Provost itself.
    Internal,
    /// A procedure that cannot be published, or read.
    ProcedureRejected,
}

/// What is known of a kind.
struct Class {
    kind: Kind,
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    code: &'static str,
    remedy: &'static str,
}

const fn class(kind: Kind, status: StatusCode, slug: &'static str, title: &'static str) -> Class {
    Class {
        kind,
        slug,
        status,
        title,
        code: "",
        remedy: "",
    }
}

impl Class {
    const fn code(mut self, code: &'static str, remedy: &'static str) -> Self {
        self.code = code;
        self.remedy = remedy;
        self
    }
}

/// Every kind, in the order of the enum and of the codes.
const CLASSES: [Class; 18] = [
    class(Kind::BadRequest, StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read")
        .code("PV-HTTP-001", "Read `detail`: it names the parameter, header or byte that could not be read; `/openapi.json` lists what the path takes."),
    class(Kind::InvalidEvent, StatusCode::BAD_REQUEST, "invalid-event", "An event is not valid")
        .code("PV-HTTP-002", "`event` names the event (index and id) and `field` the member at fault. Correct it and send the whole request again: nothing of it was stored."),
    class(Kind::Unauthorized, StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed")
        .code("PV-HTTP-003", "Send `Authorization: Bearer TOKEN`. `provost token create --name NAME --roles ROLE,…` prints a new token once; `provost token list` shows those that exist."),
    class(Kind::BadSignature, StatusCode::UNAUTHORIZED, "bad-signature", "The signature does not fit")
        .code("PV-HTTP-004", "The sender's secret and `[intake.NAME] secret` differ, the body was changed on its way (a proxy that re-encodes JSON), or the clocks differ by more than five minutes."),
    class(Kind::Forbidden, StatusCode::FORBIDDEN, "forbidden", "Not allowed")
        .code("PV-HTTP-005", "The token's roles do not allow this. Make a token with the role that does, or ask somebody who has it."),
    class(Kind::NotFound, StatusCode::NOT_FOUND, "not-found", "There is no such thing")
        .code("PV-HTTP-006", "Look at the spelling of the path and of the id; `/openapi.json` lists every path. What retention has removed is gone."),
    class(Kind::MethodNotAllowed, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not known here")
        .code("PV-HTTP-007", "The header `Allow` names the methods that the path knows."),
    class(Kind::IdReused, StatusCode::CONFLICT, "id-reused", "The id was used before with other content")
        .code("PV-HTTP-008", "An event's `source` and `id` name its content for good. Give other content a new id."),
    class(Kind::IllegalMove, StatusCode::CONFLICT, "illegal-move", "The state does not allow this")
        .code("PV-HTTP-009", "Read the thing again: somebody else has moved it meanwhile, or it is settled. `detail` names the state and the move."),
    class(Kind::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Over a limit")
        .code("PV-HTTP-010", "Send less in one request, or raise `[limits]` (`body_bytes`, `batch_events`) in provost.toml."),
    class(Kind::UnsupportedMedia, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The content type is not read here")
        .code("PV-HTTP-011", "Events: `application/cloudevents+json`, `application/cloudevents-batch+json`, or `application/json` with `ce-` headers. All else: `application/json`."),
    class(Kind::PolicyRejected, StatusCode::UNPROCESSABLE_ENTITY, "policy-rejected", "The policy does not load")
        .code("PV-HTTP-012", "`errors` names every fault with file, line and column. The policy in force stays in force. `provost rules check` shows the same with the source line."),
    class(Kind::NotBuilt, StatusCode::NOT_IMPLEMENTED, "not-built", "Planned, not built yet")
        .code("PV-HTTP-013", "The path belongs to the contract and comes with a later release; `/openapi.json` marks such paths with `x-planned`."),
    class(Kind::Busy, StatusCode::SERVICE_UNAVAILABLE, "busy", "Not taking events in right now")
        .code("PV-HTTP-014", "Wait as long as `Retry-After` says and send the same again: a repeated id is a duplicate and does no harm. `provost status` shows what holds intake up."),
    class(Kind::TimedOut, StatusCode::SERVICE_UNAVAILABLE, "timed-out", "The request took too long")
        .code("PV-HTTP-015", "Send the same again: what was stored meanwhile counts as a duplicate. If it happens often, look at the database's latency with `provost status`."),
    class(Kind::Store, StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", "The database did not answer")
        .code("PV-HTTP-016", "Look at the daemon's log for the database's error. Nothing was stored; the same request can be sent again."),
    class(Kind::Internal, StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault of Provost itself")
        .code("PV-HTTP-017", "This is a defect. The daemon's log has an entry at the level `error` from the same moment; report it with that."),
    class(Kind::ProcedureRejected, StatusCode::UNPROCESSABLE_ENTITY, "procedure-rejected", "The procedure is at fault")
        .code("PV-HTTP-018", "`errors` names every fault with its step, its place (a JSON pointer) and a hint; `provost explain CODE` says more about each. What is published stays as it is."),
];

/// The codes of this module, each with what to do about it.
pub const CODES: &[(&str, &str)] = &listed();

const fn listed() -> [(&'static str, &'static str); CLASSES.len()] {
    let mut codes = [("", ""); CLASSES.len()];
    let mut row = 0;
    while row < CLASSES.len() {
        codes[row] = (CLASSES[row].code, CLASSES[row].remedy);
        row += 1;
    }
    codes
}

impl Kind {
    fn class(self) -> &'static Class {
        const TABLE: &[Class] = &CLASSES;
        let class = &TABLE[self as usize];
        debug_assert_eq!(class.kind, self);
        class
    }

    /// Gives the stable code, such as `PV-HTTP-002`.
    pub fn code(self) -> &'static str {
        self.class().code
    }

    /// Gives the status.
    pub fn status(self) -> StatusCode {
        self.class().status
    }

    /// Gives the last part of the problem's `type`.
    pub fn slug(self) -> &'static str {
        self.class().slug
    }

    /// Gives the title, the same for every problem of this kind.
    pub fn title(self) -> &'static str {
        self.class().title
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_its_own_row_and_codes_rise() {
        for (row, class) in CLASSES.iter().enumerate() {
            assert_eq!(class.kind as usize, row);
            assert_eq!(class.code, format!("PV-HTTP-{:03}", row + 1));
            assert!(!class.remedy.is_empty());
        }
    }
}
