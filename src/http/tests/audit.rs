//! The audit log as a file: whole, narrowed, on record, and verified line by line.

use axum::body::to_bytes;

use crate::http::{
    export_file::{End, from_line},
    testing::{Place, message},
    verification::{Seals, Verification},
};

async fn export(place: &Place, token: &str, query: &str) -> (u16, String) {
    let request = axum::http::Request::get(format!("/v1/audit/export{query}"))
        .header("authorization", format!("Bearer {token}"))
        .body(axum::body::Body::empty());
    let answer = place.send(request.expect("a request")).await;
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), 10_000_000)
        .await
        .expect("a body");
    (status, String::from_utf8(bytes.to_vec()).expect("text"))
}

fn verify(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let Some((end, entries)) = lines.split_last() else {
        return false;
    };
    let Some(tail) = End::parse(end).and_then(|end| end.tail()) else {
        return false;
    };
    let mut walk = Verification::until(tail, Seals::default());
    let rows: Result<Vec<_>, _> = entries.iter().map(|line| from_line(line)).collect();
    rows.is_ok_and(|rows| {
        walk.take(&rows);
        walk.report().valid
    })
}

#[tokio::test]
async fn an_export_verifies_and_is_its_own_last_entry() {
    let place = Place::start().await;
    for number in 0..3 {
        let event = message(&format!("e-{number}"), "c-1", "I want a refund");
        place.post("t-owner", &event).await;
    }
    place.make_token("boss", "manager").await;
    let (status, text) = export(&place, "t-boss", "").await;
    assert_eq!(status, 200, "{text}");
    assert!(verify(&text), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let own = from_line(lines[lines.len() - 2]).expect("an entry");
    assert_eq!(
        (own.action.as_str(), own.actor.as_str()),
        ("audit.exported", "agent:boss")
    );
    let end = End::parse(lines[lines.len() - 1]).expect("the last line");
    assert_eq!(usize::try_from(end.entries), Ok(lines.len() - 1));

    // Whatever is changed, left out or cut off is found.
    assert!(!verify(&text.replacen("c-1", "c-2", 1)));
    assert!(!verify(&lines[1..].join("\n").replacen(
        "\"sequence\":2",
        "\"sequence\":1",
        1
    )));
    let without = [&lines[..2], &lines[3..]].concat().join("\n");
    assert!(!verify(&without));
    assert!(!verify(&lines[..lines.len() - 1].join("\n")));
    place.end().await;
}

#[tokio::test]
async fn a_customer_is_found_by_the_id_and_stands_in_the_log_by_a_salted_hash() {
    let place = Place::start().await;
    for subject in ["c-1", "c-2"] {
        let event = message(&format!("e-{subject}"), subject, "I want a refund");
        place.post("t-owner", &event).await;
    }
    for query in ["customer=cus-1", "actor=customer:cus-1"] {
        let path = format!("/v1/audit?{query}");
        let found = place.ask("GET", &path, None).await.body;
        let items = found["items"].as_array().expect("items");
        assert!(items.len() >= 2, "{query}: {found}");
        assert!(
            items.iter().all(|item| item["customer"] == "cus-1"),
            "{found}"
        );
        assert_eq!(items[items.len() - 1]["actor"]["id"], "cus-1", "{found}");
        let path = format!("/v1/audit/{}", items[0]["sequence"]);
        let shown = place.ask("GET", &path, None).await.body;
        assert_eq!(shown["customer"], "cus-1");
    }
    let nobody = place.ask("GET", "/v1/audit?customer=cus-2", None).await;
    assert_eq!(nobody.body["items"].as_array().map(Vec::len), Some(0));
    let (_, whole) = export(&place, "t-owner", "").await;
    assert!(!whole.contains("cus-1"), "{whole}");
    let (_, narrowed) = export(&place, "t-owner", "?customer=cus-1").await;
    let lines = narrowed.lines().count();
    assert!(lines > 2 && !narrowed.contains("cus-1"), "{narrowed}");
    let (_, again) = export(&place, "t-owner", "").await;
    assert!(
        again.contains("withheld") && !again.contains("cus-1"),
        "{again}"
    );
    assert!(verify(&again));
    place.end().await;
}

#[tokio::test]
async fn an_export_is_narrowed_and_comes_as_csv() {
    let place = Place::start().await;
    for subject in ["c-1", "c-2"] {
        let event = message(&format!("e-{subject}"), subject, "I want a refund");
        place.post("t-owner", &event).await;
    }
    let (_, text) = export(&place, "t-owner", "?conversation=c-2").await;
    let lines: Vec<&str> = text.lines().collect();
    let (end, entries) = lines.split_last().expect("lines");
    assert!(!entries.is_empty());
    for line in entries {
        assert_eq!(from_line(line).expect("an entry").subject.as_str(), "c-2");
    }
    assert!(End::parse(end).is_some_and(|end| end.filtered));
    let (_, csv) = export(&place, "t-owner", "?format=csv&action=audit.exported").await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "the head and both exports: {csv}");
    assert!(lines[0].starts_with("sequence,position,at,"));
    let (_, none) = export(&place, "t-owner", "?format=csv&action=none").await;
    assert_eq!(none.lines().count(), 1, "{none}");
    for (token, query, status) in [("t-owner", "?format=xml", 400), ("t-agent", "", 403)] {
        assert_eq!(export(&place, token, query).await.0, status, "{query}");
    }
    place.end().await;
}
