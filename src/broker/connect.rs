//! One connection: opened within a time, closed within a time, never left behind.
//!
//! Lapin's io thread blocks for as long as the other side stays silent, and does
//! not heed `connection_timeout`. So the socket is opened here and a second handle
//! of it is kept: shutting that down ends the thread, whatever it waits for. That
//! happens when a `Line` is dropped, or the attempt to open one.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, Once, PoisonError},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties, runtime,
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};

use super::{
    address::Address,
    fault::{self, Fault},
};

/// How long the broker may take to let us in. RabbitMQ delays a refusal by a second or so.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a close may take before the socket is shut down.
const CLOSE: Duration = Duration::from_secs(3);

/// An open connection.
pub(super) struct Line {
    /// Lapin's connection.
    pub(super) connection: Connection,
    socket: ShutOnDrop,
}

impl Line {
    /// Connects as `provost NAME`.
    ///
    /// *Errors*: why not, in the operator's words.
    pub(super) async fn open(address: &Address, name: &str) -> Result<Self, Fault> {
        provide_tls();
        let socket = ShutOnDrop::default();
        let connecting = connect(address, name, &socket.0);
        match tokio::time::timeout(address.timeout + HANDSHAKE, connecting).await {
            Ok(Ok(connection)) => Ok(Self { connection, socket }),
            Ok(Err(error)) => {
                let fault = fault::read(&error);
                Err(Fault::new(fault.code, format!("{address}: {}", fault.text)))
            }
            Err(_) => Err(Fault::new(
                fault::SILENT,
                format!("{address}: the broker took the connection and then said nothing"),
            )),
        }
    }

    /// Closes politely; past a time, not politely.
    pub(super) async fn close(&self) {
        let status = self.connection.status();
        if status.connected() && !status.blocked() {
            let closing = self.connection.close(200, "bye".into());
            let _ = tokio::time::timeout(CLOSE, closing).await;
        }
        self.socket.0.shut();
    }
}

async fn connect(address: &Address, name: &str, socket: &Socket) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default()
        .with_connection_name(name.into())
        .with_client_property("product".into(), "Provost".into())
        .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
    let limit = address.timeout;
    let keep = socket.0.clone();
    let opened = Connection::connector(
        address.uri.clone(),
        runtime::default_runtime()?,
        async move |uri: AMQPUri, runtime| {
            let (host, port) = (uri.authority.host.clone(), uri.authority.port);
            let connecting = async {
                let found = runtime.to_socket_addrs((host.clone(), port));
                let stream = AsyncTcpStream::connect(&runtime, found).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    Socket(keep.clone()).hold(plain.get_ref())?;
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        let tls = OwnedTLSConfig::default();
                        stream.into_tls(&host, tls.as_ref()).await
                    }
                }
            };
            let timed = tokio::time::timeout(limit, connecting).await;
            Ok(timed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?)
        },
        properties,
    );
    opened.await
}

/// A second handle of a connection's socket.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    stream: Option<TcpStream>,
    is_shut: bool,
}

impl Socket {
    fn hold(&self, stream: &impl AsFd) -> io::Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_shut {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        held.stream = Some(TcpStream::from(stream.as_fd().try_clone_to_owned()?));
        Ok(())
    }

    fn shut(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_shut = true;
        if let Some(stream) = held.stream.take() {
            // One that is shut already has nothing to end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Shuts the socket when it goes, also out of the middle of an attempt.
#[derive(Default)]
struct ShutOnDrop(Socket);

impl Drop for ShutOnDrop {
    fn drop(&mut self) {
        self.0.shut();
    }
}

/// Installs the one TLS provider, unless somebody has.
fn provide_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The only error is that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
