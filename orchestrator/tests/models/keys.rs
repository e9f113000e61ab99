//! Keys are found, kept to themselves and never shown; specs are explained.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mock_llm::Fault;
use orchestrator::chain;
use orchestrator::model::PriceTable;
use orchestrator::model::key::{Environment, KEYS_DIR};
use orchestrator::model::spec::Setup;

use crate::support::{KEY, ask, mock, models, request, setup, three_turns, user};

fn bare(variables: &[(&str, &str)]) -> Setup {
    Setup::new(
        Environment::of(variables),
        PriceTable::shipped().expect("a sound test"),
    )
}

fn refusal(setup: &Setup, spec: &str) -> String {
    match setup.model(spec) {
        Ok(_) => panic!("`{spec}` is a model"),
        Err(error) => chain::of(&error),
    }
}

#[test]
fn fault_20_a_key_that_is_echoed_is_not_passed_on() {
    let mock = mock(three_turns());
    let setup = setup(&mock.url(), 1);
    for (dialect, model) in models(&setup, &mock.url()) {
        mock.inject([Some(Fault::Auth)]);
        let failure = ask(model.as_ref(), &request("s", vec![user("go")])).unwrap_err();
        let shown = format!("{failure:?} {}", chain::of(&failure));
        assert!(!shown.contains(&KEY[..8]), "{dialect}: {shown}");
        assert!(shown.contains("[redacted]"), "{dialect}: {shown}");
    }
}

#[test]
fn a_missing_key_names_the_variable_and_the_file() {
    let setup = bare(&[("HOME", "/home/ada")]);
    assert_eq!(
        refusal(&setup, "anthropic:claude-opus-5-5"),
        "model `anthropic:claude-opus-5-5` can't be used: no key for `anthropic`: set \
         ANTHROPIC_API_KEY, or write it to `/home/ada/.config/alphalab/keys/anthropic` (mode 600)"
    );
    let setup = bare(&[(KEYS_DIR, "/etc/keys"), ("OPENAI_API_KEY", " ")]);
    assert_eq!(
        refusal(&setup, "openai:gpt-5.2"),
        "model `openai:gpt-5.2` can't be used: no key for `openai`: set OPENAI_API_KEY, \
         or write it to `/etc/keys/openai` (mode 600)"
    );
}

#[test]
fn a_key_file_is_read_unless_others_can_read_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("anthropic");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    let setup = bare(&[(KEYS_DIR, dir.path().to_str().unwrap())]);
    mode(0o640);
    let shown = refusal(&setup, "anthropic:claude-opus-5-5");
    assert!(
        shown.contains("can be read by others (mode 640): run `chmod 600"),
        "{shown}"
    );
    assert!(!shown.contains(KEY));
    mode(0o600);
    assert!(setup.model("anthropic:claude-opus-5-5").is_ok());
    std::fs::write(&file, "\n").unwrap();
    let shown = refusal(&setup, "anthropic:claude-opus-5-5");
    assert!(shown.contains("no key for `anthropic`"), "{shown}");
}

#[test]
fn an_unknown_spec_is_told_what_there_is() {
    let setup = bare(&[("HOME", "/home/ada"), ("OPENAI_API_KEY", KEY)]);
    assert_eq!(
        refusal(&setup, "gpt"),
        "unknown model `gpt`: there are `builtin`, `anthropic:<model>`, `openai:<model>`, \
         `compatible:<base-url>:<model>` and `replay:<campaign's directory>`"
    );
    assert!(refusal(&setup, "builtin:x").starts_with("unknown model"));
    assert_eq!(
        refusal(&setup, "openai:"),
        "`openai:` names no model: write `openai:<model>`"
    );
    let shown = refusal(&setup, "compatible:localhost:llama");
    assert!(
        shown.contains("write `compatible:<base-url>:<model>"),
        "{shown}"
    );
    assert!(setup.model("builtin").is_ok());
}

#[test]
fn a_paid_model_needs_a_price_and_is_told_where_to_put_it() {
    let setup = bare(&[("HOME", "/home/ada"), ("OPENAI_API_KEY", KEY)]);
    let shown = refusal(&setup, "openai:gpt-99");
    assert!(
        shown.starts_with("model `openai:gpt-99` has no price"),
        "{shown}"
    );
    assert!(shown.contains("`gpt-5.2`"), "{shown}");
    assert!(
        shown.ends_with("write its entry to `/home/ada/.config/alphalab/prices.toml`"),
        "{shown}"
    );
}

#[test]
fn a_compatible_model_without_a_price_is_free_and_says_so() {
    let setup = bare(&[("HOME", "/home/ada")]);
    let model = setup
        .model("compatible:http://127.0.0.1:9:llama3:8b")
        .unwrap();
    assert!(!model.caps().paid);
    let reserved = model.reserve(&request("s", vec![user("go")]));
    assert!(reserved.usd.abs() < f64::EPSILON);
    assert!(reserved.tokens > 2_000);
    let notes = model.notes();
    assert!(
        notes[0].starts_with("`llama3:8b` has no price, so its calls count as free"),
        "{notes:?}"
    );

    let paid = setup_with_price()
        .model("compatible:http://127.0.0.1:9:llama3:8b")
        .unwrap();
    assert!(paid.caps().paid);
    assert!(paid.notes().is_empty());
}

fn setup_with_price() -> Setup {
    let own = "schema = 1\n[[model]]\nprovider = \"compatible\"\nname = \"llama3:8b\"\ninput = 1.0\n\
               cache_read = 1.0\ncache_write = 1.0\noutput = 1.0\ncontext = 8192\nmax_output = 4096\n\
               source = \"contract\"\nas_of = \"2026-01-01\"\n";
    let prices = PriceTable::parse(own, Path::new("own")).expect("a sound test");
    Setup::new(Environment::of(&[]), prices)
}
