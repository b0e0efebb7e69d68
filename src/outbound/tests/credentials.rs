//! Credentials against stubs: what is sent, and when a token is fetched anew.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::SecretString;

use super::*;
use crate::domain::time::Span;

/// An API that gives tokens, numbered from 1, and knows the newest one only.
struct Api {
    stub: Stub,
    /// How many tokens it gave.
    given: Arc<AtomicUsize>,
    /// What it heard, requests whole.
    heard: Arc<Mutex<Vec<String>>>,
}

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

impl Api {
    /// `known` tells whether the token of this number, of so many given, is still one.
    async fn start(known: fn(usize, usize) -> bool, life: u64) -> Self {
        let (given, heard) = (
            Arc::<AtomicUsize>::default(),
            Arc::<Mutex<Vec<String>>>::default(),
        );
        let (giving, ears) = (Arc::clone(&given), Arc::clone(&heard));
        let stub = Stub::doing(move |mut stream| {
            let (given, heard) = (Arc::clone(&giving), Arc::clone(&ears));
            async move {
                let text = whole_request(&mut stream).await?;
                let said = if text.starts_with("POST /token") {
                    let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                    let body = format!(r#"{{"access_token":"t0ken-{number}","token_type":"Bearer","expires_in":{life}}}"#);
                    answer("200 OK", &body)
                } else {
                    let token = text.split("Bearer t0ken-").nth(1).and_then(|rest| rest.lines().next());
                    let number: usize = token.and_then(|token| token.parse().ok()).unwrap_or(0);
                    if known(number, given.load(Ordering::SeqCst)) {
                        answer("200 OK", "{}")
                    } else {
                        answer("401 Unauthorized", "{}")
                    }
                };
                heard.lock().expect("nobody panicked").push(text);
                stream.write_all(said.as_bytes()).await
            }
        })
        .await;
        Self { stub, given, heard }
    }

    fn integration(&self) -> Integration {
        http(
            &format!("http://{}", self.stub.address),
            Auth::OAuth2 {
                token_url: format!("http://{}/token", self.stub.address),
                client_id: "pro:vost".to_owned(),
                client_secret: SecretString::from("s3cret&more"),
                scope: Some("a b".to_owned()),
            },
        )
    }

    fn given(&self) -> usize {
        self.given.load(Ordering::SeqCst)
    }
}

/// Reads a request until its body is there as well.
async fn whole_request(stream: &mut TcpStream) -> io::Result<String> {
    let (mut text, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut part).await?;
        text.extend_from_slice(&part[..read]);
        let said = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = said.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (name.eq_ignore_ascii_case("content-length")).then(|| value.parse().ok())?
        });
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return Ok(said);
        }
    }
}

fn http(base_url: &str, auth: Auth) -> Integration {
    let kind = Kind::Http {
        base_url: base_url.to_owned(),
        auth: Box::new(auth),
        headers: BTreeMap::new(),
        honours_idempotency_key: false,
        idempotency_window: None,
        operations: BTreeMap::new(),
    };
    system(kind, &["127.0.0.0/8"])
}

