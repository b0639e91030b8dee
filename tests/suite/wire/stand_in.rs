//! A node whose bytes the test chooses: it stands before a simulated node and lets everything through but what it was
//! told to answer itself.
//!
//! So the node behind makes it ready, and the scripted paths make it strange: raw bytes that no HTTP library would
//! write, bodies of any size, a reset at a chosen moment, TLS with a chosen certificate. It takes one request from each
//! connection and lets the connection end with its answer, so that every request can be looked at. It keeps the heads of
//! all requests and the bodies of scripted ones.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// As large as the largest answers and publications that there are.
pub(crate) const LARGE: usize = 50 << 20;

/// Read at once; much less would be most of a test's time.
const PIECE: usize = 256 << 10;

/// The longest head that is read; tests send nothing near it.
const LONGEST_HEAD: usize = 256 << 10;

/// One request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The request line: method, target, version.
    pub(crate) line: String,
    /// The header lines in their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body of a scripted request.
    pub(crate) body: Vec<u8>,
}

/// What is done with a scripted request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// These bytes are the answer, head and all; then the connection ends.
    Say(Vec<u8>),
    /// As [`Act::Say`], so much later.
    Late(Duration, Vec<u8>),
    /// A head, then as many bytes of [`pattern`] or blanks after it, then the end.
    Stream(String, usize),
    /// The request is read, then the connection is reset.
    Reset,
    /// These bytes, then nothing more while the caller waits.
    Hang(Vec<u8>),
}

type Script = Box<dyn Fn(&str) -> Option<Act> + Send + Sync>;

/// A running stand-in; ends when it is dropped.
pub(crate) struct StandIn {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    scripted: Arc<Mutex<Vec<Heard>>>,
    told: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

struct Stage {
    behind: SocketAddr,
    script: Script,
    tls: Option<TlsAcceptor>,
    heard: Arc<Mutex<Vec<Heard>>>,
    scripted: Arc<Mutex<Vec<Heard>>>,
    told: Arc<AtomicUsize>,
}

impl StandIn {
    /// Starts before the node at `behind`; `script` is asked with the request line what to do with each request.
    pub(crate) async fn start(
        behind: SocketAddr,
        tls: Option<TlsAcceptor>,
        script: impl Fn(&str) -> Option<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (heard, scripted, told) = (Arc::default(), Arc::default(), Arc::default());
        let stage = Stage {
            behind,
            script: Box::new(script),
            tls,
            heard: Arc::clone(&heard),
            scripted: Arc::clone(&scripted),
            told: Arc::clone(&told),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(stage)));
        Self { address, heard, scripted, told, _tasks: tasks }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of streamed answers that the other side has taken.
    pub(crate) fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }

    /// The scripted requests so far, with their bodies.
    pub(crate) fn scripted(&self) -> Vec<Heard> {
        self.scripted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Heard {
    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// [`LARGE`] bytes in which every missing, doubled or changed piece shows: a count.
pub(crate) fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| (0..LARGE as u64 / 8).flat_map(u64::to_be_bytes).collect())
}

async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let stage = Arc::clone(&stage);
        connections.spawn(async move {
            // A connection that breaks is what many of these tests are about.
            let _ = match &stage.tls {
                Some(tls) => match tls.accept(stream).into_fallible().await {
                    Ok(stream) => serve(stream, &stage).await,
                    Err((_, stream)) => linger(stream).await,
                },
                None => serve(stream, &stage).await,
            };
        });
        while connections.try_join_next().is_some() {}
    }
}

/// What a stage does to a connection that an ordinary stream cannot.
trait Cut {
    fn cut(&self);
}

impl Cut for TcpStream {
    fn cut(&self) {
        self.set_zero_linger().expect("a connected socket can be told how to end");
    }
}

