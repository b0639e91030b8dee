//! The bare proxy: a hyper server and hyper-util's pooled client, and not one decision between them.
//!
//! What any proxy in this language on these libraries must cost. The runtime is the one that Rangelight uses.

use std::net::SocketAddr;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::Outcome;

/// Passes every request on to one node.
#[derive(Clone, Debug)]
pub struct Bare {
    client: Client<HttpConnector, Incoming>,
    authority: Authority,
}

impl Bare {
    /// Towards this node.
    ///
    /// # Errors
    ///
    /// Never for a socket address; the type does not know.
    pub fn new(node: SocketAddr) -> Outcome<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        let client = builder.pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, authority: node.to_string().parse()? })
    }

    /// Passes one request on.
    ///
    /// # Errors
    ///
    /// When the node gives no answer.
    pub async fn pass(&self, request: Request<Incoming>) -> Outcome<Response<Incoming>> {
        let (mut head, body) = request.into_parts();
        let mut uri = head.uri.into_parts();
        (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(self.authority.clone()));
        head.uri = Uri::from_parts(uri)?;
        Ok(self.client.request(Request::from_parts(head, body)).await?)
    }

    /// Serves for ever.
    ///
    /// # Errors
    ///
    /// When no connection can be taken any more.
    pub async fn serve(self, listener: TcpListener) -> Outcome<()> {
        let bare = Arc::new(self);
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let bare = Arc::clone(&bare);
            let service = service_fn(move |request| {
                let bare = Arc::clone(&bare);
                async move { bare.pass(request).await }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    }
}
