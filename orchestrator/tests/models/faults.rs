//! Every way of failing is the error it should be, costs what it should, and
//! asks for the right reaction.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use mock_llm::Fault;
use orchestrator::core::agent::Arguments;
use orchestrator::model::{Billing, ModelError, Reaction};

use crate::support::{
    Fake, KEY, ask, assert_all_valid, mock, models, request, setup, setup_with, three_turns, user,
};

fn kind(error: &ModelError) -> &'static str {
    match error {
        ModelError::Refused { .. } => "refused",
        ModelError::Overloaded { .. } => "overloaded",
        ModelError::RateLimited { .. } => "rate-limited",
        ModelError::Quota { .. } => "quota",
        ModelError::Auth { .. } => "auth",
        ModelError::NoModel { .. } => "no-model",
        ModelError::BadRequest { .. } => "bad-request",
        ModelError::ContextOverflow { .. } => "overflow",
        ModelError::ContentFilter { .. } => "filter",
        ModelError::Server { .. } => "server",
        ModelError::Network { .. } => "network",
        ModelError::Dropped { .. } => "dropped",
        ModelError::Stalled { .. } => "stalled",
        ModelError::Malformed { .. } => "malformed",
        ModelError::NotRecorded { .. } => "not-recorded",
        ModelError::EndedThere { .. } => "ended-there",
        ModelError::TooLarge { .. } => "too-large",
    }
}

fn billing(billing: &Billing) -> &'static str {
    match billing {
        Billing::Nothing => "nothing",
        Billing::Unknown => "unknown",
        Billing::Known { .. } => "known",
    }
}

#[test]
fn every_fault_has_its_error_its_cost_and_its_reaction() {
    use Reaction::{Compact, GiveUp, Retry, StopCampaign};
    let table = [
        (Fault::RateLimit(None), "rate-limited", "nothing", Retry),
        (Fault::RateLimit(Some(9)), "rate-limited", "nothing", Retry),
        (Fault::RateLimitDate, "rate-limited", "nothing", Retry),
        (Fault::Overloaded, "overloaded", "nothing", Retry),
        (Fault::ServerError, "server", "unknown", Retry),
        (Fault::DropBeforeHeaders, "dropped", "unknown", Retry),
        (Fault::DropMidStream, "dropped", "unknown", Retry),
        (Fault::Stall, "stalled", "unknown", Retry),
        (Fault::MalformedEvent, "malformed", "unknown", Retry),
        (Fault::TruncatedUtf8, "malformed", "unknown", Retry),
        (Fault::ContextOverflow, "overflow", "nothing", Compact),
        (Fault::ContentFilter, "filter", "known", GiveUp),
        (Fault::Auth, "auth", "nothing", StopCampaign),
        (Fault::Quota, "quota", "nothing", StopCampaign),
    ];
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        for (fault, error, cost, reaction) in table {
            mock.inject([Some(fault)]);
            let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
            let shown = format!("{dialect} {fault:?}: {failure:?}");
            assert_eq!(kind(&failure.error), error, "{shown}");
            assert_eq!(failure.error.reaction(), reaction, "{shown}");
            assert_eq!(failure.attempts.len(), 1, "{shown}");
            assert_eq!(billing(&failure.attempts[0].billing), cost, "{shown}");
            assert!(!shown.contains(KEY), "{shown}");
            if fault == Fault::RateLimit(Some(9)) {
                let after = failure.error.retry_after();
                assert_eq!(after, Some(Duration::from_secs(9)), "{shown}");
            }
        }
    }
    assert_all_valid(&mock);
}

#[test]
fn malformed_arguments_are_the_models_mistake_and_no_error() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        let mut messages = vec![user("go")];
        mock.inject([Some(Fault::MalformedArguments)]);
        let reply = ask(model.as_ref(), &request("s", messages.clone())).unwrap();
        assert!(
            matches!(&reply.calls[0].arguments, Arguments::Malformed(text) if text.starts_with("{\"")),
            "{dialect}: {reply:?}"
        );
        // It can be answered like any other call.
        messages.push(crate::support::said(&reply));
        messages.extend(crate::support::answers(&reply));
        ask(model.as_ref(), &request("s", messages)).unwrap();
    }
    assert_all_valid(&mock);
}

#[test]
fn faults_that_pass_are_waited_out_as_the_provider_asks() {
    let mock = mock(three_turns());
    let clock = Arc::new(Fake::default());
    let setup = setup_with(&mock.url(), 5, Arc::clone(&clock));
    mock.inject([
        Some(Fault::RateLimit(Some(7))),
        Some(Fault::Overloaded),
        Some(Fault::DropMidStream),
        None,
    ]);
    let model = setup.model("anthropic:mock").unwrap();
    let reply = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap();
    assert_eq!(reply.attempts.len(), 3);
    let slept = clock.0.lock().unwrap().clone();
    let expected = [7_500, 1_000, 2_000].map(Duration::from_millis);
    assert_eq!(slept, expected);
}

#[test]
fn attempts_run_out() {
    let mock = mock(three_turns());
    mock.inject([Some(Fault::Overloaded); 4]);
    let model = setup(&mock.url(), 4).model("openai:mock").unwrap();
    let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
    assert_eq!(failure.attempts.len(), 4);
    assert_eq!(
        orchestrator::chain::of(&failure),
        "no answer from the model after 4 attempts: the provider is overloaded: \
         overloaded_error server_is_overloaded: Overloaded"
    );
}

#[test]
fn a_call_that_finds_no_server_is_free() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let setup = setup(&url, 1);
    for (dialect, model) in models(&setup, &url) {
        let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
        assert_eq!(kind(&failure.error), "network", "{dialect}: {failure:?}");
        assert_eq!(failure.attempts[0].billing, Billing::Nothing);
        assert!(
            failure
                .error
                .to_string()
                .contains(&format!("127.0.0.1:{port}"))
        );
    }
}

#[test]
fn a_handshake_that_fails_is_free() {
    // Speaks no TLS, so that nothing of the request gets through.
    let mock = mock(three_turns());
    let url = mock.url().replace("http://", "https://");
    let setup = setup(&url, 1);
    for (dialect, model) in models(&setup, &url) {
        let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
        assert_eq!(kind(&failure.error), "network", "{dialect}: {failure:?}");
        assert_eq!(failure.attempts[0].billing, Billing::Nothing);
    }
    assert!(mock.ledger().entries.is_empty());
}

#[test]
fn a_reply_without_end_is_cut_off() {
    let mock = mock(mock_llm::Script::from_fn(|_| {
        mock_llm::Reply::text(&"word ".repeat(20_000))
    }));
    let mut setup = setup(&mock.url(), 3);
    setup.http.max_reply = 10_000;
    for (dialect, model) in models(&setup, &mock.url()) {
        let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
        assert_eq!(kind(&failure.error), "too-large", "{dialect}: {failure:?}");
        assert_eq!(failure.attempts.len(), 1);
    }
}
