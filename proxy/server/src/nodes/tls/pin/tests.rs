//! What a pin is computed from, and whose dates are warned about. The handshakes are in `tls/tests.rs`.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, PublicKeyData, date_time_ymd};
use rustls::pki_types::pem::PemObject;

use super::*;

/// Made by `openssl req -x509`; the command of the reference page printed [`PRINTED`] for it.
const MADE_BY_OPENSSL: &str = "-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUTxq57KrVjqEKz+ohvZ789a4Kvf8wCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFYXR0aWMwHhcNMjYxMTIwMTk0NDM2WhcNMjYxMTIxMTk0NDM2
WjAQMQ4wDAYDVQQDDAVhdHRpYzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB+Z
Q5BUR3xqMBuOzfp95GlRcbvgEyDuUleLrYRrODYVF4SeiBc5iok6IQJDdxxTs99U
p0+WsidfIJ2dlQpsgdSjUzBRMB0GA1UdDgQWBBRqljpyPWwoVamHB59yd+YqUQn+
tzAfBgNVHSMEGDAWgBRqljpyPWwoVamHB59yd+YqUQn+tzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIDISNFyF6Uzytoxol43YA5WFpxShn1bzGKH+
Sz4KAh5bAiAvtuEIJvuLQkyEyuUCJYJHYqsXyw3ZZvh5Ro+Yjl+0IA==
-----END CERTIFICATE-----
";
const PRINTED: &str = "cc1df3ad7bb2f12a22c4e0608f9df4c68327c9eac0175965a82fb1cb91e8ac71";

/// A day of the year 2030, at noon.
fn noon(month: u8, day: u8) -> UnixTime {
    let seconds = date_time_ymd(2030, month, day).unix_timestamp().unsigned_abs() + 12 * 3_600;
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

#[test]
fn the_pin_is_what_openssl_prints() {
    let der = CertificateDer::from_pem_slice(MADE_BY_OPENSSL.as_bytes()).expect("a certificate");
    let certificate = ParsedCertificate::try_from(&der).expect("it can be parsed");
    assert_eq!(hex(&key_hash(&certificate)), PRINTED);
}

#[test]
fn the_dates_of_a_pinned_certificate_are_told_and_nothing_more() {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["attic".to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (date_time_ymd(2030, 3, 1), date_time_ymd(2030, 4, 1));
    let der = params.self_signed(&key).expect("a certificate").der().clone();
    let pin = Sha256::digest(key.subject_public_key_info()).into();
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let name = ServerName::try_from("somebody.else").expect("a name");
    for (when, now, warns) in [
        ("the day before", noon(2, 28), true),
        ("the first day", noon(3, 1), false),
        ("the last day", noon(3, 31), false),
        ("the day after", noon(4, 1), true),
    ] {
        let pinned = PinnedKey::new("attic".into(), pin, algorithms);
        for time in ["first", "second"] {
            let judged = pinned.verify_server_cert(&der, &[], &name, &[], now);
            assert!(judged.is_ok(), "{when}, the {time} time");
            assert_eq!(pinned.warned.load(Ordering::Relaxed), warns, "{when}, the {time} time");
        }
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let pinned = PinnedKey::new("attic".into(), Sha256::digest([]).into(), algorithms);
    let name = ServerName::try_from("attic").expect("a name");
    for garbage in [&b""[..], b"\x30\x00", b"\x30\x82\xff\xff\x00"] {
        let judged = pinned.verify_server_cert(&garbage.into(), &[], &name, &[], noon(1, 1));
        assert!(judged.is_err(), "{garbage:?}");
    }
}
