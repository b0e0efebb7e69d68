//! Anybody's webhook: the event as JSON, signed by Standard Webhooks.
//!
//! *Source*: Standard Webhooks – `webhook-id` stays over repeats, `webhook-timestamp` is when this
//! attempt is made, and `webhook-signature` is `v1,` and base64 of HMAC-SHA256 over
//! `id.timestamp.body`, by the key that stands as base64 behind `whsec_`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::{Post, Request, event};

/// Makes the request.
///
/// *Errors*: a key that is none.
pub(super) fn request(
    post: &Post<'_>,
    url: &SecretString,
    secret: Option<&SecretString>,
) -> Result<Request, String> {
    let body = event::event(post).to_string();
    let stamp = (post.now.micros() / 1_000_000).to_string();
    let mut headers = vec![
        ("webhook-id".to_owned(), post.id().to_owned()),
        ("webhook-timestamp".to_owned(), stamp.clone()),
    ];
    if let Some(secret) = secret {
        let signature = signature(secret, (post.id(), &stamp, &body))?;
        headers.push(("webhook-signature".to_owned(), signature));
    }
    Ok(Request {
        url: url.clone(),
        headers,
        body,
    })
}

fn signature(
    secret: &SecretString,
    (id, stamp, body): (&str, &str, &str),
) -> Result<String, String> {
    let digits = secret.expose_secret().trim_start_matches("whsec_");
    let key = BASE64_STANDARD.decode(digits);
    let key = key.map_err(|_| "the `secret` is no base64".to_owned())?;
    let mac = Hmac::<Sha256>::new_from_slice(&key);
    let mut mac = mac.map_err(|_| "the `secret` is no key".to_owned())?;
    mac.update(format!("{id}.{stamp}.{body}").as_bytes());
    let digest = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{digest}"))
}
