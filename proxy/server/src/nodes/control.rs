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
use crate::nodes::transport::fixed_headers;

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
    /// Why there is no answer, in a few words.
    pub async fn read(&self, path: &str) -> Result<Read, String> {
        let begun = Instant::now();
        let answer = async {
            let mut response = self.request(path)?.send().await.map_err(|error| words(&error))?;
            let date = response.headers().get(DATE).and_then(|date| moment(date.to_str().ok()?));
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
                if body.len() + chunk.len() > LONGEST {
                    return Err(format!("answered more than {LONGEST} bytes"));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Read { status: response.status().as_u16(), date, body: body.into(), took: begun.elapsed() })
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err("did not answer in time".to_owned()))
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

/// The cause of an error without the URL, which repeats what everybody knows.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "did not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let kind = if error.is_connect() { "cannot be reached" } else { "broke off" };
    format!("{kind}: {}", cause.to_string().chars().take(120).collect::<String>())
}

fn moment(date: &str) -> Option<Moment> {
    let since = httpdate::parse_http_date(date).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(Moment)
}
