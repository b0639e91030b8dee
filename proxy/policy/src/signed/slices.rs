//! A body without some of its items, made of slices of the original.
//!
//! What is signed is never written again by us. So the items of a JSON list are found by a scanner that knows texts,
//! escapes and nesting, and nothing of their meaning; an SSZ list is cut where its items' one size says.
//!
//! The scanner runs on bodies that were read before. On anything else it finds another number of items, or none, and
//! says so.

use super::attestation::SINGLE;
use super::sync::SYNC;

/// The body of a list of so many `items` without those at the places in `drop`. `None` if it is not such a list, or is one
/// in SSZ whose items have no fixed size.
#[must_use]
pub fn without(body: &[u8], ssz: bool, items: usize, drop: &[usize]) -> Option<Vec<u8>> {
    let parts = if ssz { fixed(body, items)? } else { elements(body)? };
    if parts.len() != items {
        return None;
    }
    let mut dropped = vec![false; items];
    for place in drop {
        *dropped.get_mut(*place)? = true;
    }
    let kept = parts.iter().zip(dropped).filter(|(_, dropped)| !dropped).map(|(part, _)| *part);
    let kept: Vec<&[u8]> = kept.collect();
    Some(if ssz { kept.concat() } else { [&b"["[..], &kept.join(&b","[..]), b"]"].concat() })
}

fn fixed(body: &[u8], items: usize) -> Option<Vec<&[u8]>> {
    let size = body.len().checked_div(items)?;
    let sound = size * items == body.len() && matches!(size, SINGLE | SYNC);
    sound.then(|| body.chunks_exact(size).collect())
}

/// The elements of a JSON array, without the space around them.
fn elements(body: &[u8]) -> Option<Vec<&[u8]>> {
    let inside = body.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    if inside.trim_ascii().is_empty() {
        return Some(Vec::new());
    }
    let mut parts = Vec::new();
    let (mut begin, mut depth, mut at) = (0, 0_usize, 0);
    while let Some(byte) = inside.get(at) {
        match byte {
            b'"' => at = text_end(inside, at)?,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                parts.push(element(&inside[begin..at])?);
                begin = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if depth != 0 {
        return None;
    }
    parts.push(element(&inside[begin..])?);
    Some(parts)
}

fn element(slice: &[u8]) -> Option<&[u8]> {
    let slice = slice.trim_ascii();
    (!slice.is_empty()).then_some(slice)
}

/// The place of the quote that ends the text that begins at `begin`.
fn text_end(bytes: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
