//! The token of a listener.
//!
//! It is compared in constant time: how long a wrong guess takes must not say how much of it was right. It never
//! appears in a log, an error or a debug print.

use std::fmt;
use std::hint::black_box;

use http::HeaderValue;

/// A secret that a caller shows as `Authorization: Bearer …`.
#[derive(Clone)]
pub struct Token(Box<[u8]>);

impl Token {
    /// The token in this text, without the white space around it; `None` if nothing else is there.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.as_bytes().into()))
    }

    /// Does this Authorization header show it?
    #[must_use]
    pub fn is_shown_by(&self, header: Option<&HeaderValue>) -> bool {
        let Some((scheme, shown)) = header.and_then(|value| value.as_bytes().split_at_checked(7)) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.equals(shown.trim_ascii())
    }

    /// Every byte of the secret is looked at, whatever was found before. The length may be learnt; it is no secret.
    fn equals(&self, shown: &[u8]) -> bool {
        let mut difference = u8::from(self.0.len() != shown.len());
        for (at, byte) in self.0.iter().enumerate() {
            difference |= byte ^ shown.get(at).copied().unwrap_or_default();
        }
        black_box(difference) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_the_token() {
        let token = Token::new(" s3cret\n").expect("not empty");
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
            assert_eq!(token.is_shown_by(value.as_ref()), shown, "{header:?}");
        }
        assert!(Token::new(" \n").is_none());
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
