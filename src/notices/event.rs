//! A post as an event: `notice.posted` of CloudEvents, for programs that read.
//!
//! Nothing is cut or escaped; a digest holds each of its notices.

use serde_json::{Value, json};

use super::{
    Post,
    text::{digest_title, plain},
};
use crate::domain::delivery::Delivery;

/// The event's type.
pub(super) const KIND: &str = "notice.posted";

/// Makes the event. Its id stays over repeats.
pub(super) fn event(post: &Post<'_>) -> Value {
    let name = &post.channel.name;
    let told: Vec<Value> = post.deliveries.iter().map(|one| shown(one, post)).collect();
    let (mut data, subject) = match told.as_slice() {
        [one] => (one.clone(), &post.deliveries[0].notice.about),
        many => (digest(post, many), name),
    };
    let to = if name.starts_with('@') {
        name.clone()
    } else {
        format!("#{name}")
    };
    data["to"] = json!([to]);
    data["perhaps_posted_before"] = json!(post.is_repeat());
    json!({
        "specversion": "1.0", "id": post.id(), "source": post.source, "type": KIND,
        "subject": subject, "time": post.now, "datacontenttype": "application/json", "data": data,
    })
}

fn digest(post: &Post<'_>, told: &[Value]) -> Value {
    let title = digest_title(told.len());
    json!({
        "notice_id": post.id(), "kind": "digest", "about": post.channel.name, "title": title,
        "text": title, "notices": told,
    })
}

fn shown(delivery: &Delivery, post: &Post<'_>) -> Value {
    let notice = &delivery.notice;
    let facts: Vec<Value> = notice
        .facts
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut shown = json!({
        "notice_id": delivery.notice_id, "kind": notice.kind, "about": notice.about,
        "title": notice.title, "text": plain(notice, post.templates.get(&notice.kind)),
        "facts": facts, "at": notice.at,
    });
    if let Some(link) = &notice.link {
        shown["link"] = json!(link);
    }
    shown
}
