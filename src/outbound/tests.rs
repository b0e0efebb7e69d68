//! The sender against a stub on this machine: what it reaches, and what it makes of bad answers.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::domain::time::Timestamp;

mod credentials;
mod databases;
mod mails;

/// A stub that does one thing with every connection, and counts them.
struct Stub {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Stub {
    async fn doing<F, D>(answer: F) -> Self
    where
        F: Fn(TcpStream) -> D + Send + Sync + 'static,
        D: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&connections);
        let answer = Arc::new(answer);
        let task = async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                // A client that leaves ends it.
                let _ = answer(stream).await;
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the stub outlives no test")]
        let task = tokio::spawn(task);
        Self {
            address,
            connections,
            task,
        }
    }

    async fn answering(text: &'static str) -> Self {
        Self::doing(move |mut stream| async move {
            request(&mut stream).await?;
            stream.write_all(text.as_bytes()).await
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/x", self.address)
    }
}

/// Reads a request: all of these are shorter than one packet.
async fn request(stream: &mut TcpStream) -> io::Result<usize> {
    stream.read(&mut [0; 4_096]).await
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers with what it was given, one after the other, the last one for ever.
#[derive(Debug)]
struct Scripted(Mutex<Vec<&'static str>>);

impl Lookup for Scripted {
    fn look_up(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut left = self.0.lock().expect("nobody panicked");
        let next = if left.len() > 1 {
            left.remove(0)
        } else {
            left[0]
        };
        Box::pin(async move { Ok(vec![next.parse().expect("an address")]) })
    }
}

fn sender(listed: &[&str], lookup: Arc<dyn Lookup>) -> Sender {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listed: Vec<Network> = listed
        .iter()
        .map(|text| Network::parse(text).expect("a network"))
        .collect();
    Sender::new(&listed, lookup).expect("a sender")
}

/// A way out that reaches nothing private by itself.
fn outbound() -> Outbound {
    outbound_and_clock().0
}

fn outbound_and_clock() -> (Outbound, Clock) {
    let clock = Clock::standing_at(Timestamp::from_micros(1_795_000_000_000_000));
    (outbound_by(Arc::new(SystemLookup), clock.clone()), clock)
}

/// One whose names have these addresses, one after the other.
fn outbound_asking(addresses: &[&'static str]) -> Outbound {
    let scripted = Scripted(Mutex::new(addresses.to_vec()));
    outbound_by(Arc::new(scripted), Clock::machine())
}

fn outbound_by(lookup: Arc<dyn Lookup>, clock: Clock) -> Outbound {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Outbound::new(&[], lookup, clock).expect("a way out")
}

fn system(kind: Kind, listed: &[&str]) -> Integration {
    let networks = listed.iter().map(|text| Network::parse(text));
    Integration {
        name: "system".to_owned(),
        description: String::new(),
        kind,
        rate_per_minute: None,
        concurrency: 8,
        allow_addresses: networks
            .map(|network| network.expect("a network"))
            .collect(),
    }
}

fn get(url: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: vec![("X-Secret".to_owned(), "s3cret".to_owned())],
        body: None,
    }
}

const LIMITS: Limits = Limits {
    timeout: Duration::from_millis(500),
    max_bytes: 1_000,
};

#[tokio::test]
async fn this_machine_is_not_reached_however_it_is_written() {
    let stub = Stub::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let sender = sender(&[], Arc::new(SystemLookup));
    let port = stub.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "localhost",
        "LocalHost",
        "①②⑦.⓪.⓪.①",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "127.0.1",
        "0x7f.0x0.0x0.0x1",
        "0",
        "1.1.1.1@127.0.0.1",
        "10.0.0.1",
        "100.64.0.1",
        "192.168.1.1",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b:1::127.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[ff02::1]",
    ] {
        let sent = sender
            .send(get(&format!("http://{host}:{port}/")), LIMITS)
            .await;
        assert!(
            matches!(sent, Err(SendFault::Refused(_))),
            "{host}: {sent:?}"
        );
    }
    for url in ["file:///etc/passwd", "gopher://1.1.1.1/", "no url"] {
        let sent = sender.send(get(url), LIMITS).await;
        assert!(
            matches!(sent, Err(SendFault::Refused(_))),
            "{url}: {sent:?}"
        );
    }
    assert_eq!(stub.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_listed_is_reached_and_its_answer_read() {
    let text = "HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nhi";
    let stub = Stub::answering(text).await;
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let answer = sender
        .send(get(&stub.url()), LIMITS)
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status, answer.retry_after.as_deref()),
        (429, Some("7"))
    );
    assert_eq!(answer.body, Ok(Value::from("hi")));
}

#[tokio::test]
async fn a_name_that_answers_otherwise_a_moment_later_gains_nothing() {
    let stub = Stub::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let scripted = Arc::new(Scripted(Mutex::new(vec!["192.0.2.1", "127.0.0.1"])));
    let sender = sender(&["192.0.2.0/24"], scripted);
    let url = format!("http://pay.example.com:{}/", stub.address.port());
    // It may be reached, and does not answer.
    let first = sender.send(get(&url), LIMITS).await;
    assert!(
        !matches!(first, Err(SendFault::Refused(_)) | Ok(_)),
        "{first:?}"
    );
    let second = sender.send(get(&url), LIMITS).await;
    assert!(matches!(second, Err(SendFault::Refused(_))), "{second:?}");
    assert_eq!(stub.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_endless_body_is_cut_and_a_dripping_one_given_up() {
    let endless = Stub::doing(|mut stream| async move {
        request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            stream.write_all(&[b'x'; 512]).await?;
        }
    })
    .await;
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let answer = sender
        .send(get(&endless.url()), LIMITS)
        .await
        .expect("a status");
    assert_eq!(
        (answer.status, answer.body),
        (200, Err(BodyFault::TooLarge(1_000)))
    );
    let dripping = Stub::doing(|mut stream| async move {
        request(&mut stream).await?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx")
            .await?;
        std::future::pending().await
    })
    .await;
    let answer = sender
        .send(get(&dripping.url()), LIMITS)
        .await
        .expect("a status");
    assert_eq!((answer.status, answer.body), (200, Err(BodyFault::Broken)));
}

#[tokio::test]
async fn what_was_not_sent_is_told_from_what_was() {
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!(
        "http://{}/?token=s3cret",
        gone.local_addr().expect("an address")
    );
    drop(gone);
    let refused = sender
        .send(get(&url), LIMITS)
        .await
        .expect_err("nobody listens");
    assert!(matches!(refused, SendFault::NotSent(_)), "{refused:?}");
    assert!(!refused.to_string().contains("s3cret"), "{refused}");
    let silent = Stub::doing(|mut stream| async move {
        request(&mut stream).await?;
        std::future::pending().await
    })
    .await;
    let unanswered = sender
        .send(get(&silent.url()), LIMITS)
        .await
        .expect_err("no answer");
    assert!(matches!(unanswered, SendFault::Broken(_)), "{unanswered:?}");
    let broken = Stub::doing(|mut stream| async move {
        request(&mut stream).await?;
        drop(stream);
        Ok(())
    })
    .await;
    let reset = sender
        .send(get(&broken.url()), LIMITS)
        .await
        .expect_err("no answer");
    assert!(matches!(reset, SendFault::Broken(_)), "{reset:?}");
    assert!(!format!("{:?}", get(&url)).contains("s3cret"));
}

#[tokio::test]
async fn when_to_come_again_is_passed_on_as_it_was_said() {
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    for (text, status, said) in [
        (
            "HTTP/1.1 429 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n",
            429,
            Some("120"),
        ),
        (
            "HTTP/1.1 429 Busy\r\nretry-after: Sat, 21 Nov 2026 10:00:30 GMT\r\ncontent-length: 0\r\n\r\n",
            429,
            Some("Sat, 21 Nov 2026 10:00:30 GMT"),
        ),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", 503, None),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", 500, None),
        ("HTTP/1.1 502 Oh\r\ncontent-length: 0\r\n\r\n", 502, None),
    ] {
        let stub = Stub::answering(text).await;
        let answer = sender
            .send(get(&stub.url()), LIMITS)
            .await
            .expect("an answer");
        assert_eq!(
            (answer.status, answer.retry_after.as_deref()),
            (status, said)
        );
        assert_eq!(answer.body, Ok(Value::Null));
    }
}

#[tokio::test]
async fn a_body_is_read_to_the_digit_or_as_text_or_not_at_all() {
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let body = async |text: &'static [u8]| {
        let stub = Stub::doing(move |mut stream| async move {
            request(&mut stream).await?;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(text).await
        })
        .await;
        let answer = sender
            .send(get(&stub.url()), LIMITS)
            .await
            .expect("an answer");
        answer.body.map(|value| value.to_string())
    };
    let exact = r#"{"amount":80.10,"large":12345678901234567890123}"#;
    assert_eq!(body(exact.as_bytes()).await.as_deref(), Ok(exact));
    assert_eq!(body(b"done\n").await.as_deref(), Ok(r#""done\n""#));
    assert_eq!(body(b" \n").await.as_deref(), Ok("null"));
    assert_eq!(body(b"\xff\xfe").await, Err(BodyFault::Unreadable));
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none() {
    let late = Stub::doing(|mut stream| async move {
        request(&mut stream).await?;
        tokio::time::sleep(LIMITS.timeout * 2).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
    })
    .await;
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let ended = sender.send(get(&late.url()), LIMITS).await;
    assert!(matches!(ended, Err(SendFault::Broken(_))), "{ended:?}");
}

#[tokio::test]
async fn a_connection_that_never_stands_was_sent_nothing() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    // Nobody accepts, and there is room for few who wait.
    let listener = socket.listen(1).expect("it listens");
    let address = listener.local_addr().expect("an address");
    let connect = || tokio::time::timeout(Duration::from_millis(50), TcpStream::connect(address));
    let waiting = futures_util::future::join_all((0..8).map(|_| connect())).await;
    assert!(waiting.iter().any(Result::is_err), "there was room for all");
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let ended = sender
        .send(get(&format!("http://{address}/")), LIMITS)
        .await;
    assert!(matches!(ended, Err(SendFault::NotSent(_))), "{ended:?}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_for_good() {
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let header = Request {
        headers: vec![("X-Bad\r\nX-Admin".to_owned(), "1".to_owned())],
        ..get("http://127.0.0.1:1/")
    };
    let method = Request {
        method: "GET /".to_owned(),
        ..get("http://127.0.0.1:1/")
    };
    for request in [header, method] {
        let ended = sender.send(request, LIMITS).await;
        assert!(matches!(ended, Err(SendFault::Refused(_))), "{ended:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Stub::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let port = inside.address.port();
    let stub = Stub::doing(move |mut stream| async move {
        request(&mut stream).await?;
        let text = format!(
            "HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).await
    })
    .await;
    let sender = sender(&["127.0.0.0/8"], Arc::new(SystemLookup));
    let answer = sender
        .send(get(&stub.url()), LIMITS)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 307);
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}
