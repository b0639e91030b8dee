//! Every template finds itself; every trick is refused; random bytes find something, never a panic.

use super::super::Strategy;
use super::*;

/// A path that fits a template, with a value for each parameter.
fn example(template: &str) -> String {
    let segments = template.split('/').map(|segment| if segment.starts_with('{') { "0xabc,1:2" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn every_template_finds_itself_and_only_itself() {
    assert_eq!(listed().count(), 118);
    for row in listed() {
        let path = example(row.path);
        let methods: &[&str] = if row.method == Method::Get { &["GET", "HEAD"] } else { &["POST"] };
        for method in methods {
            let Found::Row(found, params) = find(method, &path) else { panic!("{method} {path}") };
            assert_eq!(found.operation, row.operation, "{method} {path}");
            assert_eq!(params.iter().count(), row.path.matches('{').count());
            assert!(params.iter().all(|(_, value)| value == "0xabc,1:2"));
        }
        let segments: Vec<_> = path[1..].split('/').collect();
        let fitting = PATTERNS[segments.len()].iter().filter(|pattern| pattern.fits(&segments));
        assert!(fitting.clone().all(|pattern| pattern.row.path == row.path), "{path} is ambiguous");
    }
}

#[test]
fn request_lines_find_their_rows() {
    for (method, path, operation) in [
        ("GET", "/eth/v1/events", "events"),
        ("GET", "/eth/v2/validator/blocks/12", "produce_block_v2"),
        ("GET", "/eth/v1/beacon/blocks/head/root", "block_root"),
        ("POST", "/eth/v1/beacon/blocks", "publish_block_v1"),
        ("GET", "/eth/v1/beacon/states/head/validators/0xAB%2C", "validator"),
        ("GET", "/lighthouse/staking", "lighthouse_staking"),
        ("POST", "/eth/v4/validator/blocks/7", "produce_block_v4_post"),
    ] {
        let Found::Row(row, _) = find(method, path) else { panic!("{method} {path}") };
        assert_eq!(row.operation, operation, "{method} {path}");
    }
}

#[test]
fn parameters_are_read_by_name_and_decoded() {
    let path = "/eth/v1/validator/execution_payload_envelopes/12/0xab%3Acd";
    let Found::Row(_, params) = find("GET", path) else { panic!("listed") };
    assert_eq!(params.value("slot").as_deref(), Some("12"));
    assert_eq!(params.value("beacon_block_root").as_deref(), Some("0xab:cd"));
    assert_eq!(params.value("epoch"), None);
    assert_eq!(format!("{params:?}"), r#"{"slot": "12", "beacon_block_root": "0xab%3Acd"}"#);
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    for (method, path, allow) in [
        ("POST", "/eth/v1/node/syncing", "GET, HEAD"),
        ("DELETE", "/eth/v1/node/syncing", "GET, HEAD"),
        ("GET", "/eth/v2/beacon/blocks", "POST"),
        ("HEAD", "/eth/v2/beacon/blocks", "POST"),
        ("PUT", "/eth/v2/beacon/pool/attestations", "GET, HEAD, POST"),
        ("get", "/eth/v1/node/syncing", "GET, HEAD"),
        ("", "/eth/v1/events", "GET, HEAD"),
        ("TRACE", "/eth/v9/new", "GET, HEAD, POST, PUT, PATCH, DELETE"),
    ] {
        assert_eq!(find(method, path), Found::WrongMethod { allow }, "{method} {path}");
    }
}

#[test]
fn paths_that_are_not_listed() {
    let (read, write, admin) = ("unlisted_read", "unlisted_write", "admin");
    for (method, path, operation) in [
        ("GET", "/", read),
        ("GET", "/eth/v9/beacon/blocks/head", read),
        ("HEAD", "/eth/v1/new", read),
        ("GET", "/a/b/c/d/e/f/g/h/i/j/k/l", read),
        ("GET", "/eth", read),
        ("GET", "/ETH/v1/events", read),
        ("POST", "/eth/v1/validator/new", write),
        ("PUT", "/eth/v1/new", write),
        ("DELETE", "/eth/v1/new", write),
        ("GET", "/eth/v1/validator/0xab/new", read),
        ("GET", "/lighthouse/health", admin),
        ("POST", "/lighthouse/liveness", admin),
        ("GET", "/prysm/v1/node/trusted_peers", admin),
        ("PUT", "/teku/v1/admin/log_level", admin),
        ("POST", "/nimbus/v1/timesync", admin),
        ("GET", "/Teku/v1/admin/readiness", admin),
        ("GET", "/metrics", admin),
        ("GET", "/eth/v1/keystores", admin),
        ("POST", "/eth/v1/keystores", admin),
        ("DELETE", "/eth/v1/remotekeys", admin),
        ("GET", "/eth/v1/KeyStores", admin),
        ("POST", "/eth/v1/validator/0xab/feerecipient", admin),
        ("POST", "/eth/v1/validator/0xab/voluntary_exit", admin),
        ("GET", "/eth/v1/lodestar/write_heapdump", admin),
        ("GET", "/eth/v3/debug/beacon/states/head", admin),
        ("TRACE", "/metrics", admin),
    ] {
        let Found::Unlisted { kind, row } = find(method, path) else { panic!("{method} {path}") };
        assert_eq!(row.operation, operation, "{method} {path}");
        assert_eq!(kind == Unlisted::Admin, row.strategy == Strategy::Deny, "{method} {path}");
    }
}

#[test]
fn tricks_with_paths_are_refused() {
    let long_dots = format!("/{}..", "a/".repeat(5_000));
    for (path, reason) in [
        ("", BadPath::NotAbsolute),
        ("*", BadPath::NotAbsolute),
        ("eth/v1/node/syncing", BadPath::NotAbsolute),
        ("http://node/eth/v1/node/syncing", BadPath::NotAbsolute),
        ("/eth/v1/node/syncing/", BadPath::TrailingSlash),
        ("/eth/v1/events/../keystores", BadPath::Dots),
        ("/eth/v1/./node/syncing", BadPath::Dots),
        ("/..", BadPath::Dots),
        ("/.", BadPath::Dots),
        (&long_dots, BadPath::Dots),
        ("//eth/v1/node/syncing", BadPath::EmptySegment),
        ("/eth//v1/node/syncing", BadPath::EmptySegment),
        ("//", BadPath::EmptySegment),
        ("/eth/v1/beacon/blocks/a%2Fb/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/a%2fb/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/a%5Cb/root", BadPath::Encoding),
        ("/eth/v1/events/%2e%2e/keystores", BadPath::Encoding),
        ("/eth/v1/events/.%2E/keystores", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/head%00/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/head%0d%0a/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/head%20/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%C3%A9/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%252F/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%3Bx/root", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%3Fx/root", BadPath::Encoding),
        ("/eth/v1/%6Beystores", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%2", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%zz", BadPath::Encoding),
        ("/eth/v1/beacon/blocks/%+1", BadPath::Encoding),
        ("/teku;x/v1/admin", BadPath::Character),
        ("/eth/v1\\keystores", BadPath::Character),
        ("/eth/v1/node/syncing?a=b", BadPath::Character),
        ("/eth/v1/node/syncing#a", BadPath::Character),
        ("/eth/v1/node/é", BadPath::Character),
        ("/eth/v1/node/syn cing", BadPath::Character),
        ("/eth/v1/node/\0", BadPath::Character),
        ("/eth/v1/beacon/blocks/{block_id}", BadPath::Character),
    ] {
        for method in ["GET", "POST", "TRACE"] {
            assert_eq!(find(method, path), Found::BadPath(reason), "{method} {path:?}");
        }
        assert!(reason.to_string().starts_with("the path "));
    }
}

#[test]
fn random_paths_find_something_and_never_panic() {
    const PIECES: [&str; 22] = [
        "/",
        "//",
        "eth",
        "v1",
        "beacon",
        "validator",
        "blocks",
        "..",
        ".",
        "%",
        "%2",
        "%2F",
        "%2C",
        "%00",
        "é",
        "\u{10FFFF}",
        "\0",
        "{slot}",
        "head",
        "0x12",
        ";",
        "?",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).expect("below a usize")
    };
    let mut kinds = [0_u32; 4];
    for _ in 0..200_000 {
        let mut path = String::from(if next(8) == 0 { "" } else { "/" });
        for _ in 0..next(12) {
            path.push_str(PIECES[next(PIECES.len())]);
            if next(2) == 0 {
                path.push('/');
            }
            if next(6) == 0 {
                path.extend(char::from_u32(u32::try_from(next(0x500)).expect("small")));
            }
        }
        let mut listed_path = example(listed().nth(next(118)).expect("118 rows").path);
        if next(2) == 0 {
            listed_path.push_str(PIECES[next(PIECES.len())]);
            path = listed_path;
        }
        match find(["GET", "POST", "PUT", "x"][next(4)], &path) {
            Found::BadPath(_) => kinds[0] += 1,
            Found::Row(_, params) => {
                kinds[1] += 1;
                assert!(params.iter().all(|(name, _)| params.value(name).is_some_and(|value| !value.contains('/'))));
            }
            Found::Unlisted { .. } => kinds[2] += 1,
            Found::WrongMethod { .. } => kinds[3] += 1,
        }
    }
    assert!(kinds.iter().all(|count| *count > 100), "the paths were not varied enough: {kinds:?}");
}
