//! The query of a request for a block: read where the rule needs it, and changed in one place for a friend.
//!
//! Parameters that are not known here (Lodestar's validator client has several) go on byte for byte, in their order.

/// The parameter that weighs a builder's block.
const BOOST: &str = "builder_boost_factor";

/// The value of a parameter, as it came; of the first if it comes twice.
pub(crate) fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// The same target with a builder's block weighed as nothing.
pub(crate) fn unboosted(path: &str, query: Option<&str>) -> String {
    let is_boost = |pair: &&str| pair.split('=').next() == Some(BOOST);
    let mut target = format!("{path}?");
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_boost(pair)) {
        target.push_str(pair);
        target.push('&');
    }
    target.push_str(BOOST);
    target.push_str("=0");
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_boost_changes() {
        for (query, changed) in [
            (None, "/p?builder_boost_factor=0"),
            (Some(""), "/p?builder_boost_factor=0"),
            (Some("randao_reveal=0xab"), "/p?randao_reveal=0xab&builder_boost_factor=0"),
            (Some("builder_boost_factor=90&a=%20b"), "/p?a=%20b&builder_boost_factor=0"),
            (Some("a=1&builder_boost_factor=1&b&builder_boost_factor=2"), "/p?a=1&b&builder_boost_factor=0"),
            (Some("builder_boost_factor&x"), "/p?x&builder_boost_factor=0"),
            (Some("builder_boost_factors=3"), "/p?builder_boost_factors=3&builder_boost_factor=0"),
        ] {
            assert_eq!(unboosted("/p", query), changed, "{query:?}");
        }
    }

    #[test]
    fn values_are_found_by_their_whole_name() {
        let query = "skip_randao=1&randao_reveal=0xab&feeRecipient=&randao_reveal=0xcd";
        for (name, found) in [
            ("randao_reveal", Some("0xab")),
            ("feeRecipient", Some("")),
            ("randao", None),
            ("reveal", None),
            ("x", None),
        ] {
            assert_eq!(value(query, name), found, "{name}");
        }
    }
}
