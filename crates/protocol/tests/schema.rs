//! The checked-in JSON Schemas agree with the types, and documents survive a
//! round trip.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use protocol::{
    Candidate, ContentHash, Description, Experiment, Hello, Inspection, Operation, Reply,
    ReplyBody, Report, Request, Split, Verdict,
};
use schemars::{JsonSchema, schema_for};

/// Compares `schema/NAME.json` with the type; `UPDATE_SCHEMA=1` rewrites it.
fn check<T: JsonSchema>(name: &str) {
    let path = format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let fresh = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == fresh,
        "schema/{name}.json is stale: run the tests of `protocol` with UPDATE_SCHEMA=1"
    );
}

#[test]
fn schemas_are_fresh() {
    check::<Experiment>("experiment");
    check::<Report>("report");
    check::<Description>("description");
    check::<Inspection>("inspection");
    check::<Hello>("hello");
    check::<Request>("request");
    check::<Reply>("reply");
}

#[test]
fn an_experiment_with_an_unknown_field_is_refused() {
    let text = r#"{"schema":1,"id":"a","task":"softmax","colour":"red",
                   "candidate":{"kind":"template","template":"t"}}"#;
    let error = serde_json::from_str::<Experiment>(text).unwrap_err();
    assert!(error.to_string().contains("colour"), "{error}");
}

#[test]
fn a_request_round_trips_on_one_line() {
    let request = Request {
        id: 7,
        deadline_ms: Some(1000),
        op: Operation::Evaluate {
            dir: "x".into(),
            attempt: 2,
            split: Split::Select,
        },
    };
    let line = serde_json::to_string(&request).unwrap();
    assert!(!line.contains('\n'));
    assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
}

#[test]
fn equal_templates_hash_alike_and_others_do_not() {
    let candidate = |unroll: i64| Candidate::Template {
        template: "t".to_owned(),
        params: [("UNROLL".to_owned(), unroll.into())].into(),
    };
    let hash = |c: &Candidate, task: &str| -> ContentHash {
        c.hash(task, |_| Err::<Vec<u8>, ()>(())).unwrap()
    };
    assert_eq!(hash(&candidate(1), "a"), hash(&candidate(1), "a"));
    assert_ne!(hash(&candidate(1), "a"), hash(&candidate(2), "a"));
    assert_ne!(hash(&candidate(1), "a"), hash(&candidate(1), "b"));
}

#[test]
fn the_same_number_in_other_digits_is_the_same_proposal() {
    let candidate = |text: &str| {
        let params = serde_json::from_str(text).unwrap();
        Candidate::template("t".to_owned(), params)
    };
    assert_eq!(candidate(r#"{"A":1.0}"#), candidate(r#"{"A":1}"#));
    assert_eq!(candidate(r#"{"A":-0.0}"#), candidate(r#"{"A":0}"#));
    assert_eq!(candidate(r#"{"A":1e3}"#), candidate(r#"{"A":1000}"#));
    assert_ne!(candidate(r#"{"A":1.5}"#), candidate(r#"{"A":1}"#));
    assert_ne!(candidate(r#"{"A":"1"}"#), candidate(r#"{"A":1}"#));
}

#[test]
fn a_parameter_without_a_condition_reads_and_writes_as_before() {
    let text = r#"{"name":"N","kind":"int","low":1,"high":4,"step":1,"log":false,"default":2}"#;
    let param: protocol::ParamSpec = serde_json::from_str(text).unwrap();
    assert_eq!(param.condition, None);
    assert_eq!(serde_json::to_string(&param).unwrap(), text);
}

#[test]
fn a_verdict_is_tagged_by_kind() {
    let verdict = Verdict::TimedOut {
        limit_ms: 5,
        reason: "step 1".to_owned(),
    };
    let value = serde_json::to_value(&verdict).unwrap();
    assert_eq!(value["kind"], "timed_out");
    let body = ReplyBody::Cancelled { found: true };
    assert_eq!(serde_json::to_value(&body).unwrap()["type"], "cancelled");
}
