//! Listeners: sockets, HTTP/1.1 and HTTP/2 in clear text on one port, and the end of it all.
//!
//! A connection is one task. hyper tells the two protocols apart by their first bytes (prior knowledge; there is no
//! upgrade), [`wire`] adds the time limits and refusals that hyper lacks, and a [`Front`] answers.
//!
//! Bounds: at [`Limits::connections`] a listener stops accepting, so that new connections wait in the kernel's queue
//! until one ends; the log says so. An error of `accept` (no file descriptors left) is logged and waited out, since
//! those that are connected can still be served. HTTP/2's own floods (resets, settings, pings) meet the library's bounds
//! and end the connection.
//!
//! A drain, in this order: nothing new is accepted; event streams end, because they would never end by themselves;
//! idle connections close; what is in flight is answered, with `Connection: close`; what is left after
//! [`Limits::drain`] is cut and counted. A caller that finds its connection gone connects anew, to the next instance.

mod socket;
mod wire;

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, error, info, warn};

use crate::config::ListenAddress;
use crate::connection::{Activity, Connection, Front, Remote};
use crate::limits::{KIB, LONGEST_TARGET, Limits};
use socket::{Caught, Socket};
use wire::Wire;

/// Room beside target and headers in what hyper counts as a head: method, version, line ends.
const REQUEST_LINE_REST: usize = KIB;

/// Accept failed for want of something that time brings back (file descriptors, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// HTTP/2 only: a connection that is in use but silent is asked whether it lives; one that does not answer is ended.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// One listener to be started.
pub struct Listener {
    /// Where.
    pub address: ListenAddress,
    /// What answers there.
    pub front: Arc<dyn Front>,
}

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; {}", cure(.address, .source))]
pub struct Unbound {
    /// The address.
    pub address: ListenAddress,
    /// Why.
    pub source: io::Error,
}

/// What to do about an address that cannot be bound.
fn cure(address: &ListenAddress, cause: &io::Error) -> String {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, AlreadyExists, NotFound, PermissionDenied};

    let set = "set another address for this listener";
    match (address, cause.kind()) {
        (ListenAddress::Tcp(address), AddrInUse) => {
            let port = address.port();
            format!("another program has port {port} (`ss -ltnp 'sport = :{port}'` names it): stop it, or {set}")
        }
        (ListenAddress::Tcp(address), AddrNotAvailable) => {
            format!("this machine does not have the address {} (`ip address` lists its own): {set}", address.ip())
        }
        (ListenAddress::Tcp(address), PermissionDenied) if address.port() < 1_024 => {
            "ports below 1024 belong to root: choose a higher one".to_owned()
        }
        (ListenAddress::Unix(path), NotFound) => {
            format!("make the directory {}, or {set}", path.parent().unwrap_or(Path::new("/")).display())
        }
        (ListenAddress::Unix(path), PermissionDenied) => {
            let folder = path.parent().unwrap_or(Path::new("/")).display();
            format!("this user may not write to {folder}: allow it, or {set}")
        }
        (ListenAddress::Unix(_), AddrInUse) => format!("stop it, or {set}"),
        (ListenAddress::Unix(_), AlreadyExists) => format!("remove it if it is not needed, or {set}"),
        _ => set.to_owned(),
    }
}

/// Listeners that listen.
pub struct Bound {
    addresses: Vec<ListenAddress>,
    listeners: Vec<JoinHandle<usize>>,
    draining: watch::Sender<bool>,
}

/// What every connection of a listener needs.
#[derive(Clone)]
struct Shared {
    front: Arc<dyn Front>,
    limits: Arc<Limits>,
    builder: Arc<Builder<TokioExecutor>>,
    draining: watch::Receiver<bool>,
}

/// Binds all addresses and starts to serve them.
///
/// `draining` becomes true when the drain begins. Whoever makes replies that never end by themselves (the event
/// stream) must watch it.
///
/// # Errors
///
/// Every address that cannot be bound; then none is.
pub fn start(listeners: Vec<Listener>, limits: &Limits, draining: watch::Sender<bool>) -> Result<Bound, Vec<Unbound>> {
    let mut bound = Vec::new();
    let mut unbound = Vec::new();
    for Listener { address, front } in listeners {
        match Socket::bind(&address) {
            Ok(socket) => bound.push((socket, front)),
            Err(source) => unbound.push(Unbound { address, source }),
        }
    }
    if !unbound.is_empty() {
        return Err(unbound);
    }
    let limits = Arc::new(limits.clone());
    let builder = Arc::new(builder(&limits));
    let addresses: Vec<_> = bound.iter().map(|(socket, _)| socket.address().clone()).collect();
    let listeners = bound
        .into_iter()
        .map(|(socket, front)| {
            let (limits, builder) = (Arc::clone(&limits), Arc::clone(&builder));
            let shared = Shared { front, limits, builder, draining: draining.subscribe() };
            tokio::spawn(listen(socket, shared))
        })
        .collect();
    for address in &addresses {
        info!(%address, "listening");
    }
    Ok(Bound { addresses, listeners, draining })
}

