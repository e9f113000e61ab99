//! The agents' Python, for tests that need it.

use std::path::Path;

use orchestrator::explore::AgentsPython;

/// The agents' Python, if there is one here; where tests may not be skipped
/// there must be.
pub(crate) fn agents_python() -> Option<AgentsPython> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &home) {
        Ok(python) => Some(python),
        Err(error) => {
            let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
            assert!(!required, "{error}");
            println!("skipped: {error}");
            None
        }
    }
}
