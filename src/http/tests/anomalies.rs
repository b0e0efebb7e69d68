//! What was out of the usual, as it is listed, and as it stands in the audit log.

use serde_json::json;

use super::requests::{place, request};

#[tokio::test]
async fn what_was_out_of_the_usual_is_listed_and_on_record() {
    let place = place().await;
    for number in 1..=7 {
        let wanted = json!({"request_id": format!("r-{number}"), "conversation_id": "c-1", "params": {"tag": "vip"}});
        let done = request(&place, "tag", wanted).await;
        assert_eq!(done.body["state"], "succeeded", "a flag denies nothing");
    }
    let listed = place.ask("GET", "/v1/anomalies?limit=5", None).await;
    let items = listed.body["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{}", listed.body);
    let found = &items[0];
    assert_eq!(
        (&found["anomaly"], &found["value"], &found["expected"]),
        (&json!("default:repeat"), &json!(6), &json!(5))
    );
    assert_eq!(
        (&found["action"], &found["request_id"]),
        (&json!("tag"), &json!("r-6"))
    );
    let audit = place.ask("GET", "/v1/audit?limit=100", None).await;
    let entries = audit.body["items"].as_array().expect("items");
    let mut effects = entries
        .iter()
        .flat_map(|entry| entry["effects"].as_array().cloned().unwrap_or_default())
        .filter(|effect| effect["effect"] == "anomaly_detected");
    let effect = effects.next().expect("on record");
    assert_eq!(effect["request_id"], "r-6");
    assert!(effect.get("key").is_none(), "a key may name a customer");
    assert!(effects.next().is_none(), "once");
    place.end().await;
}
