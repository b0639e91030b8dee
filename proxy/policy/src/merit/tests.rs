//! Answers as nodes of all families give them, and what they are worth.

use super::*;
use crate::catalogue::row;

const JSON: Option<&str> = Some("application/json");
const SSZ: Option<&str> = Some("application/octet-stream");
const BOTH: Option<&str> = Some("application/octet-stream;q=1,application/json;q=0.9");
const ROOT: &str = r#"{"data":{"root":"0x33"},"execution_optimistic":false,"finalized":false}"#;
const VOTE: &str = r#"{"data":{"slot":"1","beacon_block_root":"0x33","source":{},"target":{}}}"#;

fn whole(status: u16, body: &str) -> Observed<'_> {
    Observed {
        status,
        content_type: JSON,
        optimistic: None,
        accept: JSON,
        eth: EthHeaders::default(),
        body: Body::Whole(body.as_bytes()),
    }
}

fn opening(status: u16, body: &str) -> Observed<'_> {
    Observed { body: Body::Opening(body.as_bytes()), ..whole(status, "") }
}

/// `good`, `later` (good, but any better one is preferred), `final <status>` or `bad`.
fn verdict(operation: &str, observed: &Observed<'_>) -> String {
    let row = row(operation).unwrap_or_else(|| panic!("no operation {operation}"));
    match judge(row, observed).0 {
        Verdict::Good { score, .. } if score < ENOUGH => "later".to_owned(),
        Verdict::Good { .. } => "good".to_owned(),
        Verdict::Final { status } => format!("final {status}"),
        Verdict::Bad => "bad".to_owned(),
    }
}

#[test]
fn statuses() {
    let error = r#"{"code":0,"message":"no"}"#;
    for (operation, status, expected) in [
        ("header", 400, "final 400"),
        ("header", 404, "final 404"),
        ("header", 414, "final 414"),
        ("header", 401, "bad"),
        ("header", 403, "bad"),
        ("header", 405, "bad"),
        ("header", 406, "bad"),
        ("header", 413, "bad"),
        ("header", 415, "bad"),
        ("header", 429, "bad"),
        ("header", 500, "bad"),
        ("header", 501, "bad"),
        ("header", 503, "bad"),
        ("header", 599, "bad"),
        ("header", 100, "bad"),
        ("header", 301, "bad"),
        ("header", 307, "bad"),
        ("header", 999, "bad"),
        ("header", 0, "bad"),
        // A refusal to build a block is the node's own, whatever it says.
        ("produce_block_v3", 400, "bad"),
        ("produce_block_v2", 404, "bad"),
        ("produced_envelope", 404, "bad"),
        ("blobs", 404, "bad"),
        ("light_client_bootstrap", 404, "bad"),
        // Lodestar and others say 501 to selections unless a distributed validator's middleware stands between.
        ("committee_selections", 501, "final 501"),
        ("sync_selections", 501, "final 501"),
        ("sync_selections", 503, "bad"),
        ("publish_block_v2", 400, "final 400"),
        ("publish_block_v2", 404, "bad"),
        ("publish_block_v2", 415, "bad"),
        ("publish_attestations_v2", 500, "bad"),
        ("publish_attestations_v2", 302, "bad"),
        ("unlisted_read", 404, "final 404"),
        ("unlisted_read", 301, "bad"),
        ("unlisted_write", 404, "good"),
        ("unlisted_write", 500, "good"),
        ("unlisted_write", 201, "good"),
        ("unlisted_write", 307, "bad"),
    ] {
        assert_eq!(verdict(operation, &whole(status, error)), expected, "{operation} {status}");
    }
}

#[test]
fn successes_without_or_with_little_content() {
    for (name, operation, observed, expected) in [
        ("no block in this slot", "payload_attestation_data", whole(204, ""), "final 404"),
        ("Teku has no answer", "attester_duties", whole(204, ""), "bad"),
        ("Teku has no answer", "attestation_data", whole(204, ""), "bad"),
        ("202 of a read", "header", opening(202, ROOT), "bad"),
        ("206 of a read", "header", opening(206, ROOT), "bad"),
        ("empty", "header", opening(200, ""), "bad"),
        ("empty", "attestation_data", whole(200, ""), "bad"),
        ("blanks only", "attestation_data", whole(200, " \n"), "bad"),
        ("an unlisted read may be empty", "unlisted_read", opening(204, ""), "good"),
        ("an unlisted read may be anything", "unlisted_read", opening(200, "<html>"), "good"),
        ("published", "publish_block_v2", whole(200, ""), "good"),
        ("published, empty object", "publish_block_v1", whole(200, "{}"), "good"),
        ("published, sent on only", "publish_block_v2", whole(202, ""), "good"),
        ("prepared, by Teku", "prepare_proposers", whole(202, ""), "good"),
        ("subscribed without content", "committee_subscriptions", whole(204, ""), "good"),
        ("HEAD", "header", Observed { body: Body::Absent, ..whole(200, "") }, "good"),
        ("HEAD of a duty answer", "attestation_data", Observed { body: Body::Absent, ..whole(200, "") }, "good"),
    ] {
        assert_eq!(verdict(operation, &observed), expected, "{name}: {operation}");
    }
}

