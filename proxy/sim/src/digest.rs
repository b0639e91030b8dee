//! Roots, hex, and everything that is "random": all of it is sha256 of the seed and some words.
//!
//! Drawing by name instead of from one running generator keeps the world the same when something is asked twice, asked
//! in another order, or not asked at all: block 17 has the same root whether or not anybody looked at block 16.

use std::fmt;

use sha2::{Digest, Sha256};

/// A 32-byte root.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root(pub [u8; 32]);

/// A 20-byte execution address.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 20]);

/// Hashes words with their lengths, so that neighbours cannot be confused.
#[must_use]
pub fn hash(words: &[&[u8]]) -> Root {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update((word.len() as u64).to_le_bytes());
        hasher.update(word);
    }
    Root(hasher.finalize().into())
}

/// sha256 of two 32-byte halves: an inner node of an SSZ tree.
#[must_use]
pub fn join(left: Root, right: Root) -> Root {
    let mut hasher = Sha256::new();
    hasher.update(left.0);
    hasher.update(right.0);
    Root(hasher.finalize().into())
}

/// A number drawn from the seed for a named purpose.
#[must_use]
pub fn draw(seed: u64, purpose: &str, numbers: &[u64]) -> u64 {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let root = hash(&[&seed.to_le_bytes(), purpose.as_bytes(), &bytes]);
    u64::from_le_bytes(first(&root.0))
}

/// The order of `0..n` shuffled by the seed (Fisher–Yates over splitmix64, which is enough for fair duties).
#[must_use]
pub fn shuffled(seed: u64, purpose: &str, number: u64, n: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..n).collect();
    let mut state = draw(seed, purpose, &[number]);
    for i in (1..order.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        order.swap(i, usize::try_from(z % (i as u64 + 1)).unwrap_or(0));
    }
    order
}

/// Stretches named words to `N` bytes: public keys, signatures and other long constants.
#[must_use]
pub fn stretch<const N: usize>(words: &[&[u8]]) -> [u8; N] {
    let base = hash(words);
    let mut out = [0; N];
    for (i, chunk) in out.chunks_mut(32).enumerate() {
        let part = hash(&[&base.0, &(i as u64).to_le_bytes()]);
        chunk.copy_from_slice(&part.0[..chunk.len()]);
    }
    out
}

/// The first `N` bytes of a longer slice; zeros where there are none.
#[must_use]
pub fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

/// `0x` and lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Reads `0x` and an even number of hex digits of either case.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    if digits.len() % 2 != 0 {
        return None;
    }
    digits.chunks_exact(2).map(|pair| u8::try_from(nibble(pair[0])? << 4 | nibble(pair[1])?).ok()).collect()
}

/// Reads exactly `N` bytes of hex.
#[must_use]
pub fn unhex_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text)?.try_into().ok()
}

// === impl Root, Address ===

macro_rules! hex_shown {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl $name {
            /// Reads `0x` and exactly as many hex digits as it takes.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                unhex_array(text).map(Self)
            }
        }
    };
}

hex_shown!(Root);
hex_shown!(Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_what_it_writes_and_refuses_the_rest() {
        let root = hash(&[b"a"]);
        assert_eq!(Root::parse(&root.to_string()), Some(root));
        assert_eq!(Root::parse(&root.to_string().to_uppercase().replace("0X", "0x")), Some(root));
        for bad in ["", "0x", "0x1", "0xzz", &root.to_string()[2..], "0xé"] {
            assert_eq!(Root::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_are_not_confused_with_their_neighbours() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(draw(1, "x", &[1]), draw(1, "x", &[2]));
        assert_ne!(draw(1, "x", &[1]), draw(2, "x", &[1]));
    }

    #[test]
    fn a_shuffle_keeps_everybody_and_repeats_by_seed() {
        let order = shuffled(7, "committee", 3, 100);
        assert_eq!(order, shuffled(7, "committee", 3, 100));
        assert_ne!(order, shuffled(7, "committee", 4, 100));
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert!(shuffled(7, "committee", 3, 0).is_empty());
    }
}
