//! How Python submissions are run: a runner that is a trusted script in
//! PyTorch's own interpreter, in the sandbox of agents' commands.
//!
//! A compiler must be startable while a module is loaded, and a folder
//! writable, so the script can't lock itself down as the other runners do, and
//! nothing that is done inside the process once hostile Python runs there could
//! be believed. So it is sealed from outside when the module is loaded and was
//! called twice: nothing else may be left of what it started, and from then on
//! it can start no thread or process and write no file.

use std::ffi::OsString;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};

use kernel_runner::wire::{CONTROL_FD, Control, MAGIC, MAILBOX_BYTES, Request, Status};
use sandbox::{AgentPlaces, Command, ExitReason, Limits, Output, Policy};
use serde_json::json;

use super::runner::{ALLOCATOR, Launch, Spec};
use crate::error::HarnessError;

/// The script.
const SCRIPT: &str = include_str!("../../../runner/python/runner.py");
/// A submission's file.
pub(crate) const MODULE: &str = "model_new.py";
/// Folder of the script and the submission.
const INBOX: &str = "inbox";
/// Folders that a submission may write to while it is loaded.
const WORK: &str = "work";
const TMP: &str = "tmp";
/// Most address space of each process: the arena, PyTorch with all libraries
/// that it brings, and what a submission allocates.
const ADDRESS_SPACE_BYTES: u64 = 32 << 30;

/// What a module may use while it is loaded, compilers included.
fn limits() -> Limits {
    Limits {
        address_space_bytes: Some(ADDRESS_SPACE_BYTES),
        resident_bytes: Some(8 << 30),
        tree_cpu_s: None,
        file_size_bytes: Some(1 << 30),
        disk_bytes: Some(2 << 30),
        disk_files: Some(50_000),
        wall: None,
        output_bytes: None,
        ..Limits::agent()
    }
}

/// Where a submission lies in the runner's room.
pub(super) fn module_path(room: &Path) -> PathBuf {
    room.join(INBOX).join(MODULE)
}

/// Furnishes a room for the script and says how it is started in it.
pub(super) fn launch(spec: &Spec, room: &Path) -> Result<Launch, HarnessError> {
    let script = furnish(room)?;
    let arguments = ["-I", &script.to_string_lossy(), "serve", &setup(spec)];
    Ok(Launch {
        program: spec.venv.join("bin/python"),
        arguments: arguments.map(OsString::from).to_vec(),
        policy: policy(spec, room),
        limits: limits(),
    })
}

fn furnish(room: &Path) -> Result<PathBuf, HarnessError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| HarnessError::File {
            doing: "write",
            path,
            source,
        }
    };
    for name in [INBOX, WORK, TMP] {
        let folder = room.join(name);
        fs::create_dir(&folder).map_err(failed(&folder))?;
        super::runner::make_readable(&folder)?;
    }
    let script = room.join(INBOX).join("runner.py");
    fs::write(&script, SCRIPT).map_err(failed(&script))?;
    super::runner::make_readable(&script)?;
    Ok(script)
}

fn policy(spec: &Spec, room: &Path) -> Policy {
    let work = room.join(WORK);
    let places = AgentPlaces {
        read_only: vec![room.join(INBOX)],
        python: Some(spec.venv.clone()),
        ..AgentPlaces::new(work.clone(), room.join(TMP))
    };
    let threads = spec.cpus.len().to_string();
    let policy = Policy::agent(&places)
        .env("TORCH_EXTENSIONS_DIR", work.join("extensions"))
        .env("TRITON_CACHE_DIR", work.join("triton"))
        .env("CXX", "g++")
        .env("MAX_JOBS", &threads);
    // As the lab's own process.
    let own = torch_bridge::required_env(&work.join("inductor"), &spec.cpus);
    let policy = own
        .into_iter()
        .fold(policy, |policy, (name, value)| policy.env(name, value));
    Policy {
        cpus: Some(spec.cpus.clone()),
        ..policy.env("GLIBC_TUNABLES", ALLOCATOR)
    }
}