#[test]
fn bodies_that_come_whole() {
    for (name, body, expected) in [
        ("an answer", ROOT, "good"),
        ("flag absent", r#"{"data":{"root":"0x33"}}"#, "good"),
        ("blanks around", " \r\n{ \"data\" : {\"root\":\"0x33\"} }\n", "good"),
        ("unknown keys", r#"{"version":"fulu","data":{"root":"0x33"},"more":{"code":500}}"#, "good"),
        ("wrong types", r#"{"data":{"root":7}}"#, "bad"),
        ("optimistic", r#"{"data":{"root":"0x33"},"execution_optimistic":true}"#, "bad"),
        ("optimistic as a string", r#"{"execution_optimistic":"true","data":{}}"#, "bad"),
        ("cut off", &ROOT[..ROOT.len() - 1], "bad"),
        ("cut off in the middle", &ROOT[..20], "bad"),
        ("two documents", r#"{"data":{}}{"data":{}}"#, "bad"),
        ("data twice", r#"{"data":{},"data":{}}"#, "bad"),
        ("no data", "{}", "bad"),
        ("null data", r#"{"data":null}"#, "bad"),
        ("an array that fits by position", "[{},false,null,null,null]", "bad"),
        ("a number", "7", "bad"),
        ("not JSON", "ok", "bad"),
        ("HTML", "<html></html>", "bad"),
        ("an error at 200", r#"{"code":500,"message":"boom"}"#, "bad"),
        ("Teku's error at 200", r#"{"code":"503","message":"syncing"}"#, "bad"),
        ("Fastify's error at 200", r#"{"statusCode":503,"error":"Service Unavailable","message":"syncing"}"#, "bad"),
    ] {
        assert_eq!(verdict("block_root", &whole(200, body)), expected, "{name}: {body}");
    }
}

#[test]
fn an_optimistic_answer_is_refused_only_where_a_signature_would_follow_a_head() {
    let optimistic = r#"{"execution_optimistic":true,"data":[]}"#;
    for (operation, expected) in [
        ("block_root", "bad"),
        ("attestation_data", "bad"),
        ("attester_duties", "later"),
        ("proposer_duties_v1", "later"),
    ] {
        assert_eq!(verdict(operation, &whole(200, optimistic)), expected, "{operation}");
    }
    assert_eq!(verdict("header", &opening(200, optimistic)), "later");
    assert_eq!(verdict("header", &opening(200, r#"{"data":{},"execution_optimistic" : true"#)), "later");
    let by_header = |optimistic| Observed { optimistic: Some(optimistic), ..opening(200, r#"{"data":"#) };
    assert_eq!(verdict("header", &by_header("true")), "later");
    assert_eq!(verdict("header", &by_header("false")), "good");
    let ssz = Observed {
        content_type: SSZ,
        accept: BOTH,
        eth: EthHeaders::default(),
        body: Body::Whole(&[1; 128]),
        ..by_header("true")
    };
    assert_eq!(verdict("attestation_data", &ssz), "bad");
}

#[test]
fn bodies_of_which_the_first_bytes_are_read() {
    for (name, body, expected) in [
        ("an answer", r#"{"execution_optimistic":false,"data":[{"index":"#, "good"),
        ("data first", r#"{"data":{"code":500,"message""#, "good"),
        ("an array", r#"[{"version":"fulu","data"#, "good"),
        ("one byte", "{", "good"),
        ("a key that is not all there", r#"{"co"#, "good"),
        ("an error", r#"{"code":500,"message":"boom"}"#, "bad"),
        ("an error, blanks inside", "{\n  \"message\": \"boom\"", "bad"),
        ("Fastify's error", r#"{"statusCode":500,"error":"Internal Server Error"}"#, "bad"),
        ("an empty object", "{}", "bad"),
        ("broken", "{data", "bad"),
        ("HTML", "<!DOCTYPE html>", "bad"),
        ("plain text", "404 page not found", "bad"),
        ("NUL", "\0\0\0", "bad"),
    ] {
        assert_eq!(verdict("validators", &opening(200, body)), expected, "{name}: {body}");
    }
}

#[test]
fn media_types() {
    let ssz_bytes: &[u8] = &[7; 128];
    for (name, content_type, accept, body, expected) in [
        ("JSON", JSON, JSON, VOTE.as_bytes(), "good"),
        ("JSON with a charset", Some("Application/JSON; charset=utf-8"), JSON, VOTE.as_bytes(), "good"),
        ("JSON to who asked for SSZ", JSON, SSZ, VOTE.as_bytes(), "good"),
        ("no type", None, JSON, VOTE.as_bytes(), "good"),
        ("a type nobody knows", Some("text/plain"), JSON, VOTE.as_bytes(), "good"),
        ("HTML", Some("text/html; charset=utf-8"), JSON, VOTE.as_bytes(), "bad"),
        ("events", Some("text/event-stream"), JSON, VOTE.as_bytes(), "bad"),
        ("SSZ as asked", SSZ, BOTH, ssz_bytes, "good"),
        ("SSZ as asked, other case", SSZ, Some("application/json, Application/Octet-Stream"), ssz_bytes, "good"),
        ("SSZ to who asked for JSON", SSZ, JSON, ssz_bytes, "bad"),
        ("SSZ to who takes anything", SSZ, Some("*/*"), ssz_bytes, "bad"),
        ("SSZ to who said nothing", SSZ, None, ssz_bytes, "bad"),
        ("SSZ to who refused it", SSZ, Some("application/octet-stream;q=0.0,application/json"), ssz_bytes, "bad"),
        ("SSZ too short", SSZ, BOTH, &ssz_bytes[1..], "bad"),
        ("SSZ empty", SSZ, BOTH, &[], "bad"),
        ("SSZ called JSON", JSON, BOTH, ssz_bytes, "bad"),
    ] {
        let observed = Observed {
            status: 200,
            content_type,
            optimistic: None,
            accept,
            eth: EthHeaders::default(),
            body: Body::Whole(body),
        };
        assert_eq!(verdict("attestation_data", &observed), expected, "{name}");
    }
    let block = Observed {
        status: 200,
        content_type: SSZ,
        optimistic: None,
        accept: BOTH,
        eth: EthHeaders::default(),
        body: Body::Opening(&[0; 9]),
    };
    assert_eq!(verdict("block_v2", &block), "good", "SSZ of other operations may have any length");
}

#[test]
fn publications_that_say_success() {
    for (name, status, content_type, body, expected) in [
        ("Lighthouse's duplicate", 202, JSON, r#"{"code":202,"message":"duplicate block","stacktraces":[]}"#, "good"),
        ("words", 200, Some("text/plain"), "OK", "good"),
        ("an error body", 200, JSON, r#"{"code":500,"message":"boom"}"#, "bad"),
        ("an error body with a word as its code", 200, JSON, r#"{"code":"ECONNREFUSED","message":"x"}"#, "bad"),
        ("failed items", 200, JSON, r#"{"message":"some","failures":[{"index":0,"message":"bad"}]}"#, "bad"),
        ("no failed items", 200, JSON, r#"{"failures":[]}"#, "good"),
        ("a web server's page", 200, Some("text/html"), "welcome", "bad"),
        ("a web server's page without a type", 200, None, " <html>", "bad"),
    ] {
        let observed = Observed { content_type, ..whole(status, body) };
        assert_eq!(verdict("publish_attestations_v2", &observed), expected, "{name}");
    }
    let score = |status| judge(row("publish_block_v2").expect("listed"), &whole(status, "")).0;
    let (Verdict::Good { score: full, .. }, Verdict::Good { score: sent_on, .. }) = (score(200), score(202)) else {
        panic!("both are successes")
    };
    assert!(full > sent_on, "imported is better than only sent on");
}

#[test]
fn reasons_say_what_the_node_said() {
    let html = Observed { content_type: Some("text/html"), ..whole(200, "<html>") };
    for (operation, observed, expected) in [
        ("header", whole(503, r#"{"code":503,"message":"Node is syncing"}"#), "HTTP 503: Node is syncing"),
        ("header", whole(404, "404 page\r\nnot found\n"), "HTTP 404: 404 page not found"),
        ("header", whole(500, ""), "HTTP 500 (no answer to this request)"),
        ("header", whole(400, ""), "HTTP 400"),
        ("header", whole(400, r#"{"error":"x"}"#), r#"HTTP 400: {"error":"x"}"#),
        ("header", whole(400, r#"{"message":7}"#), r#"HTTP 400: {"message":7}"#),
        ("header", whole(301, ""), "HTTP 301 (a redirect; never followed)"),
        ("header", opening(200, ROOT), "HTTP 200"),
        ("header", opening(200, ""), "HTTP 200 with an empty body"),
        ("header", html, "HTTP 200 in a form that was not asked for"),
        ("attester_duties", whole(204, ""), "HTTP 204 (no answer to this request)"),
        ("block_root", whole(200, &ROOT[..9]), "HTTP 200 with a body that is cut off or is no Beacon API answer"),
        ("block_root", whole(200, r#"{"code":"500","message":"boom"}"#), "HTTP 200: boom"),
        (
            "publish_attestations_v2",
            whole(500, r#"{"message":"failed","code":500,"failures":[{"index":"3","message":"known"},{"index":4}]}"#),
            "HTTP 500: failed (2 failed, the first: known)",
        ),
    ] {
        assert_eq!(judge(row(operation).expect("listed"), &observed).1, expected);
    }
}

#[test]
fn reasons_are_short_and_steer_no_terminal() {
    let row = row("header").expect("listed");
    let long = format!(r#"{{"message":"{}"}}"#, "é".repeat(100_000));
    assert_eq!(judge(row, &whole(500, &long)).1.chars().count(), REASON_CHARS);
    let words = format!(r#"{{"message":"{}"}}"#, "ab ".repeat(1_000));
    let (_, text) = judge(row, &whole(500, &words));
    assert!(text.chars().count() <= REASON_CHARS && text.ends_with('…'), "{text}");
    let hostile = "a\u{1b}[31m\u{202E}b\u{0}c\u{7f}\u{FEFF}";
    assert_eq!(judge(row, &whole(500, hostile)).1, "HTTP 500: a [31m b c");
    let invalid = Observed { body: Body::Whole(&[0xff, 0xfe, b'x']), ..whole(500, "") };
    assert_eq!(judge(row, &invalid).1, "HTTP 500: \u{FFFD}\u{FFFD}x");
}

#[test]
fn random_bytes_are_judged_and_never_panic() {
    const PIECES: [&str; 14] = [
        "{",
        "}",
        "[",
        "\"data\"",
        "\"code\"",
        ":",
        ",",
        "true",
        "\"execution_optimistic\"",
        "\\",
        "\"",
        " ",
        "é",
        "\0",
    ];
    let mut state = 0xD1B5_4A32_D192_ED03_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).expect("below a usize")
    };
    let rows: Vec<_> = crate::catalogue::rows().collect();
    for _ in 0..100_000 {
        let text: String = (0..next(14)).map(|_| PIECES[next(PIECES.len())]).collect();
        let cut = next(text.len() + 1);
        let bytes = &text.as_bytes()[cut..];
        let body = if next(2) == 0 { Body::Whole(bytes) } else { Body::Opening(bytes) };
        let status = [200, 200, 202, 204, 400, 500][next(6)];
        let observed = Observed {
            status,
            content_type: [JSON, SSZ, None][next(3)],
            optimistic: None,
            accept: BOTH,
            eth: EthHeaders::default(),
            body,
        };
        let row = rows[next(rows.len())];
        let (verdict, text) = judge(row, &observed);
        assert!(text.starts_with("HTTP ") && text.chars().count() <= REASON_CHARS);
        if verdict == Verdict::Bad {
            assert_ne!(text, format!("HTTP {status}"), "an answer that is not used has a cause: {}", row.operation);
        }
    }
}

#[test]
fn a_media_type_is_the_same_in_any_case() {
    for (written, ssz) in [
        (Some("application/octet-stream"), true),
        (Some(" Application/Octet-Stream ; q=1"), true),
        (Some("application/octet-stream-like"), false),
        (Some("application/json"), false),
        (None, false),
    ] {
        assert_eq!(is_ssz(written), ssz, "{written:?}");
    }
}
