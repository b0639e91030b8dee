//! Which fault an error of the client is.

use std::io;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::*;

/// The client's error when its connector fails like this.
async fn failed(cause: fn() -> io::Error) -> ClientError {
    let connector = tower::service_fn(move |_: Uri| std::future::ready(Err::<TokioIo<TcpStream>, _>(cause())));
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    client.get(Uri::from_static("http://node.invalid/")).await.expect_err("the connector fails")
}

#[tokio::test]
async fn what_a_failed_connection_says_of_the_node() {
    let ours = Fault::Ours(Lack::Sockets);
    /// A case: its name, what happens, what it is for us.
    type Case = (&'static str, fn() -> io::Error, Fault);
    let table: [Case; 7] = [
        ("nobody listens", || io::ErrorKind::ConnectionRefused.into(), Fault::Unreachable),
        ("no answer to the first packet", || io::ErrorKind::TimedOut.into(), Fault::NoConnection),
        ("no descriptor in this process", || io::Error::from_raw_os_error(24), ours),
        ("no descriptor on this machine", || io::Error::from_raw_os_error(23), ours),
        ("no local port", || io::ErrorKind::AddrNotAvailable.into(), ours),
        ("no buffer", || io::Error::from_raw_os_error(105), ours),
        ("no route", || io::ErrorKind::NetworkUnreachable.into(), Fault::Unreachable),
    ];
    for (name, cause, wanted) in table {
        let got = fault(&failed(cause).await);
        assert_eq!(got, wanted, "{name}");
        assert!(got.unsent(), "{name}: nothing was sent");
    }
}
