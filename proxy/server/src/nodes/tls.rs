//! TLS towards nodes: the system's authorities, a given one or a pinned key, and our client certificate if there is one.
//!
//! One `ClientConfig` per node serves its data plane and its control plane, so that both trust the same.
//!
//! rustls with the ring provider, named explicitly: a process-wide default would be a hidden global, and another
//! library could set another one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use self::pin::PinnedKey;
use crate::config::{NodeConfig, pem};

mod pin;

#[cfg(test)]
mod tests;

/// A certificate or key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct Unusable {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it. Never its content.
    pub why: String,
}

/// The TLS settings for one node.
///
/// # Errors
/// If a file cannot be read, holds no certificate or key, or the two do not belong together.
pub fn client_config(node: &NodeConfig) -> Result<ClientConfig, Unusable> {
    let tls = &node.tls;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3");
    let builder = match tls.fingerprint {
        Some(pin) => builder.dangerous().with_custom_certificate_verifier(Arc::new(PinnedKey::new(
            Arc::clone(&node.name),
            pin,
            algorithms,
        ))),
        None => builder.with_root_certificates(roots(node)?),
    };
    match (&tls.client_cert_file, &tls.client_key_file) {
        (Some(cert), Some(key)) => {
            let chain = read(cert, pem::certificates)?;
            let private = read(key, pem::key)?;
            builder.with_client_auth_cert(chain, private).map_err(|error| unusable(cert, &error.to_string()))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// The TLS settings of a client that speaks plain HTTP only, which trusts nobody.
#[must_use]
pub fn none() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

fn roots(node: &NodeConfig) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    if !node.url.is_https() {
        // A node over plain HTTP needs no authorities, and the system's cost memory and start-up time.
    } else if let Some(path) = &node.tls.ca_file {
        roots = read(path, pem::authorities)?;
    } else {
        // A machine without system authorities still reaches its plain-HTTP nodes; TLS then fails with a clear reason.
        let (_, _) = roots.add_parsable_certificates(system().iter().cloned());
    }
    Ok(roots)
}

/// The system's authorities, read once: hundreds of files, and the keeper must not read them again for each node.
fn system() -> &'static [CertificateDer<'static>] {
    static SYSTEM: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    SYSTEM.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}

/// What a file holds. It was judged when the configuration was read, and may have changed since.
fn read<T>(path: &Path, meaning: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, Unusable> {
    let content = std::fs::read(path).map_err(|error| unusable(path, &error.to_string()))?;
    meaning(&content).map_err(|why| unusable(path, &why))
}

fn unusable(path: &Path, why: &str) -> Unusable {
    Unusable { path: path.to_owned(), why: why.to_owned() }
}
