//! What handlers take from a request, with problem documents for all that cannot be read.
//!
//! axum's own extractors answer plain text on a fault; these answer RFC 9457.
//! [`Payload`] bounds a body by `[limits] body_bytes` while it is read.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::{
    problem::{Kind, Problem},
    state::Api,
};

/// The query, read as `T`. Unknown parameters are refused where `T` denies them.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(asked)| Self(asked))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let detail = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                Problem::new(Kind::BadRequest, format!("the query: {detail}"))
            })
    }
}

/// The one path parameter.
#[derive(Debug)]
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(name)| Self(name))
            .map_err(|rejection| Problem::new(Kind::BadRequest, rejection.body_text()))
    }
}

/// A body's bytes with the headers, within the limit.
#[derive(Debug)]
pub(super) struct Payload {
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) bytes: Bytes,
}

impl FromRequest<Api> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limit = api.app.config.limits.body_bytes;
        Ok(Self {
            bytes: read_within(&parts.headers, body, limit).await?,
            headers: parts.headers,
        })
    }
}

async fn read_within(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Kind::TooLarge,
            format!("the body is larger than {limit} bytes"),
        )
        .with("limit", limit)
    };
    let stated: Option<usize> = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if stated.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(stated.unwrap_or(0));
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(Kind::BadRequest, format!("the body broke off: {error}"))
        })?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// A JSON body, read as `T`.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let Payload { headers, bytes } = Payload::from_request(request, api).await?;
        if bytes.is_empty() {
            return parse(&bytes).map(Self);
        }
        let media = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/json");
        let essence = media.split(';').next().unwrap_or_default().trim();
        if !(essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")) {
            let detail = format!("`{media}` is not read here; send application/json");
            return Err(Problem::new(Kind::UnsupportedMedia, detail));
        }
        parse(&bytes).map(Self)
    }
}

/// Reads JSON with the path of what is wrong; an empty body counts as `{}`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let problem = Problem::new(Kind::BadRequest, format!("the body: {}", error.inner()));
        if path == "." {
            problem
        } else {
            problem.with("field", path)
        }
    })?;
    reader
        .end()
        .map_err(|error| Problem::new(Kind::BadRequest, format!("the body: {error}")))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_member_is_named() {
        #[derive(Debug, serde::Deserialize)]
        struct Wanted {
            #[expect(dead_code, reason = "only read")]
            reason: String,
        }
        let problem = parse::<Wanted>(br#"{"reason": 7}"#).expect_err("a number");
        assert_eq!(problem.to_json()["field"], "reason");
        assert_eq!(problem.to_json()["status"], 400);
        assert!(parse::<Wanted>(br#"{"reason": "a"} x"#).is_err());
        assert!(parse::<Wanted>(b"").is_err());
    }

    #[tokio::test]
    async fn a_body_past_the_limit_is_refused_while_it_is_read() {
        let read = |body: &'static str, length: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(length) = length {
                headers.insert(header::CONTENT_LENGTH, length.parse().expect("header"));
            }
            async move { read_within(&headers, Body::from(body), 4).await }
        };
        assert_eq!(read("four", None).await.expect("fits"), "four");
        for (body, length) in [("fives", None), ("", Some("5"))] {
            let problem = read(body, length).await.expect_err("too large");
            assert_eq!(problem.kind, Kind::TooLarge);
        }
    }
}