/// What the script must know of the control block.
fn setup(spec: &Spec) -> String {
    let requests = [
        ("null", Request::Null),
        ("arrange", Request::Arrange),
        ("load", Request::Load),
        ("prepare", Request::Prepare),
        ("run", Request::Run),
        ("exercise", Request::Exercise),
    ];
    let requests: serde_json::Map<_, _> = requests
        .into_iter()
        .map(|(name, request)| (name.to_owned(), json!(request as u32)))
        .collect();
    json!({
        "threads": spec.cpus.len(),
        "fd": CONTROL_FD,
        "magic": MAGIC,
        "bytes": size_of::<Control>(),
        "mailbox_bytes": MAILBOX_BYTES,
        "offsets": {
            "magic": offset_of!(Control, magic),
            "asked": offset_of!(Control, asked),
            "answered": offset_of!(Control, answered),
            "request": offset_of!(Control, request),
            "status": offset_of!(Control, status),
            "slot": offset_of!(Control, slot),
            "mailbox_len": offset_of!(Control, mailbox_len),
            "arena_base": offset_of!(Control, arena_base),
            "work_ns": offset_of!(Control, work_ns),
            "mailbox": offset_of!(Control, mailbox),
        },
        "requests": requests,
        "done": Status::Done as u32,
        "failed": Status::Failed as u32,
    })
    .to_string()
}

/// Whether a text can be a submission, by a look at it in the sandbox that runs
/// nothing of it. The inner error says why not.
pub(super) fn check(spec: &Spec, module: &str) -> Result<Result<(), String>, HarnessError> {
    let room = super::runner::make_room()?;
    let script = furnish(room.path())?;
    let path = module_path(room.path());
    place(room.path(), module)?;
    let program = spec.venv.join("bin/python");
    let limits = Limits {
        wall: Some(std::time::Duration::from_secs(20)),
        ..limits()
    };
    let finished = Command::new(program, policy(spec, room.path()), limits)
        .arg("-I")
        .arg(&script)
        .arg("check")
        .arg(&path)
        .stdout(Output::Capture)
        .stderr(Output::Capture)
        .run()
        .map_err(HarnessError::process("look at a Python submission"))?;
    Ok(match finished.reason {
        ExitReason::Exited(0) => Ok(()),
        ExitReason::Exited(1) => Err(finished.stdout.text().trim().to_owned()),
        other => Err(format!(
            "{MODULE} could not be parsed: {other} {}",
            finished.stderr.text().lines().last().unwrap_or_default()
        )),
    })
}

/// Puts a submission where the script finds it.
pub(super) fn place(room: &Path, module: &str) -> Result<(), HarnessError> {
    let path = module_path(room);
    fs::write(&path, module).map_err(|source| HarnessError::File {
        doing: "write",
        path: path.clone(),
        source,
    })?;
    super::runner::make_readable(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_told_where_things_are() {
        let spec = Spec {
            folder: PathBuf::new(),
            libraries: Vec::new(),
            venv: PathBuf::from("/venv"),
            cpus: vec![0, 1],
        };
        let setup: serde_json::Value = serde_json::from_str(&setup(&spec)).unwrap();
        assert_eq!(setup["threads"], 2);
        // What the script reads of it by name.
        for field in ["fd", "magic", "bytes", "mailbox_bytes", "done", "failed"] {
            assert!(setup[field].is_u64(), "{field}");
            assert!(SCRIPT.contains(&format!("[\"{field}\"]")), "{field}");
        }
        for request in setup["requests"].as_object().unwrap().keys() {
            assert!(
                SCRIPT.contains(&format!("def {request}(self, _slot)"))
                    || SCRIPT.contains(&format!("def {request}(self, slot)")),
                "{request}"
            );
        }
        let last = setup["offsets"]["mailbox"].as_u64().unwrap();
        assert_eq!(
            last + MAILBOX_BYTES as u64,
            setup["bytes"].as_u64().unwrap()
        );
    }
}
