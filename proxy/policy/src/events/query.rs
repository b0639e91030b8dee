//! Which topics a caller asks for.
//!
//! Both spellings are in use: `topics=a,b` and `topics=a&topics=b`. Duplicates are one subscription. A name that the
//! Beacon API does not know is refused; a name that it knows is accepted even if no node has it, because a refusal ends
//! the stream of some validator clients for good, and silence costs them nothing.

use super::{Topic, Topics};

/// Why a subscription was refused. All of them are the caller's fault: `400`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicsRefused {
    /// There is no `topics` in the query.
    #[error("Missing topics: name at least one, as in /eth/v1/events?topics=head")]
    Missing,
    /// A name that the Beacon API does not know, at most 80 characters of it.
    #[error("Invalid topic: {0}")]
    Unknown(String),
    /// The percent-encoding is broken, or does not decode to UTF-8.
    #[error("Invalid topics: the query is not percent-encoded UTF-8")]
    Encoding,
}

/// Reads the query of `GET /eth/v1/events`, without its question mark. Other parameters are ignored.
///
/// # Errors
///
/// See [`TopicsRefused`].
pub fn parse_topics(query: &str) -> Result<Topics, TopicsRefused> {
    let mut topics = Topics::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(key)? != "topics" {
            continue;
        }
        for name in decode(value)?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let topic = Topic::from_name(name).ok_or_else(|| TopicsRefused::Unknown(printable(name)))?;
            topics.insert(topic);
        }
    }
    if topics.is_empty() { Err(TopicsRefused::Missing) } else { Ok(topics) }
}

fn printable(name: &str) -> String {
    name.chars().filter(|it| !it.is_control()).take(80).collect()
}

fn decode(text: &str) -> Result<String, TopicsRefused> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|it| char::from(it).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => u8::try_from(high << 4 | low).map_err(|_| TopicsRefused::Encoding)?,
                    _ => return Err(TopicsRefused::Encoding),
                }
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| TopicsRefused::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_and_what_is_refused() {
        use Topic::{Block, Head, HeadV2};
        let set = |topics: &[Topic]| Ok(topics.iter().copied().collect());
        let unknown = |name: &str| Err(TopicsRefused::Unknown(name.to_owned()));
        for (name, query, expected) in [
            ("one", "topics=head", set(&[Head])),
            ("commas", "topics=head,block", set(&[Head, Block])),
            ("repeated", "topics=head&topics=block", set(&[Head, Block])),
            (
                "both at once, with a duplicate",
                "topics=head,block&topics=head&topics=head_v2",
                set(&[Head, Block, HeadV2]),
            ),
            ("encoded comma and letters", "topics=%68ead%2cblock", set(&[Head, Block])),
            ("an encoded key", "t%6fpics=head", set(&[Head])),
            ("spaces", "topics=head,+block", set(&[Head, Block])),
            ("other parameters", "a=b&topics=head&c", set(&[Head])),
            ("empty pieces", "topics=,head,,", set(&[Head])),
            ("known to the specification, rarely served", "topics=blob_sidecar", set(&[Topic::BlobSidecar])),
            ("nothing", "", Err(TopicsRefused::Missing)),
            ("no value", "topics", Err(TopicsRefused::Missing)),
            ("only commas", "topics=,", Err(TopicsRefused::Missing)),
            ("unknown", "topics=head,weather_forecast", unknown("weather_forecast")),
            ("another case is another name", "topics=Head", unknown("Head")),
            ("control characters are not repeated", "topics=a%0ab", unknown("ab")),
            ("half an escape", "topics=head%2", Err(TopicsRefused::Encoding)),
            ("no hex", "topics=%zz", Err(TopicsRefused::Encoding)),
            ("no UTF-8", "topics=%ff", Err(TopicsRefused::Encoding)),
        ] {
            assert_eq!(parse_topics(query), expected, "{name}");
        }
    }

    #[test]
    fn a_long_name_is_cut_in_the_refusal() {
        let refused = parse_topics(&format!("topics={}", "x".repeat(60_000))).expect_err("no such topic");
        assert_eq!(refused.to_string(), format!("Invalid topic: {}", "x".repeat(80)));
    }
}
