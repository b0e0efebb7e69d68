//! A mail relay in the house: takes every mail, and keeps what it was told.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A mail that came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Whom it is for.
    pub(crate) to: Vec<String>,
    /// Headers and text, lines ending with `\n`.
    pub(crate) text: String,
}

/// The relay; it ends with the test.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    /// Where it is, as a configuration names it.
    pub(crate) url: String,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl Relay {
    /// Starts a relay on a free port of the loopback.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let relay = Self {
            url: format!("smtp://{address}"),
            letters: Arc::default(),
        };
        let (letters, listening) = (Arc::clone(&relay.letters), listener);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listening.accept().await {
                let letters = Arc::clone(&letters);
                tokio::spawn(async move { serve(stream, &letters).await });
            }
        });
        relay
    }

    /// Gives every mail so far, in order.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, letters: &Mutex<Vec<Letter>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 relay").await?;
    let mut letter = Letter::default();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let said = line.trim_end();
        match said.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                say(&mut stream, "250-8BITMIME").await?;
                say(&mut stream, "250 SMTPUTF8").await?;
            }
            "RCPT" => {
                let address = said.split(['<', '>']).nth(1).unwrap_or_default();
                letter.to.push(address.to_owned());
                say(&mut stream, "250 ok").await?;
            }
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                loop {
                    line.clear();
                    stream.read_line(&mut line).await?;
                    if line == ".\r\n" {
                        break;
                    }
                    letter.text.push_str(line.trim_end());
                    letter.text.push('\n');
                }
                letters.lock().unwrap().push(std::mem::take(&mut letter));
                say(&mut stream, "250 queued").await?;
            }
            "QUIT" => return say(&mut stream, "221 bye").await,
            _ => say(&mut stream, "250 ok").await?,
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    let line = format!("{text}\r\n");
    stream.get_mut().write_all(line.as_bytes()).await
}
