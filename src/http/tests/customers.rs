//! Erasing a customer: nothing of them is left, and the audit log still verifies.

use serde_json::{Value, json};

use crate::http::testing::{Place, message};

/// Everything that the API shows of what is kept.
async fn everything(place: &Place) -> String {
    let mut all = String::new();
    for path in [
        "/v1/conversations",
        "/v1/conversations/c-1",
        "/v1/tickets",
        "/v1/escalations",
        "/v1/results",
        "/v1/parked",
        "/v1/audit",
    ] {
        let shown = place.ask("GET", path, None).await.body;
        all.push_str(&shown.to_string());
        for item in shown["items"].as_array().into_iter().flatten() {
            for (part, id) in [("tickets", "ticket_id"), ("parked", "parked_id")] {
                if let Some(id) = item[id].as_str() {
                    let path = format!("/v1/{part}/{id}");
                    all.push_str(&place.ask("GET", &path, None).await.body.to_string());
                }
            }
        }
    }
    all
}

async fn is_whole(place: &Place) -> bool {
    let report = place.ask("GET", "/v1/audit/verify", None).await.body;
    assert_eq!(report.get("fault"), None, "{report}");
    report["valid"] == true
}

#[tokio::test]
async fn nothing_of_a_customer_is_left_and_the_log_still_verifies() {
    let place = Place::start().await;
    let text = "I want a refund to IBAN GB33";
    place.post("t-owner", &message("e-1", "c-1", text)).await;
    let mut odd = message("e-2", "c-1", text);
    odd["type"] = json!("conversation.invented");
    place.post("t-owner", &odd).await;
    let mut other = message("e-3", "c-2", "I want a refund");
    other["data"]["customer"] = json!({"id": "cus-2", "name": "Bob"});
    other["data"]["message"]["author"]["id"] = json!("cus-2");
    place.post("t-owner", &other).await;
    let before = everything(&place).await;
    assert!(before.contains("GB33") && before.contains("cus-1") && before.contains("Eve"));

    let erased = place.ask("DELETE", "/v1/customers/cus-1", None).await;
    assert_eq!(erased.status, 200, "{}", erased.body);
    assert_eq!(erased.body["conversations"], 1, "{}", erased.body);
    assert_eq!(erased.body["tickets"], 1, "{}", erased.body);

    let after = everything(&place).await;
    for gone in ["GB33", "cus-1", "Eve"] {
        assert!(!after.contains(gone), "{gone}: {after}");
    }
    assert!(after.contains("cus-2") && after.contains("Bob"), "{after}");
    assert!(is_whole(&place).await);
    let recorded = place
        .ask("GET", "/v1/audit?action=customer.erased", None)
        .await
        .body;
    let items = recorded["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "the conversation and the whole: {recorded}");
    assert_eq!(items[0]["effects"][0]["tickets"], 1);
    assert_eq!(items[0]["actor"]["id"], "owner");
    let label = items[0]["customer"].as_str().expect("a label");
    assert!(label.starts_with('~') && label.len() == 33, "{label}");

    // It is nobody any more; asking again does no harm, and a duplicate brings nothing back.
    let again = place.ask("DELETE", "/v1/customers/cus-1", None).await;
    assert_eq!(
        (again.status, &again.body["conversations"]),
        (200, &json!(0))
    );
    let repeated = place.post("t-owner", &message("e-1", "c-1", text)).await;
    assert_eq!(repeated.body["duplicates"], 1, "{}", repeated.body);
    assert!(!everything(&place).await.contains("GB33"));
    place.end().await;
}

#[tokio::test]
async fn a_customer_who_comes_back_is_known_anew() {
    let place = Place::start().await;
    place
        .post("t-owner", &message("e-1", "c-1", "a refund"))
        .await;
    place.ask("DELETE", "/v1/customers/cus-1", None).await;
    place
        .post("t-owner", &message("e-2", "c-3", "a refund"))
        .await;
    let found = place
        .ask("GET", "/v1/audit?customer=cus-1", None)
        .await
        .body;
    let items: Vec<&Value> = found["items"].as_array().expect("items").iter().collect();
    assert!(
        !items.is_empty() && items.iter().all(|item| item["subject"] == "c-3"),
        "{found}"
    );
    let erased = place.ask("DELETE", "/v1/customers/cus-1", None).await.body;
    assert_eq!(erased["conversations"], 1, "{erased}");
    assert!(is_whole(&place).await);
    place.end().await;
}
