//! Sockets that accept: TCP over IPv4 and IPv6, and unix sockets.
//!
//! A unix socket leaves a file behind when its process is killed. At the start such a file is replaced, but only if
//! nobody answers behind it: two Rangelights behind one path would take callers from each other. The file belongs to
//! owner and group (0660). It is removed at the stop, unless it is another's by then.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::config::ListenAddress;
use crate::connection::Remote;

/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;

/// A socket that accepts.
pub(super) struct Socket {
    address: ListenAddress,
    kind: Kind,
}

enum Kind {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: SocketFile },
}

/// A unix socket's file; removed when dropped.
struct SocketFile {
    path: PathBuf,
    /// Device and inode, to know it again.
    identity: (u64, u64),
}

/// An accepted connection.
pub(super) enum Caught {
    Tcp(TcpStream),
    Unix(UnixStream),
}

// === impl Socket ===

impl Socket {
    pub(super) fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => Self::bind_tcp(*address),
            ListenAddress::Unix(path) => Self::bind_unix(path),
        }
    }

    fn bind_tcp(address: SocketAddr) -> io::Result<Self> {
        let listener = net_listener(address)?;
        Ok(Self { address: ListenAddress::Tcp(listener.local_addr()?), kind: Kind::Tcp(listener) })
    }

    fn bind_unix(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { address: ListenAddress::Unix(path.to_owned()), kind: Kind::Unix { listener, _file: file } })
    }

    /// Where it is bound; the port is the real one.
    pub(super) fn address(&self) -> &ListenAddress {
        &self.address
    }

    pub(super) async fn accept(&self) -> io::Result<(Caught, Remote)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // A reply's last packet must not wait for an acknowledgement of the one before. It fails only if the
                // caller is gone already, which the first read finds out.
                let _ = stream.set_nodelay(true);
                Ok((Caught::Tcp(stream), Remote::Network(from.ip())))
            }
            Kind::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Caught::Unix(stream), Remote::Unix))
            }
        }
    }
}

/// Tokio's own `bind` looks names up and is therefore async; this one has an address.
fn net_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    // A port whose last connections are still in TIME_WAIT must be ours again at once after a restart.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// Removes a socket file that nobody answers behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        let message = "there is a file that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match net::UnixStream::connect(path) {
        Err(failure) if failure.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(failure) => Err(failure),
        Ok(_) => {
            let message = "another process answers there";
            Err(io::Error::new(io::ErrorKind::AddrInUse, message))
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // If it cannot be removed now, the next start does it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("rangelight-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    #[tokio::test]
    async fn the_life_of_a_socket_file() {
        let folder = folder("socket");
        let path = folder.join("vc.sock");
        let address = ListenAddress::Unix(path.clone());

        let first = Socket::bind(&address).expect("nothing is there");
        assert_eq!(fs::metadata(&path).expect("bound").permissions().mode() & 0o777, SOCKET_MODE);
        let taken = Socket::bind(&address).err().expect("somebody answers");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists(), "removed at the stop");

        drop(net::UnixListener::bind(&path).expect("a stale file, as kill -9 leaves it"));
        let second = Socket::bind(&address).expect("nobody answers there");
        fs::remove_file(&path).expect("someone takes the path");
        fs::write(&path, "another's").expect("and puts something there");
        drop(second);
        assert!(path.exists(), "what is another's stays");
        let wrong = Socket::bind(&address).err().expect("no socket");
        assert_eq!(wrong.kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir_all(folder).expect("clean");
    }

    #[tokio::test]
    async fn a_port_is_told_and_is_taken_once() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let any = ListenAddress::Tcp(any.parse().expect("an address"));
            let first = Socket::bind(&any).expect("free");
            assert_ne!(first.address(), &any, "the real port");
            let taken = Socket::bind(first.address()).err().expect("taken");
            assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        }
    }
}
