//! Tries to escape from the sandbox in every way of the table, under every
//! backend, as root and as a normal user.
//!
//! Usage: `escapes [--json] [--list] [CASE]…`. Ends with 1 unless every attack
//! was held.
//!
//! Each row says whether the attack was `held`, has `escaped`, is `unproven`
//! because it fails without the sandbox too, or was `skipped`, and why.

#![expect(clippy::print_stdout, reason = "a command-line program")]

mod attack;
mod cases;
mod confine;
mod judge;
mod scene;

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;

use std::process::{ExitCode, Stdio};

use sandbox::Backend;
use serde_json::{Value, json};

use cases::{CASES, Case};
use judge::{Tools, Verdict, copy_for_all};

/// A user without rights whom nobody else is.
const USER: u32 = 48_123;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "attack") {
        attack::run(&arguments[1], &arguments[2..]);
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("escapes: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    // SAFETY: no preconditions.
    unsafe { libc::geteuid() == 0 }
}

fn run(arguments: &[String]) -> io::Result<bool> {
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let names: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    for name in &names {
        if !CASES.iter().any(|case| case.name == *name) {
            return Err(io::Error::other(format!(
                "no case is called `{name}`; see --list"
            )));
        }
    }
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|case| names.is_empty() || names.contains(&case.name))
        .collect();
    if flag("--list") {
        for case in chosen {
            println!("{:18} {}", case.name, case.tries);
        }
        return Ok(true);
    }
    if flag("--part") {
        part(&chosen, flag("--confined"))?;
        return Ok(true);
    }
    let rows = all(&names)?;
    if flag("--json") {
        let document = json!({ "schema": 1, "rows": rows });
        println!("{document:#}");
    } else {
        print_table(&rows);
    }
    Ok(rows
        .iter()
        .all(|row| row["verdict"] == "held" || row["verdict"] == "skipped"))
}

/// Runs every user and both kinds of machine in a process of its own, since a
/// process keeps what it gave up.
fn all(names: &[&str]) -> io::Result<Vec<Value>> {
    let folder = tempfile::Builder::new().prefix("escapes-").tempdir()?;
    let own = std::env::current_exe()?;
    let program = folder.path().join("escapes");
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open)?;
    copy_for_all(&own, &program, 0o755)?;
    if is_root() {
        copy_for_all(&own, &folder.path().join("setuid"), 0o4755)?;
    }
    let mut rows = Vec::new();
    for user in [None, is_root().then_some(USER)] {
        if user.is_none() && !rows.is_empty() {
            rows.extend(
                CASES
                    .iter()
                    .filter(|case| names.is_empty() || names.contains(&case.name))
                    .map(|case| {
                        let verdict = Verdict {
                            word: "skipped",
                            reason: "not started by root".into(),
                            control: String::new(),
                        };
                        row(case, "any", "root", &verdict)
                    }),
            );
            continue;
        }
        for confined in [false, true] {
            let mut command = scene::unconfined(&program);
            command
                .arg("--part")
                .args(confined.then_some("--confined"))
                .args(names)
                .env("ESCAPES_API_KEY", attack::CANARY)
                .stdout(Stdio::piped());
            if let Some(user) = user {
                command.uid(user).gid(user);
            }
            let mut child = command.spawn()?;
            for line in
                BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).lines()
            {
                rows.push(serde_json::from_str(&line?)?);
            }
            let status = child.wait()?;
            if !status.success() {
                return Err(io::Error::other(format!(
                    "a part of the table failed: {status}"
                )));
            }
        }
    }
    Ok(rows)
}

/// The rows of one user on one kind of machine, one JSON document per line.
fn part(chosen: &[&Case], confined: bool) -> io::Result<()> {
    if confined {
        confine::refuse_namespaces()?;
    }
    let program = std::env::current_exe()?;
    let setuid = program.with_file_name("setuid");
    let tools = Tools {
        setuid: setuid.exists().then_some(setuid),
        controls: !confined,
        program,
    };
    let user = if is_root() { "root" } else { "user" };
    let doctor = sandbox::doctor();
    let backends: &[(&str, Backend, Option<&str>)] = if confined {
        &[(
            "landlock, no namespaces",
            Backend::Landlock,
            doctor.landlock.as_ref().err().map(String::as_str),
        )]
    } else {
        &[
            (
                "bubblewrap",
                Backend::Bubblewrap,
                doctor.bubblewrap.as_ref().err().map(String::as_str),
            ),
            (
                "landlock",
                Backend::Landlock,
                doctor
                    .landlock
                    .as_ref()
                    .err()
                    .or(doctor.pid_namespace.as_ref().err())
                    .map(String::as_str),
            ),
        ]
    };
    for case in chosen {
        for (name, backend, missing) in backends {
            let verdict = match missing {
                Some(why) => Verdict {
                    word: "skipped",
                    reason: (*why).to_owned(),
                    control: String::new(),
                },
                None => tools.judge(case, *backend).unwrap_or_else(|error| Verdict {
                    word: "broken",
                    reason: describe(&error),
                    control: String::new(),
                }),
            };
            println!("{}", row(case, name, user, &verdict));
        }
    }
    Ok(())
}

fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn row(case: &Case, backend: &str, user: &str, verdict: &Verdict) -> Value {
    json!({
        "case": case.name,
        "tries": case.tries,
        "backend": backend,
        "user": user,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "control": verdict.control,
    })
}

fn print_table(rows: &[Value]) {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    println!(
        "{:18} {:24} {:5} {:9} without the sandbox",
        "case", "backend", "user", "verdict"
    );
    for row in rows {
        println!(
            "{:18} {:24} {:5} {:9} {}",
            text(row, "case"),
            text(row, "backend"),
            text(row, "user"),
            text(row, "verdict"),
            text(row, "control"),
        );
        let reason = text(row, "reason");
        if !reason.is_empty() {
            println!("{:18} {reason}", "");
        }
    }
    let count = |verdict: &str| rows.iter().filter(|row| row["verdict"] == verdict).count();
    println!(
        "{} held, {} escaped, {} unproven, {} broken, {} skipped",
        count("held"),
        count("escaped"),
        count("unproven"),
        count("broken"),
        count("skipped")
    );
}
