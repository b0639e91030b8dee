//! The control plane towards one node: what we ask for ourselves, to know how it is.
//!
//! Apart from the data plane on purpose: a burst of duties must not delay a probe, and a probe must not take a warm
//! connection from a duty. Answers are bounded; redirects are not followed; the environment's proxies are ignored,
//! because a node is spoken to directly or not at all.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use rangelight_policy::chain::Moment;
use tokio::time::Instant;

use crate::config::{NodeConfig, SafeUrl};
use crate::nodes::cure;
use crate::nodes::transport::{Fault, Lack, exhausted, fixed_headers};

/// The longest answer to a question of ours; a spec has some 15 KiB.
const LONGEST: usize = 1 << 20;

/// A question of ours is answered within this time or counts as unanswered. Half of it is a lost slot's tenth.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a node answered to a question of ours.
#[derive(Clone, Debug)]
pub struct Read {
    /// The HTTP status.
    pub status: u16,
    /// The node's clock by its `Date` header, to the second.
    pub date: Option<Moment>,
    /// The body.
    pub body: Bytes,
    /// How long it took.
    pub took: Duration,
}

/// Why a question of ours has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The machine is there and nothing listens: the node's program is gone.
    #[error("cannot be reached: connection refused")]
    Refused,
    /// This machine lacks sockets, which says nothing about the node.
    #[error("{}", Fault::Ours(Lack::Sockets).reason())]
    Ours,
    /// Anything else, in a few words: its last words may still be true.
    #[error("{0}")]
    Silent(String),
}

/// One node's control plane.
#[derive(Clone)]
pub struct Control {
    client: reqwest::Client,
    url: SafeUrl,
}

impl Control {
    /// Builds the client; connects nowhere yet.
    ///
    /// # Errors
    /// If the client cannot be built from these TLS settings.
    pub fn new(node: &NodeConfig, tls: rustls::ClientConfig) -> Result<Self, reqwest::Error> {
        let mut fixed = fixed_headers(node);
        fixed.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let client = reqwest::Client::builder()
            .default_headers(fixed)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(20))
            .connect_timeout(PATIENCE)
            .pool_max_idle_per_host(2)
            .tls_backend_preconfigured(tls)
            .build()?;
        Ok(Self { client, url: node.url.clone() })
    }

    /// Asks one question.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn read(&self, path: &str) -> Result<Read, Unread> {
        let begun = Instant::now();
        let answer = async {
            let mut response =
                self.request(path).map_err(Unread::Silent)?.send().await.map_err(|error| unread(&error))?;
            let date = response.headers().get(DATE).and_then(|date| moment(date.to_str().ok()?));
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| unread(&error))? {
                if body.len() + chunk.len() > LONGEST {
                    return Err(Unread::Silent(format!("answered more than {LONGEST} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Read { status: response.status().as_u16(), date, body: body.into(), took: begun.elapsed() })
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap_or_else(|_| Err(Unread::Silent("did not answer in time".to_owned())))
    }

    /// Opens an event stream; the caller reads its chunks.
    ///
    /// # Errors
    /// Why there is no stream, in a few words.
    pub async fn open(&self, path: &str) -> Result<reqwest::Response, String> {
        let request = self.request(path)?.header(ACCEPT, "text/event-stream");
        let opened = tokio::time::timeout(PATIENCE, request.send()).await;
        opened.map_err(|_| "did not answer in time".to_owned())?.map_err(|error| words(&error))
    }

    /// The media type of the answer when this one is wished for; its body is not read.
    ///
    /// # Errors
    /// Why there is no such answer, in a few words.
    pub async fn media(&self, path: &str, wished: &'static str) -> Result<String, String> {
        let request = self.request(path)?.header(ACCEPT, wished);
        let answered = tokio::time::timeout(PATIENCE, request.send()).await;
        let response = answered.map_err(|_| "did not answer in time".to_owned())?.map_err(|error| words(&error))?;
        if response.status() != 200 {
            return Err(format!("answered {}", response.status().as_u16()));
        }
        let media = response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        Ok(media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    fn request(&self, path: &str) -> Result<reqwest::RequestBuilder, String> {
        let url = self.url.join(path).map_err(|_| "the path does not fit the node's URL".to_owned())?;
        Ok(self.client.get(url.to_string()))
    }
}

/// Sorts an error by what it says of the node.
fn unread(error: &reqwest::Error) -> Unread {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        match inner.downcast_ref::<std::io::Error>() {
            Some(io) if exhausted(io) => return Unread::Ours,
            Some(io) if error.is_connect() && io.kind() == std::io::ErrorKind::ConnectionRefused => {
                return Unread::Refused;
            }
            _ => cause = inner.source(),
        }
    }
    Unread::Silent(words(error))
}

/// The cause of an error without the URL, which repeats what everybody knows.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
        if speaks_no_tls(cause) {
            return cure::NO_TLS.to_owned();
        }
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return cure::NO_HTTP.to_owned();
        }
    }
    let kind = if error.is_connect() { "cannot be reached" } else { "broke off" };
    format!("{kind}: {}", cause.to_string().chars().take(120).collect::<String>())
}

/// Whether the answer to our TLS greeting was no TLS. rustls speaks through errors of I/O, which may wrap each other.
fn speaks_no_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    match (cause.downcast_ref::<rustls::Error>(), cause.downcast_ref::<std::io::Error>()) {
        (Some(error), _) => matches!(error, rustls::Error::InvalidMessage(_)),
        (None, Some(io)) => io.get_ref().is_some_and(|wrapped| speaks_no_tls(wrapped)),
        (None, None) => false,
    }
}

