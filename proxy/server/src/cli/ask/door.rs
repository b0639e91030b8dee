//! The door to a running Rangelight: its admin listener, found through the configuration.
//!
//! Spoken to directly, over TCP or a unix socket; the environment's proxies are ignored. A listener on every interface
//! is reached over loopback. Answers are bounded by [`LONGEST`] bytes and [`PATIENCE`]. Every failure ends in a cure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::{AdminConfig, ListenAddress, Secret};
use crate::nodes::tls;

/// The longest answer that is read; the status of 64 nodes has some 50 KiB.
const LONGEST: usize = 8 << 20;

/// The admin listener answers from memory, so longer means that something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to one admin listener.
pub(super) struct Door {
    plain: reqwest::Client,
    base: String,
    token: Option<Secret>,
    /// The address as configured, for messages.
    address: String,
}

/// The form of a refusal.
#[derive(Deserialize)]
struct Refused {
    message: String,
}

impl Door {
    /// The way to the admin listener of this configuration; connects nowhere yet.
    pub(super) fn new(admin: &AdminConfig) -> Result<Self, String> {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .timeout(PATIENCE)
            .user_agent(concat!("rangelight/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls::none());
        let (builder, base) = match &admin.address {
            ListenAddress::Tcp(address) => (builder, format!("http://{}", reachable(*address)?)),
            ListenAddress::Unix(path) => (builder.unix_socket(path.as_path()), "http://localhost".to_owned()),
        };
        let plain = builder.build().map_err(|error| format!("no connection can be made: {error}"))?;
        Ok(Self { plain, base, token: admin.token.clone(), address: admin.address.to_string() })
    }

    /// Asks for one page.
    pub(super) async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, String> {
        let mut request = self.plain.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let mut response = request.send().await.map_err(|error| self.unreached(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreached(&error))? {
            if body.len() + chunk.len() > LONGEST {
                return Err(self.stranger(&format!("it answered more than {LONGEST} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| self.stranger("its answer cannot be understood"));
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) => Err(refused.message),
            Err(_) => Err(self.stranger(&format!("it answered {}", status.as_u16()))),
        }
    }

    fn unreached(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("{} takes the connection and does not answer; look at Rangelight's log", self.address);
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        format!(
            "no answer from the admin listener at {} ({cause}); start Rangelight with `rangelight run`, or name the \
             configuration that it runs with: --config FILE",
            self.address
        )
    }

    fn stranger(&self, why: &str) -> String {
        format!(
            "what listens at {} is not this version's admin listener ({why}); correct [admin] address",
            self.address
        )
    }
}

/// Where a listener at this address can be reached from here.
fn reachable(address: SocketAddr) -> Result<SocketAddr, String> {
    if address.port() == 0 {
        return Err("[admin] address has port 0, so nobody knows where it is; write a port".to_owned());
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_is_reached_over_loopback() {
        for (address, wanted) in [
            ("127.0.0.1:5056", Some("127.0.0.1:5056")),
            ("0.0.0.0:5056", Some("127.0.0.1:5056")),
            ("[::]:5056", Some("[::1]:5056")),
            ("192.168.1.5:1", Some("192.168.1.5:1")),
            ("127.0.0.1:0", None),
        ] {
            let wanted = wanted.map(|it| it.parse().expect("an address"));
            assert_eq!(reachable(address.parse().expect("an address")).ok(), wanted, "{address}");
        }
    }
}