// === impl Bound ===

impl Bound {
    /// Where it listens, in the order given; a port 0 is now the port that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Stops accepting, ends event streams, answers what is in flight. The number of connections that had to be cut
    /// because they did not end in time.
    pub async fn drain(self) -> usize {
        self.draining.send_replace(true);
        let mut cut = 0;
        for listener in self.listeners {
            match listener.await {
                Ok(left) => cut += left,
                Err(failure) => error!(%failure, "a listener ended by a bug"),
            }
        }
        if cut > 0 {
            warn!(connections = cut, "drained, but some connections did not end in time and were cut");
        } else {
            info!("drained");
        }
        cut
    }
}

// === one listener ===

/// Accepts until the drain, then waits for the connections. The number of those that had to be cut.
async fn listen(socket: Socket, shared: Shared) -> usize {
    let mut draining = shared.draining.clone();
    let places = Arc::new(Semaphore::new(shared.limits.connections));
    let mut connections = JoinSet::new();
    let mut told = false;
    loop {
        match places.available_permits() {
            0 if !told => {
                warn!(address = %socket.address(), "all places for connections are taken; new ones wait");
                told = true;
            }
            // Only once there is room again, so that a coming and going at the bound does not fill the log.
            free if free > shared.limits.connections / 8 => told = false,
            _ => {}
        }
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("the places are never closed");
            (place, socket.accept().await)
        };
        tokio::select! {
            biased;
            () = begun(&mut draining) => break,
            Some(ended) = connections.join_next() => log_end(ended),
            (place, accepted) = next => match accepted {
                Ok((caught, remote)) => {
                    let shared = shared.clone();
                    connections.spawn(async move {
                        let _place = place;
                        match caught {
                            Caught::Tcp(stream) => serve(stream, remote, shared).await,
                            Caught::Unix(stream) => serve(stream, remote, shared).await,
                        }
                    });
                }
                // The caller gave up before we came to him.
                Err(failure) if failure.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(failure) => {
                    warn!(address = %socket.address(), %failure, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(socket);
    let until = Instant::now() + shared.limits.drain;
    while let Ok(Some(ended)) = timeout_at(until, connections.join_next()).await {
        log_end(ended);
    }
    connections.len()
}

/// The drain has begun, or whoever could begin it is gone.
async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

fn log_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(%failure, "a connection ended by a bug; the others go on");
    }
}

// === one connection ===

/// Serves one connection to its end.
async fn serve<S>(stream: S, remote: Remote, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Shared { front, limits, builder, mut draining } = shared;
    let activity = Arc::new(Activity::default());
    let wire = Wire::new(stream, Arc::clone(&activity), limits);
    let connection = Arc::new(Connection { remote, activity });
    let service = service_fn(|request: Request<Incoming>| {
        // Noted here and not in the future: hyper calls this in the same turn in which it has read the head.
        let in_flight = connection.activity.begin();
        let serving = Arc::clone(&front).serve(request, Arc::clone(&connection), in_flight);
        async move { Ok::<_, Infallible>(serving.await) }
    });
    let mut running = pin!(builder.serve_connection(TokioIo::new(wire), service));
    let ended = tokio::select! {
        biased;
        ended = running.as_mut() => ended,
        () = begun(&mut draining) => {
            running.as_mut().graceful_shutdown();
            running.await
        }
    };
    if let Err(failure) = ended {
        // Callers that hang up or send garbage are everyday life; each got its refusal where one could be sent.
        debug!(?remote, ?failure, "a connection ended early");
    }
}

/// Both protocols with our bounds.
fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let head = LONGEST_TARGET + limits.headers + REQUEST_LINE_REST;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The wire's own patience tells an idle connection from a slow head; hyper's does not.
        .header_read_timeout(None)
        // A head that is still not whole when the buffer is full is refused. It is also the size of the largest piece of
        // a body that is read or written at once.
        .max_buf_size(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE);
    builder
}

#[cfg(test)]
mod tests;
