//! The token of a listener.
//!
//! It is compared in constant time: how long a wrong guess takes must not say how much of it was right. It never
//! appears in a log, an error or a debug print.

use std::hint::black_box;

use http::HeaderValue;

use crate::config::Secret;

/// Does this Authorization header show the token, as `Bearer …`? An empty token is shown by nobody.
pub(super) fn is_shown(token: &Secret, header: Option<&HeaderValue>) -> bool {
    let Some((scheme, shown)) = header.and_then(|value| value.as_bytes().split_at_checked(7)) else { return false };
    scheme.eq_ignore_ascii_case(b"bearer ") && equal(token.expose().as_bytes(), shown.trim_ascii())
}

/// Every byte of the secret is looked at, whatever was found before. Its length may be learnt; it is no secret.
fn equal(secret: &[u8], shown: &[u8]) -> bool {
    let mut difference = u8::from(secret.len() != shown.len() || secret.is_empty());
    for (at, byte) in secret.iter().enumerate() {
        difference |= byte ^ shown.get(at).copied().unwrap_or_default();
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_the_token() {
        let token = Secret::new("s3cret");
        for (header, shown) in [
            (Some("Bearer s3cret"), true),
            (Some("bearer s3cret"), true),
            (Some("Bearer   s3cret"), true),
            (Some("Bearer s3cre"), false),
            (Some("Bearer s3cret2"), false),
            (Some("Bearer S3cret"), false),
            (Some("Bearer "), false),
            (Some("Bearers3cret"), false),
            (Some("Basic s3cret"), false),
            (Some("s3cret"), false),
            (Some(""), false),
            (None, false),
        ] {
            let value = header.map(HeaderValue::from_static);
            assert_eq!(is_shown(&token, value.as_ref()), shown, "{header:?}");
        }
        assert!(
            !is_shown(&Secret::new(""), Some(&HeaderValue::from_static("Bearer "))),
            "an empty token opens nothing"
        );
    }
}
