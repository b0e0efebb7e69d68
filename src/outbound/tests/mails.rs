//! Mails against a stub of a server: what it is told, and what its answers mean.

use std::collections::BTreeMap;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

/// What the stub answers with; each is the whole answer but for its line end.
#[derive(Clone, Copy)]
struct Server {
    greeting: &'static str,
    /// Without the last line.
    extensions: &'static [&'static str],
    login: &'static str,
    sender: &'static str,
    recipient: &'static str,
    data: &'static str,
    /// `None`: it leaves without a word.
    text: Option<&'static str>,
}

const WILLING: Server = Server {
    greeting: "220 mail.example.com",
    extensions: &["250-AUTH PLAIN LOGIN"],
    login: "235 welcome",
    sender: "250 ok",
    recipient: "250 ok",
    data: "354 go on",
    text: Some("250 queued as 7"),
};

type Heard = Arc<Mutex<Vec<String>>>;

impl Server {
    async fn start(self) -> (Stub, Heard) {
        let heard = Heard::default();
        let ears = Arc::clone(&heard);
        let stub = Stub::doing(move |stream| self.serve(stream, Arc::clone(&ears))).await;
        (stub, heard)
    }

    async fn serve(self, stream: TcpStream, heard: Heard) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        say(&mut stream, self.greeting).await?;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            heard
                .lock()
                .expect("nobody panicked")
                .push(line.trim_end().to_owned());
            let verb = line.split([' ', '\r']).next().unwrap_or_default();
            match verb {
                "EHLO" => {
                    for extension in self.extensions {
                        say(&mut stream, extension).await?;
                    }
                    say(&mut stream, "250 SIZE 1000000").await?;
                }
                "AUTH" => say(&mut stream, self.login).await?,
                "MAIL" => say(&mut stream, self.sender).await?,
                "RCPT" => say(&mut stream, self.recipient).await?,
                "DATA" => {
                    say(&mut stream, self.data).await?;
                    if !self.data.starts_with('3') {
                        continue;
                    }
                    while line != ".\r\n" {
                        line.clear();
                        stream.read_line(&mut line).await?;
                        heard
                            .lock()
                            .expect("nobody panicked")
                            .push(line.trim_end().to_owned());
                    }
                    match self.text {
                        Some("") => std::future::pending().await,
                        Some(answer) => say(&mut stream, answer).await?,
                        None => return Ok(()),
                    }
                }
                _ => say(&mut stream, "221 bye").await?,
            }
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> io::Result<()> {
    let line = format!("{text}\r\n");
    stream.get_mut().write_all(line.as_bytes()).await
}

fn mail() -> mail::Mail {
    mail::Mail {
        to: vec!["ann@example.org".to_owned()],
        subject: "Ihre Bestellung für 5 €".to_owned(),
        text: "Guten Tag,\n.\nalles bestellt.".to_owned(),
        html: None,
        message_id: "<0123@example.com>".to_owned(),
    }
}

async fn send(url: &str, listed: &[&str], timeout: Duration) -> Ended {
    send_by(&outbound(), url, listed, timeout).await
}

async fn send_by(outbound: &Outbound, url: &str, listed: &[&str], timeout: Duration) -> Ended {
    let kind = Kind::Smtp {
        url: SecretString::from(url.to_owned()),
        from: "Shop <desk@example.com>".to_owned(),
        operations: BTreeMap::new(),
    };
    let call = Call::Mail(mail());
    outbound.perform(&system(kind, listed), call, timeout).await
}

async fn to(server: Server) -> (Ended, Vec<String>) {
    let (stub, heard) = server.start().await;
    let url = format!("smtp://shop:s3%20cret@{}", stub.address);
    let ended = send(&url, &["127.0.0.0/8"], Duration::from_secs(1)).await;
    let heard = heard.lock().expect("nobody panicked").clone();
    assert!(!format!("{ended:?}").contains("cret"), "{ended:?}");
    (ended, heard)
}

async fn status(server: Server) -> u16 {
    let (ended, _) = to(server).await;
    ended.expect("an answer").status
}

#[tokio::test]
async fn a_mail_is_handed_over_whole() {
    let (ended, heard) = to(WILLING).await;
    assert_eq!(ended.expect("an answer").status, 200);
    let heard = heard.join("\n");
    for line in [
        // \0shop\0s3 cret
        "AUTH PLAIN AHNob3AAczMgY3JldA==",
        "MAIL FROM:<desk@example.com>",
        "RCPT TO:<ann@example.org>",
        "From: Shop <desk@example.com>",
        "To: ann@example.org",
        "Message-ID: <0123@example.com>",
        "Date: Wed, 18 Nov 2026",
        "Subject: Ihre Bestellung =?utf-8?b?",
    ] {
        assert!(heard.contains(line), "{line} is not in\n{heard}");
    }
    assert!(heard.ends_with("\n.") || heard.ends_with("QUIT"), "{heard}");
}

#[tokio::test]
async fn a_servers_no_is_certain_and_its_not_now_is_for_later() {
    let no = "550 no such person";
    assert_eq!(
        status(Server {
            sender: no,
            ..WILLING
        })
        .await,
        422
    );
    assert_eq!(
        status(Server {
            recipient: no,
            ..WILLING
        })
        .await,
        422
    );
    assert_eq!(
        status(Server {
            data: no,
            ..WILLING
        })
        .await,
        422
    );
    assert_eq!(
        status(Server {
            text: Some("554 spam"),
            ..WILLING
        })
        .await,
        422
    );
    let later = "451 try again later";
    assert_eq!(
        status(Server {
            sender: later,
            ..WILLING
        })
        .await,
        503
    );
    assert_eq!(
        status(Server {
            recipient: later,
            ..WILLING
        })
        .await,
        503
    );
    assert_eq!(
        status(Server {
            text: Some(later),
            ..WILLING
        })
        .await,
        503
    );
}

#[tokio::test]
async fn nothing_was_sent_until_the_text_was() {
    let busy = Server {
        greeting: "421 too busy",
        ..WILLING
    };
    let (ended, _) = to(busy).await;
    assert!(matches!(ended, Err(SendFault::NotSent(_))), "{ended:?}");
    let stranger = Server {
        login: "535 who are you",
        ..WILLING
    };
    let (ended, heard) = to(stranger).await;
    assert!(matches!(ended, Err(SendFault::Refused(_))), "{ended:?}");
    assert!(
        !heard.iter().any(|line| line.starts_with("MAIL")),
        "{heard:?}"
    );
    let silent = Stub::doing(|_stream| std::future::pending()).await;
    let url = format!("smtp://{}", silent.address);
    let ended = send(&url, &["127.0.0.0/8"], Duration::from_millis(300)).await;
    assert!(matches!(ended, Err(SendFault::NotSent(_))), "{ended:?}");
}

#[tokio::test]
async fn a_text_without_an_answer_leaves_it_open() {
    for text in [None, Some("")] {
        let (ended, heard) = to(Server { text, ..WILLING }).await;
        assert!(matches!(ended, Err(SendFault::Broken(_))), "{ended:?}");
        assert!(
            heard.iter().any(|line| line.starts_with("Message-ID")),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_said_plainly_but_to_a_relay_in_the_house() {
    let (stub, heard) = WILLING.start().await;
    let second = Duration::from_secs(1);
    // It offers no TLS.
    let url = format!("smtp+starttls://shop:s3cret@{}", stub.address);
    let ended = send(&url, &["127.0.0.0/8"], second).await;
    assert!(matches!(ended, Err(SendFault::NotSent(_))), "{ended:?}");
    // It speaks none.
    let url = format!("smtps://shop:s3cret@{}", stub.address);
    let ended = send(&url, &["127.0.0.0/8"], second).await;
    assert!(matches!(ended, Err(SendFault::NotSent(_))), "{ended:?}");
    let heard = heard.lock().expect("nobody panicked").join("\n");
    assert!(
        !heard.contains("AUTH") && !heard.contains("MAIL"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_mail_server_is_reached_only_where_it_may_be() {
    let (stub, _) = WILLING.start().await;
    let port = stub.address.port();
    let second = Duration::from_secs(1);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        let ended = send(&format!("smtp://{host}:{port}"), &[], second).await;
        assert!(
            matches!(ended, Err(SendFault::Refused(_))),
            "{host}: {ended:?}"
        );
    }
    for url in [
        "smtp://",
        "http://127.0.0.1",
        "mail",
        "smtp://shop@127.0.0.1",
    ] {
        let ended = send(url, &["127.0.0.0/8"], second).await;
        assert!(
            matches!(ended, Err(SendFault::Refused(_))),
            "{url}: {ended:?}"
        );
    }
    assert_eq!(stub.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_mail_server_is_looked_up_once_and_reached_there() {
    let (stub, _) = WILLING.start().await;
    let url = format!("smtp://mail.example.com:{}", stub.address.port());
    let outbound = outbound_asking(&["127.0.0.1", "127.0.0.2", "10.0.0.1"]);
    let second = Duration::from_secs(1);
    let ended = send_by(&outbound, &url, &["127.0.0.1"], second).await;
    assert_eq!(ended.expect("an answer").status, 200);
    for _ in 0..2 {
        let ended = send_by(&outbound, &url, &["127.0.0.1"], second).await;
        assert!(matches!(ended, Err(SendFault::Refused(_))), "{ended:?}");
    }
    assert_eq!(stub.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_mail_to_several_goes_out_once_to_each() {
    let (stub, heard) = WILLING.start().await;
    let mail = mail::Mail {
        to: vec!["ann@example.org".to_owned(), "bob@example.org".to_owned()],
        ..mail()
    };
    let url = SecretString::from(format!("smtp://{}", stub.address));
    let listed = [Network::parse("127.0.0.0/8").expect("a network")];
    let outbound = outbound();
    let post = (&url, "desk@example.com");
    let ended = outbound.mail(&mail, post, &listed, Duration::from_secs(1));
    assert_eq!(ended.await.expect("an answer").status, 200);
    let heard = heard.lock().expect("nobody panicked").clone();
    let to: Vec<&String> = heard
        .iter()
        .filter(|line| line.starts_with("RCPT"))
        .collect();
    assert_eq!(
        to,
        ["RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>"]
    );
    assert_eq!(heard.iter().filter(|line| *line == "DATA").count(), 1);
}
