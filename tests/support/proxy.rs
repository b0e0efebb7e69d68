//! A TCP proxy that can cut, freeze, and lose exactly one answer.
//!
//! Stands between the daemon and a broker or database. A *trap* waits for bytes
//! in one direction and then loses what proves the deed: with [`Loss::Answer`]
//! the bytes go through and the connection ends before the reply comes back
//! (`COMMIT` was done, nobody knows); with [`Loss::Bytes`] they themselves are
//! lost (the broker stored a publish, its confirm never arrives).

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use super::place::eventually;

/// From whom bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The daemon.
    Client,
    /// The broker or the database.
    Server,
}

/// What a trap loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The bytes waited for.
    Bytes,
    /// The reply to them.
    Answer,
}

/// The method frame of `basic.ack`: from a server it can only be a publisher's confirm.
pub(crate) const CONFIRM: &[u8] = &[0, 0, 0, 13, 0, 60, 0, 80];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    Frozen,
    Cut,
}

#[derive(Debug)]
struct Trap {
    side: Side,
    needle: Vec<u8>,
    loss: Loss,
    left: usize,
}

#[derive(Debug)]
struct State {
    target: String,
    mode: watch::Sender<Mode>,
    // Rises to end every connection that was made before.
    generation: watch::Sender<u64>,
    trap: Mutex<Option<Trap>>,
}

/// A proxy in front of one address; ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    pub(crate) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            target: target.to_owned(),
            mode: watch::Sender::new(Mode::Open),
            generation: watch::Sender::new(0),
            trap: Mutex::new(None),
        });
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            acceptor,
        }
    }

    /// Gives the URL with the proxy's address in the place of its host and port.
    pub(crate) fn in_front_of(&self, url: &str) -> String {
        url.replace(&self.state.target, &self.address.to_string())
    }

    /// Ends every connection and refuses new ones.
    pub(crate) fn cut(&self) {
        self.state.mode.send_replace(Mode::Cut);
        self.cut_once();
    }

    /// Ends every connection; new ones are welcome.
    pub(crate) fn cut_once(&self) {
        self.state.generation.send_modify(|number| *number += 1);
    }

    /// Passes nothing on, and lets nobody know.
    pub(crate) fn freeze(&self) {
        self.state.mode.send_replace(Mode::Frozen);
    }

    /// Passes everything on again.
    pub(crate) fn restore(&self) {
        self.state.mode.send_replace(Mode::Open);
    }

    /// Sets a trap for the next `times` occurrences of `needle`.
    pub(crate) fn trap(&self, side: Side, needle: &[u8], loss: Loss, times: usize) {
        *self.state.trap.lock().expect("unpoisoned") = Some(Trap {
            side,
            needle: needle.to_ascii_uppercase(),
            loss,
            left: times,
        });
    }

    /// Waits until the trap has sprung as often as it was to.
    pub(crate) async fn sprung(&self) {
        eventually("the proxy's trap springs", async || {
            let trap = self.state.trap.lock().expect("unpoisoned");
            trap.is_none().then_some(())
        })
        .await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.acceptor.abort();
        self.cut_once();
    }
}

impl State {
    // Tells what to lose if these bytes spring the trap.
    fn springs(&self, side: Side, bytes: &[u8]) -> Option<Loss> {
        let mut slot = self.trap.lock().expect("unpoisoned");
        let trap = slot.as_mut().filter(|trap| trap.side == side)?;
        bytes
            .to_ascii_uppercase()
            .windows(trap.needle.len())
            .find(|window| *window == trap.needle)?;
        let loss = trap.loss;
        trap.left -= 1;
        if trap.left == 0 {
            *slot = None;
        }
        Some(loss)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.mode.borrow() != Mode::Cut {
            tokio::spawn(serve(client, Arc::clone(&state)));
        }
    }
}

async fn serve(client: TcpStream, state: Arc<State>) {
    let mut ended = state.generation.subscribe();
    ended.mark_unchanged();
    let Ok(server) = TcpStream::connect(&state.target).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Bytes are asked for in both directions; whichever ends first ends both.
    let mute = watch::Sender::new(false);
    tokio::select! {
        () = pump(from_client, to_server, Side::Client, &state, &mute) => {}
        () = pump(from_server, to_client, Side::Server, &state, &mute) => {}
        _ = ended.changed() => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    side: Side,
    state: &State,
    mute: &watch::Sender<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut mode = state.mode.subscribe();
    while let Ok(count) = from.read(&mut buffer).await {
        // After `Loss::Answer` the first byte of the reply proves that the deed is done.
        if count == 0 || (side == Side::Server && *mute.borrow()) {
            return;
        }
        if mode.wait_for(|mode| *mode != Mode::Frozen).await.is_err() {
            return;
        }
        // One deed is lost once, however many reads it takes.
        let is_over = *mute.borrow();
        let loss = (!is_over).then(|| state.springs(side, &buffer[..count]));
        match loss.flatten() {
            Some(Loss::Bytes) => return,
            Some(Loss::Answer) => {
                mute.send_replace(true);
            }
            None => {}
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
