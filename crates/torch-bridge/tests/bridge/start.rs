//! Start-up: what the interpreter is, and that there is only one.

use std::path::Path;

use anyhow::Result;
use torch_bridge::{Interp, InterpConfig, PyFault, required_env};

use crate::{Case, Lab};

pub(crate) const CASES: &[Case] = &[
    ("start::facts", facts),
    ("start::only_once", only_once),
    ("start::python_print_is_not_on_stdout", print_goes_to_stderr),
    ("start::required_env", environment),
];

fn facts(lab: &Lab) -> Result<()> {
    assert!(lab.interp.torch_version().starts_with("2.13.0"));
    assert!(lab.interp.python_version().starts_with("3."));
    assert_eq!(lab.interp.num_threads(), 2);
    assert!(!lab.interp.cpu_capability().is_empty());
    Ok(())
}

fn only_once(_: &Lab) -> Result<()> {
    let config = InterpConfig {
        venv: "anywhere".into(),
        threads: 1,
        env: Vec::new(),
    };
    let second = Interp::start(&config);
    assert!(matches!(second, Err(PyFault::AlreadyStarted)), "{second:?}");
    Ok(())
}

fn print_goes_to_stderr(lab: &Lab) -> Result<()> {
    lab.task(
        "prints",
        "import sys\nassert sys.stdout is sys.stderr\nclass Model: pass\ndef get_inputs(): return []\n",
    )?;
    Ok(())
}

fn environment(_: &Lab) -> Result<()> {
    let env = required_env(Path::new("cache"), &[3, 5]);
    let get = |name: &str| {
        env.iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(get("OMP_WAIT_POLICY"), Some("passive"));
    assert_eq!(get("GOMP_CPU_AFFINITY"), Some("3 5"));
    assert_eq!(get("OMP_NUM_THREADS"), Some("2"));
    assert_eq!(get("TORCHINDUCTOR_CACHE_DIR"), Some("cache"));
    Ok(())
}