async fn perform(outbound: &Outbound, integration: &Integration) -> Ended {
    let Kind::Http { base_url, .. } = &integration.kind else {
        panic!("of another kind");
    };
    let call = Call::Http(get(&format!("{base_url}/x")));
    outbound
        .perform(integration, call, Duration::from_secs(2))
        .await
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_again_before_it_ends() {
    let api = Api::start(|number, given| number == given, 100).await;
    let (outbound, clock) = outbound_and_clock();
    let integration = api.integration();
    let calls = (0..5).map(|_| perform(&outbound, &integration));
    for ended in futures_util::future::join_all(calls).await {
        assert_eq!(ended.expect("an answer").status, 200);
    }
    assert_eq!(api.given(), 1);
    let asked = api.heard.lock().expect("nobody panicked")[0].clone();
    assert!(
        asked.ends_with("grant_type=client_credentials&scope=a%20b"),
        "{asked}"
    );
    let known_as = BASE64_STANDARD.encode("pro%3Avost:s3cret%26more");
    assert!(asked.contains(&format!("Basic {known_as}")), "{asked}");
    // A tenth before its end it is no longer used.
    for (pass, given) in [(89, 1), (2, 2)] {
        clock.advance(Span::from_secs(pass));
        assert_eq!(
            perform(&outbound, &integration)
                .await
                .expect("an answer")
                .status,
            200
        );
        assert_eq!(api.given(), given);
    }
}

#[tokio::test]
async fn a_token_that_is_known_no_more_is_renewed_once() {
    // The first one was revoked.
    let api = Api::start(|number, _| number > 1, 3_600).await;
    let (outbound, _) = outbound_and_clock();
    let integration = api.integration();
    let statuses = [
        perform(&outbound, &integration).await,
        perform(&outbound, &integration).await,
    ];
    let statuses = statuses.map(|ended| ended.expect("an answer").status);
    assert_eq!((statuses, api.given()), ([401, 200], 2));
    // Whoever comes later with the old one does not cost the new one.
    let old = vec![("Authorization".to_owned(), "Bearer t0ken-1".to_owned())];
    let Kind::Http { auth, .. } = &integration.kind else {
        panic!("of another kind");
    };
    outbound.credentials.refused(auth, &old).await;
    assert_eq!(
        perform(&outbound, &integration)
            .await
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(api.given(), 2);
}

#[tokio::test]
async fn a_client_that_is_not_known_is_refused_and_its_secret_shown_nowhere() {
    let body = r#"{"error":"invalid_client","error_description":"s3cret is wrong"}"#;
    for (status, is_lasting) in [
        ("401 Unauthorized", true),
        ("400 Bad", true),
        ("503 Busy", false),
    ] {
        let text = answer(status, body);
        let stub = Stub::doing(move |mut stream| {
            let text = text.clone();
            async move {
                whole_request(&mut stream).await?;
                stream.write_all(text.as_bytes()).await
            }
        })
        .await;
        let integration = http(
            &format!("http://{}", stub.address),
            Auth::OAuth2 {
                token_url: format!("http://{}/token", stub.address),
                client_id: "provost".to_owned(),
                client_secret: SecretString::from("s3cret"),
                scope: None,
            },
        );
        let (outbound, _) = outbound_and_clock();
        let fault = perform(&outbound, &integration)
            .await
            .expect_err("no token");
        assert_eq!(
            matches!(fault, SendFault::Refused(_)),
            is_lasting,
            "{fault:?}"
        );
        assert_ne!(
            matches!(fault, SendFault::NotSent(_)),
            is_lasting,
            "{fault:?}"
        );
        assert!(fault.to_string().contains("invalid_client"), "{fault}");
        assert!(!format!("{fault:?} {outbound:?} {integration:?}").contains("s3cret"));
        // Only the token was asked for.
        assert_eq!(stub.connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_token_is_had_only_where_it_may_be() {
    let api = Api::start(|_, _| true, 60).await;
    let mut integration = api.integration();
    integration.allow_addresses.clear();
    let ended = perform(&outbound(), &integration).await;
    assert!(matches!(ended, Err(SendFault::Refused(_))), "{ended:?}");
    assert_eq!(api.given(), 0);
}

#[tokio::test]
async fn every_other_credential_is_a_header() {
    let secret = || SecretString::from("s3cret");
    let auths = [
        (
            Auth::ApiKey {
                header: "X-Own-Key".to_owned(),
                key: secret(),
            },
            "x-own-key: s3cret",
        ),
        (
            Auth::Basic {
                user: "shop".to_owned(),
                password: secret(),
            },
            "authorization: Basic c2hvcDpzM2NyZXQ=",
        ),
        (
            Auth::Bearer { token: secret() },
            "authorization: Bearer s3cret",
        ),
    ];
    for (auth, expected) in auths {
        let heard = Arc::<Mutex<String>>::default();
        let ears = Arc::clone(&heard);
        let stub = Stub::doing(move |mut stream| {
            let heard = Arc::clone(&ears);
            async move {
                *heard.lock().expect("nobody panicked") = whole_request(&mut stream).await?;
                stream
                    .write_all(format!("{JSON}content-length: 2\r\n\r\n{{}}").as_bytes())
                    .await
            }
        })
        .await;
        let integration = http(&format!("http://{}", stub.address), auth);
        let ended = perform(&outbound(), &integration).await;
        assert_eq!(ended.expect("an answer").body, Ok(serde_json::json!({})));
        let heard = heard.lock().expect("nobody panicked").clone();
        assert!(heard.contains(expected), "{expected} is not in\n{heard}");
    }
}

#[tokio::test]
async fn a_stored_request_takes_no_credential_to_another_place() {
    let stub = Stub::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let token = SecretString::from("s3cret");
    let integration = http("http://127.0.0.1:1/v2", Auth::Bearer { token });
    for url in [
        stub.url(),
        "http://127.0.0.1:1/v1/x".to_owned(),
        "http://127.0.0.1:1/v22".to_owned(),
        "http://127.0.0.1:1/v2@example.com/".to_owned(),
    ] {
        let call = Call::Http(get(&url));
        let ended = outbound()
            .perform(&integration, call, Duration::from_secs(1))
            .await;
        assert!(
            matches!(ended, Err(SendFault::Refused(_))),
            "{url}: {ended:?}"
        );
    }
    assert_eq!(stub.connections.load(Ordering::SeqCst), 0);
}
