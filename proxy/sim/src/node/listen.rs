//! The socket of a node: its door, its connections, and what faults do to them.
//!
//! While a node refuses connections its port must stay its own, or another program would answer in its place. So the
//! door is then a socket that is bound and does not listen: connecting to it is refused, and nobody else can bind it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Node, serve};

/// Connections a node holds at most; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;
/// Connections waiting to be accepted.
const BACKLOG: u32 = 1024;
/// How long a node whose port was taken in the moment between two sockets waits before it tries again.
const REBIND_PAUSE: Duration = Duration::from_millis(5);

/// The socket of a node.
pub(crate) enum Door {
    /// It accepts.
    Listens(TcpListener),
    /// It is bound, and refuses.
    Bound(TcpSocket, SocketAddr),
}

/// What a connection's requests share with the connection.
#[derive(Default)]
pub(crate) struct Link {
    /// Cuts the connection, without an answer.
    pub(crate) cut: Notify,
    /// Whether cutting it resets it instead of ending it.
    pub(crate) reset: AtomicBool,
    /// Requests served so far.
    pub(crate) served: AtomicU64,
    /// Requests and streams that run.
    pub(crate) running: AtomicU64,
}

impl Door {
    /// Binds and listens.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = Self::bind(address)?;
        Ok(Self::Listens(socket.listen(BACKLOG)?))
    }

    fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Listens(listener) => listener.local_addr().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))),
            Self::Bound(_, address) => *address,
        }
    }
}

/// Keeps the door as the node's faults want it, for as long as the node runs.
pub(crate) async fn keep(node: Arc<Node>, mut door: Door) {
    let address = door.address();
    let mut faults = node.faults.subscribe();
    let mut connections = JoinSet::new();
    loop {
        let refuses = faults.borrow_and_update().iter().any(|active| active.fault.refuses());
        door = match door {
            Door::Listens(listener) if refuses => {
                drop(listener);
                connections.abort_all();
                Door::Bound(bind_again(address).await, address)
            }
            Door::Bound(socket, _) if !refuses => match socket.listen(BACKLOG) {
                Ok(listener) => Door::Listens(listener),
                Err(_) => Door::Bound(bind_again(address).await, address),
            },
            unchanged => unchanged,
        };
        tokio::select! {
            changed = faults.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            stream = accept(&door), if connections.len() < MAX_CONNECTIONS => {
                if let Ok(stream) = stream {
                    connections.spawn(connection(Arc::clone(&node), stream));
                }
            }
        }
    }
}

async fn bind_again(address: SocketAddr) -> TcpSocket {
    loop {
        if let Ok(socket) = Door::bind(address) {
            return socket;
        }
        tokio::time::sleep(REBIND_PAUSE).await;
    }
}

async fn accept(door: &Door) -> io::Result<TcpStream> {
    match door {
        Door::Listens(listener) => listener.accept().await.map(|(stream, _)| stream),
        Door::Bound(..) => std::future::pending().await,
    }
}

async fn connection(node: Arc<Node>, stream: TcpStream) {
    _ = stream.set_nodelay(true);
    let link = Arc::new(Link::default());
    let idle = node.manner.idle;
    let wire = TokioIo::new(Wire { stream, link: Arc::clone(&link) });
    let service = {
        let link = Arc::clone(&link);
        service_fn(move |request| serve::serve(Arc::clone(&node), Arc::clone(&link), request))
    };
    let serving = http1::Builder::new().timer(TokioTimer::new()).serve_connection(wire, service);
    tokio::pin!(serving);
    let mut seen = (0, tokio::time::Instant::now());
    loop {
        tokio::select! {
            _ = serving.as_mut() => return,
            () = link.cut.notified() => return,
            () = tokio::time::sleep_until(seen.1 + idle) => {
                let served = link.served.load(Ordering::Relaxed);
                if link.running.load(Ordering::Relaxed) > 0 || served != seen.0 {
                    seen = (served, tokio::time::Instant::now());
                } else {
                    serving.as_mut().graceful_shutdown();
                    seen.1 += idle;
                }
            }
        }
    }
}

/// The stream of a connection; resets instead of closing when its link says so.
struct Wire {
    stream: TcpStream,
    link: Arc<Link>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.link.reset.load(Ordering::Relaxed) {
            _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
