//! Foreign messages: signed, mapped, parked, replayed.

use axum::{body::Body, http::Request};
use serde_json::json;

use crate::http::testing::{Place, read, sign};

#[tokio::test]
async fn an_intake_with_a_secret_wants_a_signature_and_parks_what_it_cannot_map() {
    let place = Place::start().await;
    let stamp = crate::clock::Clock::machine().now().micros() / 1_000_000;
    let post = |body: &str, secret: &[u8]| {
        let signature = sign(
            secret,
            &[stamp.to_string().as_bytes(), b".", body.as_bytes()],
        );
        let request = Request::post("/v1/intake/chatwoot")
            .header("x-chatwoot-signature", signature)
            .header("x-chatwoot-timestamp", stamp.to_string())
            .body(Body::from(body.to_owned()))
            .expect("a request");
        async { read(place.send(request).await).await }
    };
    let refused = post("{}", b"wrong").await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (401, &json!("PV-HTTP-004"))
    );
    assert_eq!(
        place
            .ask("POST", "/v1/intake/chatwoot", Some(json!({})))
            .await
            .status,
        401
    );
    let ignored = post(r#"{"event": "something_else"}"#, b"geheim").await;
    assert_eq!(
        (ignored.status, &ignored.body["accepted"]),
        (202, &json!(0)),
        "{}",
        ignored.body
    );
    let parked = post("[7", b"geheim").await;
    assert_eq!(parked.status, 400);
    let id = parked.body["parked_id"].as_str().expect("an id").to_owned();
    let shown = place
        .ask("GET", &format!("/v1/parked/{id}"), None)
        .await
        .body;
    assert_eq!(
        (&shown["content"], &shown["entry"]),
        (&json!("[7"), &json!("intake:chatwoot"))
    );
    let still = place
        .ask("POST", &format!("/v1/parked/{id}/replay"), None)
        .await;
    assert_eq!(still.status, 409, "{}", still.body);
    let dropped = place.ask("DELETE", &format!("/v1/parked/{id}"), None).await;
    assert_eq!(dropped.status, 200);
    assert_eq!(
        place.ask("GET", "/v1/parked", None).await.body["items"],
        json!([])
    );
    place.end().await;
}

#[tokio::test]
async fn a_parked_message_is_taken_in_again_when_its_mapping_is_mended() {
    let place = Place::start().await;
    let body = json!({"id": "n-1"});
    let parked = place
        .ask("POST", "/v1/intake/crm", Some(body.clone()))
        .await;
    assert_eq!(parked.status, 400, "{}", parked.body);
    let id = parked.body["parked_id"].as_str().expect("an id").to_owned();
    let again = place.ask("POST", "/v1/intake/crm", Some(body)).await;
    assert_eq!(again.body["parked_id"], json!(id), "parked once");
    place.mend_mapping();
    let reloaded = place.ask("POST", "/v1/policy/reload", None).await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    let replayed = place
        .ask("POST", &format!("/v1/parked/{id}/replay"), None)
        .await;
    assert_eq!(
        (replayed.status, &replayed.body["accepted"]),
        (202, &json!(1)),
        "{}",
        replayed.body
    );
    let shown = place.ask("GET", "/v1/conversations/crm-1", None).await.body;
    assert_eq!(shown["state"]["status"], "ended");
    let listed = place.ask("GET", "/v1/parked", None).await.body;
    assert_eq!(listed["items"], json!([]));
    place.end().await;
}
