//! `provost audit show REQUEST`: the whole story of one request, in words.

use serde_json::Value;

use super::{
    Failure,
    client::{Client, segment},
    output::{self, Output},
};

/// Prints the story of a request.
pub(super) async fn show(client: &Client, output: Output, id: &str) -> Result<(), Failure> {
    let path = format!("/v1/requests/{}/story", segment(id));
    let story = client.get(&path, &[]).await?;
    if output == Output::Json {
        return output::json(&story);
    }
    output::line(&told(&story))
}

/// Writes the sentences, one a line, and where the request stands now.
fn told(story: &Value) -> String {
    let sentences = story["sentences"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = sentences.map(output::printable).collect();
    let text = |name: &str| output::printable(&story["request"][name]);
    lines.push(String::new());
    lines.push(format!(
        "Request {} stands at: {}.",
        text("request_id"),
        text("state").replace('_', " ")
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_story_ends_with_where_it_stands() {
        let story = json!({
            "request": {"request_id": "r-1", "state": "awaiting_approval"},
            "sentences": ["2026-11-20T08:00:00Z bot asked for `refund`.", "2026-11-20T08:00:00Z It waits."],
        });
        insta::assert_snapshot!(told(&story), @r"
        2026-11-20T08:00:00Z bot asked for `refund`.
        2026-11-20T08:00:00Z It waits.

        Request r-1 stands at: awaiting approval.
        ");
    }
}
