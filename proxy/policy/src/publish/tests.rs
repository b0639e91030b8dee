//! Named cases: what several nodes said, and what the caller is told.

use super::*;
use crate::catalogue::row;

const OK: Outcome = Outcome::Accepted { status: 200 };
const SENT_ON: Outcome = Outcome::Accepted { status: 202 };

fn no(status: u16) -> Outcome {
    Outcome::Refused { status, failures: Failures::Unlisted }
}

fn indexed(status: u16) -> Outcome {
    Outcome::Refused { status, failures: Failures::Listed }
}

/// `200 from 1`, `refusal of 0`, `ours 503`.
fn told(operation: &str, outcomes: &[Outcome]) -> String {
    match settle(row(operation).expect("listed"), outcomes) {
        Settled::Accepted { index, status } => format!("{status} from {index}"),
        Settled::Ours { status, .. } => format!("ours {status}"),
        Settled::Theirs { index } => format!("refusal of {index}"),
    }
}

#[test]
fn publications() {
    let (away, silent) = (Outcome::Unreachable, Outcome::Unknown);
    for (name, outcomes, expected) in [
        ("one accepts", &[OK][..], "200 from 0"),
        ("one of many accepts", &[no(400), away, silent, no(500), OK], "200 from 4"),
        ("imported beats sent on", &[SENT_ON, OK], "200 from 1"),
        ("sent on beats every refusal", &[no(400), SENT_ON, silent], "202 from 1"),
        ("two accept: the first", &[no(503), OK, OK], "200 from 1"),
        ("all refuse: the first speaks", &[no(400), no(400)], "refusal of 0"),
        ("failed items beat a plain refusal", &[no(400), indexed(400)], "refusal of 1"),
        ("Prysm lists failed items with 500", &[no(400), indexed(500)], "refusal of 1"),
        ("a refusal beats a lack", &[no(415), no(400)], "refusal of 1"),
        ("a refusal beats a fault", &[no(500), no(503), no(400)], "refusal of 2"),
        ("a lack beats a fault", &[no(500), no(404)], "refusal of 1"),
        ("a route that nobody has", &[no(404), no(404)], "refusal of 0"),
        ("lacks only", &[no(405), no(415)], "refusal of 0"),
        ("a lack of one, another away", &[away, no(415)], "refusal of 1"),
        ("all are syncing", &[no(503), no(503)], "refusal of 0"),
        ("syncing and away", &[away, no(503)], "refusal of 1"),
        ("syncing and a fault", &[no(503), no(500)], "refusal of 1"),
        ("all away", &[away, away], "ours 503"),
        ("nobody was asked", &[], "ours 503"),
        ("one is silent", &[silent], "ours 500"),
        ("refused, and one is silent: never 400", &[no(400), silent], "ours 500"),
        ("failed items, and one is silent: never 400", &[indexed(400), silent], "ours 500"),
        ("a lack, and one is silent", &[no(415), silent], "ours 500"),
        ("away and silent", &[away, silent], "ours 500"),
        ("a gateway says silence", &[no(400), no(504)], "ours 500"),
        ("our token is wrong: not the caller's business", &[no(401), no(403)], "ours 503"),
        ("too many requests", &[no(429)], "ours 503"),
        ("a redirect", &[no(302)], "ours 503"),
        ("a web server's page", &[no(200)], "ours 503"),
        ("a refusal beats a wrong token", &[no(401), no(400)], "refusal of 1"),
    ] {
        assert_eq!(told("publish_block_v2", outcomes), expected, "{name}");
    }
}

#[test]
fn the_order_of_outcomes_only_decides_among_equals() {
    let block = row("publish_block_v2").expect("listed");
    let chosen = |outcomes: [Outcome; 2]| match settle(block, &outcomes) {
        Settled::Accepted { index, .. } | Settled::Theirs { index } => Ok(outcomes[index]),
        Settled::Ours { status, .. } => Err(status),
    };
    let all = [OK, SENT_ON, no(400), indexed(400), no(404), no(500), no(503), no(401), no(504), Outcome::Unreachable];
    for a in all {
        for b in all {
            assert_eq!(chosen([a, b]), chosen([b, a]), "{a:?} {b:?}");
        }
    }
}

#[test]
fn statuses_that_the_caller_would_not_understand_become_200() {
    for (operation, status, expected) in [
        ("publish_block_v2", 202, 202),
        ("publish_block_v1", 200, 200),
        ("publish_envelope", 202, 202),
        ("publish_attestations_v2", 202, 200),
        ("prepare_proposers", 202, 200),
        ("committee_subscriptions", 204, 200),
        ("payload_attestation_data", 204, 204),
        ("unlisted_write", 201, 201),
    ] {
        assert_eq!(caller_status(row(operation).expect("listed"), status), expected, "{operation} {status}");
    }
    assert_eq!(told("prepare_proposers", &[Outcome::Accepted { status: 202 }]), "200 from 0");
}

#[test]
fn reads_that_nobody_could_answer() {
    let (away, silent) = (Outcome::Unreachable, Outcome::Unknown);
    for (name, outcomes, expected) in [
        ("all say 400: it is the caller's", &[no(400), no(400)][..], "refusal of 0"),
        ("not all say 400", &[no(400), no(503)], "ours 503"),
        ("a route that nobody has, one is away", &[away, no(404), silent], "refusal of 1"),
        ("a method that nobody has", &[no(405), no(405)], "refusal of 0"),
        ("all are syncing", &[no(503), no(503)], "ours 503"),
        ("faults", &[no(500), no(500)], "ours 503"),
        ("unusable successes", &[no(200), no(200)], "ours 503"),
        ("our token is wrong", &[no(401)], "ours 503"),
        ("all away", &[away, silent], "ours 503"),
        ("nobody was asked", &[], "ours 503"),
    ] {
        assert_eq!(told("produce_block_v3", outcomes), expected, "{name}");
    }
}

#[test]
fn refusals_get_the_shape_that_callers_read() {
    for (name, status, body, expected) in [
        ("in shape", 400, r#"{"code":400,"message":"no","stacktraces":[]}"#, None),
        ("in shape, with failures", 400, r#"{"code":400,"message":"no","failures":[{"index":1,"message":"x"}]}"#, None),
        (
            "Prysm's plain text",
            415,
            "unsupported media type\n",
            Some(r#"{"code":415,"message":"unsupported media type"}"#),
        ),
        (
            "Teku's string code",
            400,
            r#"{"code":"400","message":"bad","failures":[{"index":"3","message":"old"},{"message":"lost"}]}"#,
            Some(r#"{"code":400,"message":"bad","failures":[{"index":3,"message":"old"}]}"#),
        ),
        (
            "Lodestar's statusCode",
            404,
            r#"{"statusCode":404,"error":"Not Found","message":"no route"}"#,
            Some(r#"{"code":404,"message":"no route"}"#),
        ),
        (
            "a code that is not the status",
            500,
            r#"{"code":400,"message":"no"}"#,
            Some(r#"{"code":500,"message":"no"}"#),
        ),
        ("no message", 400, r#"{"code":400}"#, Some(r#"{"code":400,"message":"the node gave no reason"}"#)),
        ("nothing", 503, "", Some(r#"{"code":503,"message":"the node gave no reason"}"#)),
    ] {
        assert_eq!(normal_refusal(status, body.as_bytes()).as_deref(), expected, "{name}");
    }
    let page = normal_refusal(502, "<p>".repeat(100_000).as_bytes()).expect("no shape");
    assert!(page.len() < 1_100, "a message has a bound");
}
