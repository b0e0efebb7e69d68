//! Signatures of intakes: HMAC-SHA256 over the raw body, in the forms senders use.
//!
//! Chatwoot signs `{timestamp}.{body}` and states the timestamp beside it; others
//! sign the body alone (`X-Hub-Signature-256`, `X-Signature-256`, `X-Signature`).
//! Compared in constant time. A new form is one more arm of [`verify`].

use axum::http::HeaderMap;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::domain::time::{Span, Timestamp};

/// How far a stated timestamp may lie from now, either way.
const MAX_SKEW: Span = Span::from_secs(300);
/// Headers that hold a signature over the body alone, in the order in which they are looked at.
const PLAIN: [&str; 3] = ["x-hub-signature-256", "x-signature-256", "x-signature"];

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSignature {
    /// No known signature header.
    #[error(
        "there is no signature; it is looked for in X-Chatwoot-Signature, X-Hub-Signature-256, X-Signature-256 and X-Signature"
    )]
    Absent,
    /// The header does not hold 64 hexadecimal digits, or its timestamp is no number.
    #[error("the signature or its timestamp cannot be read")]
    Unreadable,
    /// The timestamp is too far from now.
    #[error("the signature's timestamp is more than five minutes from now")]
    Stale,
    /// Another secret, or another body.
    #[error("the signature does not fit the body and the configured secret")]
    Mismatch,
}

/// Checks the signature of a request against the intake's secret.
pub(super) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &[u8],
    now: Timestamp,
) -> Result<(), BadSignature> {
    if let Some(stated) = header(headers, "x-chatwoot-signature") {
        let stamp = header(headers, "x-chatwoot-timestamp").ok_or(BadSignature::Unreadable)?;
        let secs: i64 = stamp.parse().map_err(|_| BadSignature::Unreadable)?;
        check(secret, &[stamp.as_bytes(), b".", body], stated)?;
        let age = now.since(Timestamp::from_micros(secs.saturating_mul(1_000_000)));
        return if age.micros().saturating_abs() > MAX_SKEW.micros() {
            Err(BadSignature::Stale)
        } else {
            Ok(())
        };
    }
    let stated = PLAIN
        .iter()
        .find_map(|name| header(headers, name))
        .ok_or(BadSignature::Absent)?;
    check(secret, &[body], stated)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn check(secret: &[u8], signed: &[&[u8]], stated: &str) -> Result<(), BadSignature> {
    let digits = stated.strip_prefix("sha256=").unwrap_or(stated);
    let stated = unhex(digits).ok_or(BadSignature::Unreadable)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| BadSignature::Mismatch)?;
    for part in signed {
        mac.update(part);
    }
    mac.verify_slice(&stated)
        .map_err(|_| BadSignature::Mismatch)
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::sign;

    const BODY: &[u8] = br#"{"event":"message_created"}"#;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    axum::http::HeaderName::from_static(name),
                    value.parse().expect("header"),
                )
            })
            .collect()
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros(secs * 1_000_000)
    }

    #[test]
    fn chatwoot_signs_timestamp_and_body() {
        let signature = sign(b"geheim", &[b"1795000000.", BODY]);
        let headers = headers(&[
            ("x-chatwoot-signature", &signature),
            ("x-chatwoot-timestamp", "1795000000"),
        ]);
        let verify = |body, secret: &[u8], secs| super::verify(&headers, body, secret, at(secs));
        assert_eq!(verify(BODY, b"geheim", 1_795_000_100), Ok(()));
        assert_eq!(
            verify(BODY, b"other", 1_795_000_100),
            Err(BadSignature::Mismatch)
        );
        assert_eq!(
            verify(b"{}", b"geheim", 1_795_000_100),
            Err(BadSignature::Mismatch)
        );
        assert_eq!(
            verify(BODY, b"geheim", 1_795_000_301),
            Err(BadSignature::Stale)
        );
        assert_eq!(
            verify(BODY, b"geheim", 1_794_999_699),
            Err(BadSignature::Stale)
        );
    }

    #[test]
    fn others_sign_the_body_alone() {
        let signature = sign(b"geheim", &[BODY]);
        let bare = signature.trim_start_matches("sha256=");
        for (name, value) in [
            ("x-hub-signature-256", signature.as_str()),
            ("x-signature-256", &signature),
            ("x-signature", bare),
        ] {
            let headers = headers(&[(name, value)]);
            assert_eq!(verify(&headers, BODY, b"geheim", at(0)), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_absent_or_unreadable_is_refused() {
        let refused = |pairs: &[(&'static str, &str)]| {
            verify(&headers(pairs), BODY, b"geheim", at(0)).expect_err("refused")
        };
        assert_eq!(refused(&[]), BadSignature::Absent);
        assert_eq!(
            refused(&[("x-signature", "sha256=zz")]),
            BadSignature::Unreadable
        );
        assert_eq!(
            refused(&[("x-chatwoot-signature", &sign(b"geheim", &[BODY]))]),
            BadSignature::Unreadable
        );
        assert_eq!(
            refused(&[("x-signature", &"ü".repeat(32))]),
            BadSignature::Absent
        );
    }
}
