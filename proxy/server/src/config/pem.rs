//! Certificates and keys in PEM form, judged when the configuration is read.
//!
//! The same functions judge here and build the node's TLS later, so that a file that passes here works there, unless it
//! is replaced in between. That matters most at a reload: a node whose certificate cannot be used must leave the old
//! configuration running, instead of dropping out of a new one. No message carries a byte of a key.

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// All certificates of a file; at least one.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    match all {
        Ok(all) if all.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("its PEM form is broken ({})", words(&error))),
    }
}

/// Authorities that can be trusted; at least one. Those that nobody can read are passed over, as bundles hold such.
pub(crate) fn authorities(text: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(text)?);
    if added == 0 { Err("it holds no usable certificate".to_owned()) } else { Ok(roots) }
}

/// The private key of a file.
pub(crate) fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => "it holds no key without a passphrase".to_owned(),
        error => format!("its PEM form is broken ({})", words(&error)),
    })
}

/// Whether a chain and a key can be shown to a node together.
pub(crate) fn belong_together(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<(), rustls::Error> {
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map(drop)
}

/// What is wrong, without the line that it is wrong with: that may be a key.
fn words(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "an END line is missing",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is broken",
        pem::Error::Base64Decode(_) => "what stands between BEGIN and END is no base64",
        _ => "it cannot be read",
    }
}