impl Cut for tokio_rustls::server::TlsStream<TcpStream> {
    fn cut(&self) {
        self.get_ref().0.cut();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Cut + Unpin>(mut stream: S, stage: &Stage) -> io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > LONGEST_HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let mut heard = head(&bytes[..end]);
    stage.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard.clone());
    let Some(act) = (stage.script)(&heard.line) else {
        return pass(stream, stage.behind, &heard, &bytes[end..]).await;
    };
    read_body(&mut stream, &mut heard, bytes.split_off(end)).await?;
    stage.scripted.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    match act {
        Act::Say(answer) => stream.write_all(&answer).await?,
        Act::Late(after, answer) => {
            tokio::time::sleep(after).await;
            stream.write_all(&answer).await?;
        }
        Act::Stream(head, length) => {
            stream.write_all(head.as_bytes()).await?;
            let mut left = length;
            for piece in pattern().chunks(PIECE).chain(std::iter::repeat(&[b' '; PIECE][..])) {
                let piece = &piece[..piece.len().min(left)];
                stream.write_all(piece).await?;
                stage.told.fetch_add(piece.len(), Ordering::Relaxed);
                left -= piece.len();
                if left == 0 {
                    break;
                }
            }
        }
        Act::Reset => {
            stream.cut();
            return Ok(());
        }
        Act::Hang(answer) => {
            stream.write_all(&answer).await?;
            stream.flush().await?;
            // Until the other side gives up.
            while stream.read_buf(&mut bytes).await? > 0 {}
        }
    }
    stream.shutdown().await
}

/// Reads on after a failed handshake, so that the alert is not lost in a reset.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut scrap = Vec::new();
    stream.read_to_end(&mut scrap).await.map(|_| ())
}

fn head(bytes: &[u8]) -> Heard {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines = text.trim_end().split("\r\n").map(str::to_owned);
    let line = lines.next().unwrap_or_default();
    let split = |line: String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    };
    Heard { line, headers: lines.filter_map(split).collect(), ..Heard::default() }
}

/// Reads a body by its length or in chunks.
async fn read_body<S: AsyncRead + Unpin>(stream: &mut S, heard: &mut Heard, begun: Vec<u8>) -> io::Result<()> {
    let chunked = heard.values("transfer-encoding").contains(&"chunked");
    let length = heard.values("content-length").first().and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut source = Source { stream, waiting: begun };
    if !chunked {
        return source.take(length, &mut heard.body).await;
    }
    loop {
        let size = source.line().await?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
        let size = size.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        source.take(size, &mut heard.body).await?;
        source.line().await?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// A stream with what was read of it too early.
struct Source<'a, S> {
    stream: &'a mut S,
    waiting: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Source<'_, S> {
    async fn more(&mut self) -> io::Result<()> {
        self.waiting.reserve(PIECE);
        if self.stream.read_buf(&mut self.waiting).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn take(&mut self, mut length: usize, into: &mut Vec<u8>) -> io::Result<()> {
        while length > 0 {
            if self.waiting.is_empty() {
                self.more().await?;
            }
            let rest = self.waiting.split_off(length.min(self.waiting.len()));
            length -= self.waiting.len();
            into.append(&mut self.waiting);
            self.waiting = rest;
        }
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.waiting.windows(2).position(|two| two == b"\r\n") {
                let rest = self.waiting.split_off(end + 2);
                let line = std::mem::replace(&mut self.waiting, rest);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more().await?;
        }
    }
}

/// Lets a request through, and its answer back; the node behind is told that the connection ends with it.
async fn pass<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    behind: SocketAddr,
    heard: &Heard,
    begun: &[u8],
) -> io::Result<()> {
    let mut node = TcpStream::connect(behind).await?;
    let mut head = format!("{}\r\n", heard.line);
    for (name, value) in heard.headers.iter().filter(|(name, _)| name != "connection") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("connection: close\r\n\r\n");
    node.write_all(head.as_bytes()).await?;
    node.write_all(begun).await?;
    copy_bidirectional(&mut stream, &mut node).await.map(|_| ())
}
