//! Handshakes over real sockets on loopback: who is trusted, by the data plane and by the control plane alike.
//!
//! A row is a certificate shop's worth: what the node shows, what its owner wrote, and whether both planes then get an
//! answer. Everything goes through the configuration as it is typed.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::config::tests::Folder;
use crate::config::{NodeConfig, load};
use crate::nodes::control::Control;
use crate::nodes::tls::client_config;
use crate::nodes::transport::{Fault, Repeat, SentHead, Transport};

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// An authority and its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// What a node shows.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

/// Everything that was made for the table.
struct Shop {
    folder: Folder,
    ours: Authority,
    strangers: Authority,
    key: KeyPair,
    other_key: KeyPair,
}

// === impl Authority ===

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("it was just made");
        Arc::new(roots)
    }
}

// === impl Shown ===

impl Shown {
    /// A certificate, and the key that signs the handshake. Nobody checks that they belong together.
    fn new(certificate: &Certificate, signs: &KeyPair) -> Self {
        let key = PrivateKeyDer::try_from(signs.serialize_der()).expect("a key");
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("ring knows the kind");
        Self(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

// === impl Shop ===

impl Shop {
    fn new() -> Self {
        let key = || KeyPair::generate().expect("a key");
        let (folder, ours, strangers) = (Folder::new(), Authority::new(), Authority::new());
        folder.write("ours.pem", &ours.certificate.pem());
        folder.write("strangers.pem", &strangers.certificate.pem());
        for (name, authority) in [("me", &ours), ("stranger", &strangers)] {
            let key = key();
            let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate");
            folder.write(&format!("{name}.pem"), &certificate.pem());
            folder.write(&format!("{name}.key"), &key.serialize_pem());
        }
        Self { folder, ours, strangers, key: key(), other_key: key() }
    }

    /// A certificate of our authority for the node's key.
    fn signed(&self, alter: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
        alter(&mut params);
        params.signed_by(&self.key, &self.ours.issuer).expect("a certificate")
    }

    /// The line that pins the node's key.
    fn pin(&self) -> String {
        let hash = Sha256::digest(self.key.subject_public_key_info());
        let digits: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("fingerprint = \"{}\"", digits.join(":"))
    }

    fn node(&self, address: SocketAddr, lines: &str) -> NodeConfig {
        self.folder
            .write("config.toml", &format!("[[node]]\nname = \"attic\"\nurl = \"https://{address}\"\n{lines}\n"));
        let loaded = load(&self.folder.sources(&[])).unwrap_or_else(|problems| panic!("{problems}"));
        loaded.config.nodes.into_iter().next().expect("one node was written")
    }
}

/// A node that shows this, and answers 200 to whoever it lets in.
async fn listening(
    shown: Shown,
    versions: &[&'static SupportedProtocolVersion],
    lets_in: Option<&Authority>,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let builder = builder.expect("ring supports both versions");
    let builder = match lets_in {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(authority.roots(), provider).build().expect("it has a root"),
        ),
    };
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_cert_resolver(Arc::new(shown))));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(socket) = acceptor.accept(socket).await else { return };
                let answer = service_fn(|_| async {
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"{}"))))
                });
                // A caller that does not trust us breaks off, which is what is tested.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
            });
        }
    });
    address
}

/// Asks over both planes.
async fn asked(node: &NodeConfig) -> (Result<u16, Fault>, Result<u16, String>) {
    let tls = client_config(node).expect("the files are good");
    let head = SentHead {
        method: Method::GET,
        target: PathAndQuery::from_static("/eth/v1/node/version"),
        headers: HeaderMap::new(),
    };
    let sent = Transport::new(node, tls.clone()).send(&head, Bytes::new(), Repeat::OnNewConnection).await;
    let read = Control::new(node, tls).expect("the settings are good").read("/eth/v1/node/version").await;
    (sent.map(|response| response.status().as_u16()), read.map(|read| read.status).map_err(|why| why.to_string()))
}