fn moment(date: &str) -> Option<Moment> {
    let since = httpdate::parse_http_date(date).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(Moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::tests::{config, request, say, server};
    use crate::nodes::tls;

    #[tokio::test]
    async fn a_scheme_that_does_not_fit_the_port_is_known() {
        // What a TLS server says to somebody who speaks HTTP: an alert.
        let tls_port = server(|mut stream| async move {
            request(&mut stream).await;
            say(&mut stream, "\u{15}\u{3}\u{1}\0\u{2}\u{2}F").await;
        })
        .await;
        let plain_port = server(|mut stream| async move {
            let mut greeting = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut greeting).await;
            say(&mut stream, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        })
        .await;
        let mut https = config(plain_port);
        https.url = SafeUrl::parse(&format!("https://{plain_port}")).expect("a URL").0;
        for (name, config, wanted) in
            [("http to a TLS port", config(tls_port), cure::NO_HTTP), ("https to a plain port", https, cure::NO_TLS)]
        {
            let tls = tls::client_config(&config).expect("nothing to read");
            let read = Control::new(&config, tls).expect("a client").read("/eth/v1/node/syncing").await;
            assert_eq!(read.err(), Some(Unread::Silent(wanted.to_owned())), "{name}");
        }
    }

    #[tokio::test]
    async fn only_a_refused_connection_says_that_the_node_is_gone() {
        let ending = server(|mut stream| async move { drop(request(&mut stream).await) }).await;
        let answering = server(|mut stream| async move {
            request(&mut stream).await;
            say(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        })
        .await;
        let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let mut unknown = config(gone);
        unknown.url = SafeUrl::parse("http://node.invalid").expect("a URL").0;
        for (name, config, refused) in [
            ("nothing listens", config(gone), Some(true)),
            ("a name that does not resolve", unknown, Some(false)),
            ("it closes the connection", config(ending), Some(false)),
            ("it answers", config(answering), None),
        ] {
            let read = Control::new(&config, tls::none()).expect("a client").read("/eth/v1/node/syncing").await;
            assert_eq!(read.as_ref().err().map(|it| *it == Unread::Refused), refused, "{name}: {read:?}");
        }
    }
}
