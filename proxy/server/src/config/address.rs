//! Where a listener is bound: an IP address with a port, or a unix socket.
//!
//! Names are refused on purpose: `localhost` may be one address today and two tomorrow, and a listener that moved to
//! another interface after a DNS answer would be open to people nobody thought of.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The longest path of a unix socket in bytes: `sun_path` holds 108 with the zero at its end (unix(7)).
const UNIX_PATH_MAX: usize = 107;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// IPv4 or IPv6; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A unix socket at an absolute path.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Reads `127.0.0.1:5055`, `[::1]:5055`, `unix:/path`, or `unix:path` below the state directory.
    ///
    /// # Errors
    ///
    /// What is wrong and what cures it.
    pub fn parse(text: &str, state: &Path) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = state.join(path.strip_prefix("//").unwrap_or(path));
            return match path.as_os_str().len() {
                _ if path == state || text.ends_with('/') => {
                    Err("the socket's path is missing; write unix:/path".into())
                }
                0..=UNIX_PATH_MAX => Ok(Self::Unix(path)),
                long => Err(format!(
                    "a unix socket's path has at most {UNIX_PATH_MAX} bytes, this one has {long} ({}); shorten it",
                    path.display()
                )),
            };
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            let cure = match text.rsplit_once(':') {
                Some(("" | "*", port)) => format!("write 0.0.0.0:{port} for every interface, or 127.0.0.1:{port}"),
                Some(("localhost", port)) => format!("names are not looked up; write 127.0.0.1:{port} or [::1]:{port}"),
                Some((host, port)) if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => {
                    format!("an IPv6 address stands in brackets; write [{host}]:{port}")
                }
                None if text.parse::<u16>().is_ok() => format!("write 127.0.0.1:{text}"),
                None if text.parse::<IpAddr>().is_ok() => "the port is missing; write 127.0.0.1:5055".into(),
                _ => "write IP:PORT, [IPV6]:PORT or unix:/path; names are not looked up".into(),
            };
            format!("{text:?} is no address to listen on; {cure}")
        })
    }

    /// Whether only this machine can reach it. A unix socket is guarded by the rights of its folder.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Whether both cannot be bound at the same time: equal, or one port where either stands for every interface.
    #[must_use]
    pub fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(a), Self::Tcp(b)) => {
                let anywhere = |ip: IpAddr| ip.is_unspecified();
                let overlap = a.is_ipv4() == b.is_ipv4() && (anywhere(a.ip()) || anywhere(b.ip()));
                a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || overlap)
            }
            (Self::Unix(a), Self::Unix(b)) => a == b,
            (Self::Tcp(_), Self::Unix(_)) | (Self::Unix(_), Self::Tcp(_)) => false,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_write() {
        for (typed, read) in [
            ("127.0.0.1:5055", "127.0.0.1:5055"),
            ("[::1]:5055", "[::1]:5055"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("unix:/run/rangelight.sock", "unix:/run/rangelight.sock"),
            ("unix:///run/rangelight.sock", "unix:/run/rangelight.sock"),
            ("unix:vc.sock", "unix:/state/vc.sock"),
        ] {
            let address = ListenAddress::parse(typed, Path::new("/state")).expect(typed);
            assert_eq!(address.to_string(), read, "{typed}");
        }
    }

    #[test]
    fn bad_addresses_name_their_cure() {
        let long = format!("unix:/{}", "x".repeat(107));
        for (typed, cure) in [
            ("", "write IP:PORT"),
            (":5055", "0.0.0.0:5055"),
            ("*:5055", "0.0.0.0:5055"),
            ("localhost:5055", "127.0.0.1:5055"),
            ("::1:5055", "[::1]:5055"),
            ("5055", "127.0.0.1:5055"),
            ("127.0.0.1", "port is missing"),
            ("127.0.0.1:65536", "write IP:PORT"),
            ("http://127.0.0.1:5055", "write IP:PORT"),
            ("unix:", "path is missing"),
            ("unix:/run/", "path is missing"),
            (&long, "at most 107 bytes"),
        ] {
            let problem = ListenAddress::parse(typed, Path::new("/state")).expect_err(typed);
            assert!(problem.contains(cure), "{typed}: {problem}");
        }
    }

    #[test]
    fn who_can_reach_it_and_what_clashes() {
        let read = |text| ListenAddress::parse(text, Path::new("/state")).expect(text);
        for (typed, local) in [
            ("127.8.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("unix:/x", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.168.1.2:1", false),
        ] {
            assert_eq!(read(typed).is_local(), local, "{typed}");
        }
        for (a, b, clash) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:1", "0.0.0.0:1", true),
            ("[::1]:1", "0.0.0.0:1", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("unix:/x", "unix:/x", true),
            ("unix:/x", "127.0.0.1:1", false),
        ] {
            assert_eq!(read(a).clashes(&read(b)), clash, "{a} {b}");
            assert_eq!(read(b).clashes(&read(a)), clash, "{b} {a}");
        }
    }
}