#[tokio::test]
async fn who_is_trusted() {
    let shop = Shop::new();
    let plain = shop.signed(|_| ());
    let expired = |params: &mut CertificateParams| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    };
    let renamed = |params: &mut CertificateParams| {
        *params = CertificateParams::new(vec!["somebody.else".to_owned()]).expect("a name");
    };
    let authority = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (pin, key) = (&*shop.pin(), &shop.key);
    let (ours, theirs) = ("ca_file = \"ours.pem\"", "ca_file = \"strangers.pem\"");
    let rows: &[(&str, Shown, &str, bool)] = &[
        ("the pinned key", Shown::new(&plain, key), pin, true),
        ("renewed with the same key", Shown::new(&shop.signed(|_| ()), key), pin, true),
        ("pinned and expired", Shown::new(&shop.signed(expired), key), pin, true),
        ("pinned under another name", Shown::new(&shop.signed(renamed), key), pin, true),
        ("pinned, as openssl makes them", Shown::new(&shop.signed(authority), key), pin, true),
        ("the pinned certificate, signing with another key", Shown::new(&plain, &shop.other_key), pin, false),
        ("an authority that is ours", Shown::new(&plain, key), ours, true),
        ("an authority that is not ours", Shown::new(&plain, key), theirs, false),
        ("the system's authorities only", Shown::new(&plain, key), "", false),
        ("ours, but expired", Shown::new(&shop.signed(expired), key), ours, false),
        ("ours, but under another name", Shown::new(&shop.signed(renamed), key), ours, false),
        ("ours, signing with another key", Shown::new(&plain, &shop.other_key), ours, false),
    ];
    for (name, shown, lines, trusted) in rows {
        for versions in [BOTH, OLD] {
            let address = listening(Shown(Arc::clone(&shown.0)), versions, None).await;
            let (sent, read) = asked(&shop.node(address, lines)).await;
            assert_eq!(sent, if *trusted { Ok(200) } else { Err(Fault::Tls) }, "{name}: {read:?}");
            assert_eq!(read.is_ok(), *trusted, "{name}: {read:?}");
        }
    }
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_refused_and_told() {
    let shop = Shop::new();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    // The same names, the same authority: only the key differs.
    let other = params.signed_by(&shop.other_key, &shop.ours.issuer).expect("a certificate");
    let hash = Sha256::digest(shop.other_key.subject_public_key_info());
    let shown: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    for versions in [BOTH, OLD] {
        let address = listening(Shown::new(&other, &shop.other_key), versions, None).await;
        let (sent, read) = asked(&shop.node(address, &shop.pin())).await;
        assert_eq!(sent, Err(Fault::Tls));
        let words = read.expect_err("the key is another");
        assert!(words.ends_with(&format!("not the pinned public key but {shown}")), "{words}");
    }
}

#[tokio::test]
async fn a_node_that_demands_our_certificate_gets_it() {
    let shop = Shop::new();
    let plain = shop.signed(|_| ());
    let lines = |name: &str| format!("client_cert_file = \"{name}.pem\"\nclient_key_file = \"{name}.key\"");
    let rows = [
        ("ours is the one it wants", lines("me"), true),
        ("ours is signed by somebody else", lines("stranger"), false),
        ("we have none", String::new(), false),
    ];
    for (name, lines, trusted) in rows {
        for who in [shop.pin(), "ca_file = \"ours.pem\"".to_owned()] {
            for versions in [BOTH, OLD] {
                let address = listening(Shown::new(&plain, &shop.key), versions, Some(&shop.ours)).await;
                let (sent, read) = asked(&shop.node(address, &format!("{who}\n{lines}"))).await;
                assert_eq!((sent.is_ok(), read.is_ok()), (trusted, trusted), "{name}, {who}: {sent:?} {read:?}");
            }
        }
    }
}
