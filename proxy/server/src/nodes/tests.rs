//! What the tests of this folder share: a node without watchers, a desk whose signals can be read, a scripted server.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::budget::Budget;
use crate::config::{SafeUrl, TlsConfig};
use crate::nodes::exchange::Desk;
use crate::observe::Meters;
use rangelight_policy::node::{Participation, Trust};

/// A node at this address, as an own one is typed.
pub(crate) fn config(address: SocketAddr) -> NodeConfig {
    let (url, authorization) = SafeUrl::parse(&format!("http://{address}")).expect("a URL");
    NodeConfig {
        name: "attic".into(),
        url,
        trust: Trust::Own,
        participation: Participation::Full,
        consensus: None,
        execution: None,
        operator: None,
        authorization,
        headers: Vec::new(),
        tls: TlsConfig::default(),
    }
}

/// A node that nobody watches.
pub(crate) fn node(address: SocketAddr) -> Arc<Node> {
    let config = config(address);
    let nobody = || tokio::spawn(async {}).abort_handle();
    Arc::new(Node {
        transport: Transport::new(&config, tls::none()),
        control: Control::new(&config, tls::none()).expect("a client"),
        config,
        soon: Arc::default(),
        watchers: Arc::new(Watchers([nobody(), nobody()])),
    })
}

/// A desk, and what the keeper would be told from it.
pub(crate) fn desk(budget: Budget) -> (Desk, mpsc::Receiver<Told>) {
    let (tell, told) = mpsc::channel(QUEUE);
    let nodes = Nodes {
        picture: watch::Sender::new(Arc::new(Picture::default())).subscribe(),
        network: watch::Sender::new(None).subscribe(),
        versions: watch::Sender::new(Arc::default()).subscribe(),
        fleet: Arc::default(),
        answered: Answered::default(),
        offset: Arc::default(),
        tell,
    };
    (Desk { nodes, budget: Arc::new(budget), meters: Arc::new(Meters::new()) }, told)
}

/// Serves each connection by `serve` on a port of its own.
pub(crate) async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads one request without a body to its end; its head, or `None` at the end of the connection.
pub(crate) async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut piece = [0; 1_024];
    while !read.ends_with(b"\r\n\r\n") {
        let bytes = stream.read(&mut piece).await.ok().filter(|bytes| *bytes > 0)?;
        read.extend_from_slice(&piece[..bytes]);
    }
    Some(String::from_utf8_lossy(&read).into_owned())
}

/// Answers as it stands.
pub(crate) async fn say(stream: &mut TcpStream, answer: &str) {
    let _ = stream.write_all(answer.as_bytes()).await;
}
