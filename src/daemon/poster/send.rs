//! Sending a post: by HTTP, by mail, or to the broker; and what became of it.

use serde_json::Value;

use super::Inner;
use crate::{
    broker::Outgoing,
    connectors::answer::retry_after,
    daemon::confirm,
    domain::{
        channel::Channel,
        delivery::{Delivery, PostEnd},
        execution::Ended,
    },
    notices::{self, Answer, Message, Post, Request, meaning},
    outbound::{self, SendFault, mail},
};

/// The content type of events.
const EVENT: &str = "application/cloudevents+json";

impl Inner {
    /// Sends a post, once.
    pub(super) async fn post(&self, channel: &str, deliveries: &[Delivery]) -> PostEnd {
        let settings = std::sync::Arc::clone(&self.ground.in_force.ruling().settings);
        let channel = match settings.notices.channel(channel, &settings.directory) {
            Ok(channel) => channel,
            Err(detail) => return PostEnd::Refused { detail },
        };
        let (deliveries, page) = match self.looked_up(deliveries).await {
            Ok(looked_up) => looked_up,
            Err(detail) => {
                return PostEnd::Later {
                    detail,
                    retry_after: None,
                };
            }
        };
        let message = notices::compose(&Post {
            channel: &channel,
            deliveries: &deliveries,
            page: page.as_deref(),
            source: &self.ground.source,
            templates: &settings.notices.templates,
            now: self.ground.clock.now(),
        });
        match message {
            Ok(Message::Http(request)) => self.post_http(&channel, request).await,
            Ok(Message::Mail(mail)) => self.post_mail(&channel, mail).await,
            Ok(Message::Amqp(publication)) => {
                let outgoing = Outgoing {
                    exchange: publication.exchange.into(),
                    routing_key: publication.routing_key,
                    body: publication.body.into_bytes(),
                    content_type: Some(EVENT.to_owned()),
                    message_id: publication.message_id,
                    kind: publication.kind.to_owned(),
                    ..Outgoing::default()
                };
                let timeout = channel.timeout.to_std();
                let publisher = self.publisher.get();
                of_broker(confirm::publish(publisher, outgoing, timeout).await)
            }
            Err(detail) => PostEnd::Refused { detail },
        }
    }

    async fn post_http(&self, channel: &Channel, request: Request) -> PostEnd {
        use secrecy::ExposeSecret;
        let mut headers = request.headers;
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let request = outbound::Request {
            method: "POST".to_owned(),
            url: request.url.expose_secret().to_owned(),
            headers,
            body: Some(request.body),
        };
        let (allowed, timeout) = (&channel.allow_addresses, channel.timeout.to_std());
        let ended = self.ground.outbound.send(request, allowed, timeout).await;
        self.read(channel, ended)
    }

    async fn post_mail(&self, channel: &Channel, mail: notices::Mail) -> PostEnd {
        let letter = mail::Mail {
            to: mail.to,
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            message_id: mail.message_id,
        };
        let (allowed, timeout) = (&channel.allow_addresses, channel.timeout.to_std());
        let post = (&mail.url, mail.from.as_str());
        let ended = self
            .ground
            .outbound
            .mail(&letter, post, allowed, timeout)
            .await;
        self.read(channel, ended)
    }

    fn read(&self, channel: &Channel, ended: outbound::Ended) -> PostEnd {
        match ended {
            Ok(answered) => {
                let now = self.ground.clock.now();
                let header = answered.retry_after.as_deref();
                let answer = Answer {
                    status: answered.status,
                    retry_after: header.and_then(|text| retry_after(text, now)),
                    body: answered.body.unwrap_or(Value::Null),
                };
                meaning(&channel.kind, &answer)
            }
            Err(SendFault::Refused(detail)) => PostEnd::Refused { detail },
            Err(SendFault::NotSent(detail)) => PostEnd::Later {
                detail: format!("not sent: {detail}"),
                retry_after: None,
            },
            Err(SendFault::Broken(detail)) => PostEnd::Perhaps {
                detail: format!("no certain answer came: {detail}"),
            },
        }
    }
}

fn of_broker(ended: Ended) -> PostEnd {
    match ended {
        Ended::Answered {
            status: 200..=299, ..
        } => PostEnd::Sent,
        Ended::Answered { .. } => PostEnd::Refused {
            detail: "no queue is bound for it".to_owned(),
        },
        Ended::Refused { detail } | Ended::NotSent { detail } | Ended::Undivided { detail } => {
            PostEnd::Refused { detail }
        }
        Ended::Broken { detail } => PostEnd::Perhaps { detail },
        Ended::Open | Ended::Adopted => PostEnd::Adopted,
    }
}
