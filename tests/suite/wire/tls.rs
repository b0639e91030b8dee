//! TLS towards nodes: whom we believe, who we are, and that a failure says which of the two it was.

use std::sync::Arc;

use rangelight::limits::Limits;
use rangelight_sim::World;
use rangelight_tests::{Folder, Home, Wiring, until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::stand_in::StandIn;
use super::world;

const READ: &str = "/eth/v1/beacon/states/head/fork";

/// Somebody who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    roots: RootCertStore,
}

/// A certificate with its key.
struct Signed {
    pem: String,
    key: KeyPair,
    der: tokio_rustls::rustls::pki_types::CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).expect("an authority");
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key), roots }
    }

    fn sign(&self, name: &str) -> Signed {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a good name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Signed { pem: certificate.pem(), der: certificate.der().clone(), key }
    }
}

/// A node's side: its certificate, and whose certificates it wants to see.
fn acceptor(signed: &Signed, callers: Option<&Authority>) -> TlsAcceptor {
    acceptor_of(signed, callers, ALL_VERSIONS)
}

fn acceptor_of(
    signed: &Signed,
    callers: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let builder = builder.expect("ring knows the versions");
    let builder = match callers {
        Some(authority) => {
            let roots = Arc::new(authority.roots.clone());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().expect("one authority");
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::try_from(signed.key.serialize_der()).expect("a key");
    let config = builder.with_single_cert(vec![signed.der.clone()], key).expect("they belong together");
    TlsAcceptor::from(Arc::new(config))
}

struct House {
    _world: World,
    _stand_in: StandIn,
    home: Home,
}

/// A home whose one node is reached over TLS, with these files and lines.
async fn house(tls: TlsAcceptor, files: &[(&str, &str)], lines: &str) -> House {
    let world = world(1).await;
    let stand_in = StandIn::start(world.nodes()[0].address(), Some(tls), |_| None).await;
    let folder = Folder::new();
    for (name, content) in files {
        folder.write(name, content);
    }
    let url = format!("https://{}", stand_in.address());
    let wiring = Wiring::new().node("attic", &url, &format!("trust = \"own\"\n{lines}"));
    let home = Home::start_in(folder, &wiring, &Limits::default());
    House { _world: world, _stand_in: stand_in, home }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_behind_an_authority_of_its_own() {
    let authority = Authority::new();
    let tls = acceptor(&authority.sign("127.0.0.1"), None);
    let house = house(tls, &[("ca.pem", &authority.pem)], "ca_file = \"ca.pem\"").await;
    house.home.ready(1).await;
    assert_eq!(house.home.own().get(READ).await.is(200).node(), Some("attic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_wants_to_know_us() {
    let (authority, callers) = (Authority::new(), Authority::new());
    let ours = callers.sign("rangelight");
    let tls = acceptor(&authority.sign("127.0.0.1"), Some(&callers));
    let files = [("ca.pem", &*authority.pem), ("our.pem", &*ours.pem), ("our.key", &*ours.key.serialize_pem())];
    let lines = "ca_file = \"ca.pem\"\nclient_cert_file = \"our.pem\"\nclient_key_file = \"our.key\"";
    let house = house(tls, &files, lines).await;
    house.home.ready(1).await;
    assert_eq!(house.home.own().get(READ).await.is(200).node(), Some("attic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_name_the_cause() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = |pem: &str| vec![("ca.pem", pem.to_owned())];
    let ca = "ca_file = \"ca.pem\"";
    let node = authority.sign("127.0.0.1");
    for (case, tls, files, lines, certain) in [
        ("another authority", acceptor(&node, None), own(&other.pem), ca, true),
        ("another name", acceptor(&authority.sign("elsewhere.example"), None), own(&authority.pem), ca, true),
        ("nobody that the system knows", acceptor(&node, None), Vec::new(), "", true),
        ("we show no certificate", acceptor_of(&node, Some(&other), &[&TLS12]), own(&authority.pem), ca, true),
        // In TLS 1.3 the node says so after its handshake is done, and the end of the connection may come before its word.
        ("we show none, TLS 1.3", acceptor(&node, Some(&other)), own(&authority.pem), ca, false),
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, pem)| (*name, pem.as_str())).collect();
        let house = house(tls, &files, lines).await;
        until(&format!("{case}: the status names the cause"), async || {
            let status = house.home.status().await;
            let reasons = status["nodes"][0]["reasons"].to_string().to_lowercase();
            status["nodes"][0]["tier"] == "away" && (reasons.contains("certificate") || !certain)
        })
        .await;
        let refused = house.home.own().get(READ).await.is(503);
        let cause = if certain { "attic (TLS failed" } else { "attic (" };
        assert!(refused.text().contains(cause), "{case}: {}", refused.text());
    }
}
