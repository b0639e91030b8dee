//! A pinned node: known by its public key, whoever signed its certificate.
//!
//! Stakers' nodes stand behind certificates that they made themselves, so that a friend is told a fingerprint and not
//! an authority. The fingerprint is the SHA-256 of the certificate's SubjectPublicKeyInfo (DER) and not of the
//! certificate: one that is renewed with the same key keeps its pin.
//!
//! The pin says who the node is, so its names are not looked at. Neither are its dates: a certificate that nobody
//! renewed must not cost a duty, and a key does not become another's by its age. A warning says so once for each node
//! and start. The signature of the handshake is verified as always: a certificate can be copied, its key cannot.
//!
//! A certificate that cannot be parsed (X.509 before version 3, or damaged) is refused.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use crate::observe;

#[cfg(test)]
mod tests;

/// The verifier of one pinned node.
#[derive(Debug)]
pub(super) struct PinnedKey {
    node: Arc<str>,
    pin: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
    warned: AtomicBool,
}

// === impl PinnedKey ===

impl PinnedKey {
    /// Trusts the one key whose SHA-256 is `pin`.
    pub(super) fn new(node: Arc<str>, pin: [u8; 32], algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { node, pin, algorithms, warned: AtomicBool::new(false) }
    }
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let shown = key_hash(&certificate);
        if shown != self.pin {
            // rustls prints this variant's text as it is; the others would hide what the owner has to compare.
            return Err(Error::General(format!("not the pinned public key but {}", hex(&shown))));
        }
        if out_of_date(&certificate, now) && !self.warned.swap(true, Ordering::Relaxed) {
            observe::pinned_certificate_out_of_date(&self.node);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// SHA-256 of the DER SubjectPublicKeyInfo.
fn key_hash(certificate: &ParsedCertificate<'_>) -> [u8; 32] {
    Sha256::digest(certificate.subject_public_key_info().as_ref()).into()
}

/// Whether the certificate's dates exclude `now`.
///
/// Dates are the first that is looked at when a chain is built, so a chain without any root tells them from the rest:
/// a certificate within its dates fails only afterwards, with nobody to have signed it.
fn out_of_date(certificate: &ParsedCertificate<'_>, now: UnixTime) -> bool {
    let nobody = RootCertStore::empty();
    matches!(
        verify_server_cert_signed_by_trust_anchor(certificate, &nobody, &[], now, &[]),
        Err(Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        ))
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
