//! Reading a few fields out of SSZ without knowing its types.
//!
//! A container is a fixed part, in which everything without a fixed length stands as a 4-byte offset, and then the
//! variable parts in the order of their offsets. So a field is found by its place in the fixed part, and a part by two
//! offsets. Every read is checked against the bytes that are there; an offset that points before the fixed part's end,
//! behind the next one or behind the end finds nothing. Nothing is copied but what is asked for.

/// The `N` bytes at a place.
#[must_use]
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The 64-bit number at a place.
#[must_use]
pub fn number(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// The offset at a place.
#[must_use]
pub fn offset(bytes: &[u8], at: usize) -> Option<usize> {
    array(bytes, at).and_then(|bytes| usize::try_from(u32::from_le_bytes(bytes)).ok())
}

/// The variable part whose offset stands at `at`, up to the part whose offset stands at `next`, else to the end.
/// `fixed` is the length of the fixed part, before which no part may begin.
#[must_use]
pub fn part(bytes: &[u8], fixed: usize, at: usize, next: Option<usize>) -> Option<&[u8]> {
    let from = offset(bytes, at)?;
    let to = match next {
        Some(next) => offset(bytes, next)?,
        None => bytes.len(),
    };
    if from < fixed { None } else { bytes.get(from..to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_between_offsets_or_nowhere() {
        let with = |one: u32, two: u32| [&one.to_le_bytes()[..], &two.to_le_bytes(), b"abcdef"].concat();
        for (name, bytes, next, found) in [
            ("up to the next", with(8, 11), Some(4), Some(&b"abc"[..])),
            ("to the end", with(8, 11), None, Some(&b"abcdef"[..])),
            ("empty", with(14, 14), Some(4), Some(&b""[..])),
            ("into the fixed part", with(7, 11), Some(4), None),
            ("backwards", with(11, 8), Some(4), None),
            ("past the end", with(8, 15), Some(4), None),
            ("far past the end", with(u32::MAX, u32::MAX), None, None),
        ] {
            assert_eq!(part(&bytes, 8, 0, next), found, "{name}");
        }
        assert_eq!(part(&[8, 0, 0], 8, 0, None), None, "no room for an offset");
    }

    #[test]
    fn values_are_little_endian_and_never_past_the_end() {
        let bytes = [1, 2, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(number(&bytes, 0), Some(513));
        assert_eq!(number(&bytes, 2), None);
        assert_eq!(offset(&bytes, 1), Some(2));
        assert_eq!(array::<2>(&bytes, usize::MAX), None);
    }
}
