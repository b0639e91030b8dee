//! Tables of URLs as people write them.

use super::{SafeUrl, masked};

#[test]
fn spellings_of_one_address_are_one() {
    for (typed, read) in [
        ("http://127.0.0.1:5052", "http://127.0.0.1:5052"),
        ("HTTP://Attic.Local:5052/", "http://attic.local:5052"),
        ("http://attic:80", "http://attic"),
        ("https://attic:443//", "https://attic"),
        ("https://attic:80", "https://attic:80"),
        ("http://[::1]:5052", "http://[::1]:5052"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("https://rpc.example//key/abc-%2F/", "https://rpc.example/key/abc-%2F"),
        ("http://beacon_node:05052", "http://beacon_node:5052"),
        ("http://user:secret@attic:5052/x/", "http://attic:5052/x"),
    ] {
        let (url, _) = SafeUrl::parse(typed).unwrap_or_else(|problem| panic!("{typed}: {problem}"));
        assert_eq!(url.to_string(), read, "{typed}");
        assert_eq!(SafeUrl::parse(read).expect("what is printed can be read").0, url, "{typed}");
    }
}

#[test]
fn bad_urls_are_refused_with_a_cure() {
    for (typed, message) in [
        ("", "scheme is missing"),
        ("127.0.0.1:5052", "scheme is missing"),
        ("ws://attic", "only http:// and https://"),
        ("http://", "host"),
        ("http:///eth", "host"),
        ("http://:5052", "host"),
        ("http://attic:0", "port"),
        ("http://attic:65536", "port"),
        ("http://attic:", "port"),
        ("http://attic:50x", "port"),
        ("http://::1:5052", "host or port"),
        ("http://[::1", "host or port"),
        ("http://at tic", "spaces"),
        ("http://attic\n", "spaces"),
        ("http://attic/?key=1", "query"),
        ("http://attic#x", "query"),
        ("http://attic/a/../b", "path"),
        ("http://attic/a\"b", "percent-encoded"),
        ("http://:@attic", "user part"),
        ("http://@attic", "user part"),
        ("http://a%zz@attic", "user part"),
        ("http://a%4@attic", "user part"),
    ] {
        let problem = SafeUrl::parse(typed).map(|(url, _)| url).expect_err(typed);
        assert!(problem.contains(message), "{typed}: {problem}");
    }
}

#[test]
fn the_user_part_becomes_an_authorization_and_is_never_shown() {
    for (typed, decoded) in [
        ("http://alice:s3cret@attic:5052", "alice:s3cret"),
        ("http://alice:s%40c:r%2fet@attic", "alice:s@c:r/et"),
        ("http://alice:s@cret@attic", "alice:s@cret"),
        ("http://tokenonly@attic", "tokenonly:"),
        ("http://:password@attic", ":password"),
    ] {
        let (url, authorization) = SafeUrl::parse(typed).expect(typed);
        let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, decoded);
        assert_eq!(authorization.expect(typed).expose(), format!("Basic {encoded}"), "{typed}");
        assert!(!url.to_string().contains('@'), "{typed}");
        assert!(masked(typed).starts_with("http://***@attic"), "{typed}");
    }
    assert_eq!(masked("http://attic:5052/x"), "http://attic:5052/x");
    assert_eq!(masked("alice:s3cret@attic"), "***@attic", "without a scheme the secret is still one");
    assert_eq!(masked("https://rpc/v1/0123456789abcdef/x"), "https://rpc/v1/***/x", "a key in the path");
    let (keyed, _) = SafeUrl::parse("https://rpc/v1/0123456789abcdef/x").expect("a good URL");
    assert_eq!(format!("{keyed} {keyed:?}"), "https://rpc/v1/***/x https://rpc/v1/***/x");
    assert_eq!(keyed.prefix(), "/v1/0123456789abcdef/x", "what is sent is whole");
}

#[test]
fn requests_stand_behind_the_prefix() {
    for (base, target, whole) in [
        ("http://attic", "/eth/v1/node/version", "http://attic/eth/v1/node/version"),
        ("https://rpc/key/", "/eth/v1/events?topics=head", "https://rpc/key/eth/v1/events?topics=head"),
    ] {
        let (url, _) = SafeUrl::parse(base).expect(base);
        assert_eq!(url.join(target).expect(target).to_string(), whole);
    }
}
