//! Payloads as a person reads them, and the receiver's side of a signature.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::*;

/// Verifies as a receiver does who has the key as it was handed out.
pub(super) fn is_signed(
    secret: &str,
    (id, stamp, body): (&str, &str, &str),
    signatures: &str,
) -> bool {
    let digits = secret.strip_prefix("whsec_").expect("a key");
    let key = BASE64_STANDARD.decode(digits).expect("base64");
    signatures.split(' ').any(|signature| {
        let Some(digest) = signature.strip_prefix("v1,") else {
            return false;
        };
        let digest = BASE64_STANDARD.decode(digest).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{id}.{stamp}.{body}").as_bytes());
        mac.verify_slice(&digest).is_ok()
    })
}

fn payload(kind: &ChannelKind) -> Value {
    let notice = notice(
        NoticeKind::Escalation,
        "Escalation: <b>Refund</b> & more",
        "First line, *bold* @here.\nSecond line.",
    );
    body(made(kind, &[delivery("dlv_1", notice)], at("10:05:00")))
}

/// Shows JSON, a member a line; those of `open` are shown in the same way.
fn lines(value: &Value, open: &str) -> String {
    let members = value.as_object().expect("an object").iter();
    let shown = members.map(|(name, member)| match member {
        Value::Array(items) if name == open => {
            let items: Vec<String> = items.iter().map(|item| format!("  {item}")).collect();
            format!("{name}:\n{}", items.join("\n"))
        }
        other => format!("{name}: {other}"),
    });
    // What nobody sees is shown here.
    shown
        .collect::<Vec<_>>()
        .join("\n")
        .replace('\u{200b}', "·")
}

#[test]
fn slack_gets_blocks() {
    insta::assert_snapshot!(lines(&payload(&slack()), "blocks"), @r#"
    blocks:
      {"text":{"emoji":false,"text":"Escalation: <b>Refund</b> & more","type":"plain_text"},"type":"header"}
      {"text":{"text":"First line, *bold* @·here.\nSecond line.","type":"mrkdwn","verbatim":true},"type":"section"}
      {"fields":[{"text":"*Priority*\nurgent","type":"mrkdwn","verbatim":true},{"text":"*Asked by*\nada","type":"mrkdwn","verbatim":true}],"type":"section"}
      {"elements":[{"text":"<https://chat.example.com/c/c1|Open>","type":"mrkdwn","verbatim":true},{"text":"It was due at 2026-11-23 10:00:00 UTC.","type":"mrkdwn","verbatim":true}],"type":"context"}
    text: "Escalation: &lt;b&gt;Refund&lt;/b&gt; &amp; more: First line, *bold* @·here.\nSecond line."
    unfurl_links: false
    unfurl_media: false
    "#);
}

#[test]
fn teams_gets_a_card() {
    let payload = payload(&kinds()[1]);
    let card = &payload["attachments"][0]["content"];
    insta::assert_snapshot!(lines(card, "body"), @r#"
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json"
    actions: [{"title":"Open","type":"Action.OpenUrl","url":"https://chat.example.com/c/c1"}]
    body:
      {"inlines":[{"size":"Large","text":"Escalation: <b>Refund</b> & more","type":"TextRun","weight":"Bolder"}],"spacing":"Default","type":"RichTextBlock"}
      {"inlines":[{"text":"First line, *bold* @here.","type":"TextRun"}],"spacing":"Small","type":"RichTextBlock"}
      {"inlines":[{"text":"Second line.","type":"TextRun"}],"spacing":"Small","type":"RichTextBlock"}
      {"inlines":[{"size":"Default","text":"Priority: ","type":"TextRun","weight":"Bolder"},{"text":"urgent","type":"TextRun"}],"spacing":"Small","type":"RichTextBlock"}
      {"inlines":[{"size":"Default","text":"Asked by: ","type":"TextRun","weight":"Bolder"},{"text":"ada","type":"TextRun"}],"spacing":"Small","type":"RichTextBlock"}
      {"inlines":[{"isSubtle":true,"text":"It was due at 2026-11-23 10:00:00 UTC.","type":"TextRun"}],"spacing":"Small","type":"RichTextBlock"}
    fallbackText: "Escalation: <b>Refund</b> & more"
    msteams: {"width":"Full"}
    type: "AdaptiveCard"
    version: "1.4"
    "#);
}

#[test]
fn mattermost_gets_markdown_and_an_attachment() {
    insta::assert_snapshot!(lines(&payload(&kinds()[2]), "attachments"), @r#"
    attachments:
      {"fallback":"Escalation: <b>Refund</b> & more","fields":[{"short":true,"title":"Priority","value":"urgent"},{"short":true,"title":"Asked by","value":"ada"}]}
    text: "**Escalation: \\<b\\>Refund\\</b\\> & more**\n\nFirst line, \\*bold\\* @·here.\nSecond line.\n\n[Open](https://chat.example.com/c/c1) · It was due at 2026-11-23 10:00:00 UTC."
    "#);
}

#[test]
fn discord_gets_an_embed() {
    let payload = payload(&kinds()[3]);
    insta::assert_snapshot!(lines(&payload["embeds"][0], "fields"), @r#"
    description: "First line, \\*bold\\* @·here.\nSecond line."
    fields:
      {"inline":true,"name":"Priority","value":"urgent"}
      {"inline":true,"name":"Asked by","value":"ada"}
    footer: {"text":"It was due at 2026-11-23 10:00:00 UTC."}
    timestamp: "2026-11-23T10:00:00Z"
    title: "Escalation: \\<b\\>Refund\\</b\\> & more"
    url: "https://chat.example.com/c/c1"
    "#);
}
