//! Runs one attack under one backend, and says whether it was held.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sandbox::{
    AgentPlaces, Backend, BackendChoice, Command, ExitReason, Finished, Limits, Output, Policy,
};

use crate::attack::CANARY;
use crate::cases::{Case, Control, Held, Setup};
use crate::scene::{Scene, leak, terminal, unconfined};

/// Slack of the kernel's bound on processes where children share a user.
const SHARED_USER_SLACK: usize = 600;
/// How much the parent may grow while a child floods it.
const GROWTH_KIB: u64 = 16 << 10;
const FLOOD_CAP: u64 = 16 << 20;

/// What came of one attack.
pub(crate) struct Verdict {
    /// `held`, `escaped`, `unproven` or `skipped`.
    pub(crate) word: &'static str,
    /// Why, unless held.
    pub(crate) reason: String,
    /// What the control showed.
    pub(crate) control: String,
}

/// Where the harness's own files are.
pub(crate) struct Tools {
    /// This program, where every user can run it.
    pub(crate) program: PathBuf,
    /// The same, of root's and with the set-user-ID bit.
    pub(crate) setuid: Option<PathBuf>,
    /// Whether controls make sense: not where the harness is confined itself.
    pub(crate) controls: bool,
}

impl Tools {
    fn arguments(&self, case: &Case, scene: &Scene, control: bool) -> Vec<String> {
        let mut list = vec!["attack".into(), case.verb.into()];
        list.extend(scene.arguments());
        list.push(format!("program={}", self.program.display()));
        list.push(case.arguments[usize::from(control)].into());
        if let Some(setuid) = &self.setuid {
            list.push(format!("setuid={}", setuid.display()));
        }
        if control {
            list.push("control=1".into());
        }
        list
    }

    fn command(&self, case: &Case, scene: &Scene, backend: Backend) -> Command {
        let mut places = AgentPlaces::new(scene.place("workspace"), scene.place("scratch"));
        places.read_only = vec![scene.place("data"), scene.place("logs")];
        places.read_only.extend(self.setuid.clone());
        if case.setup == Setup::Evaluation {
            places.evaluation = Some(scene.place("evaluation"));
        }
        if case.setup == Setup::Hidden {
            places.hidden = ["campaign.db", "private"]
                .map(|name| scene.place("workspace").join(name))
                .into();
        }
        let mut limits = Limits {
            wall: Some(std::time::Duration::from_mins(1)),
            ..Limits::agent()
        };
        (case.limits)(&mut limits);
        Command::new(&self.program, Policy::agent(&places), limits)
            .backend(BackendChoice::Force(backend))
            .args(self.arguments(case, scene, false))
    }

    /// Runs the attack and judges it.
    pub(crate) fn judge(&self, case: &Case, backend: Backend) -> io::Result<Verdict> {
        if case.setup == Setup::SetUid && self.setuid.is_none() {
            return Ok(Verdict {
                word: "skipped",
                reason: "only root can make such a program".into(),
                control: String::new(),
            });
        }
        let mut scene = Scene::new(&self.program, case.setup == Setup::Repository)?;
        let (found, said) = self.attack(case, &mut scene, backend)?;
        drop(scene);
        let control = self.control(case)?;
        let (word, reason) = match (&found[..], &control) {
            ([], Ok(_)) => ("held", String::new()),
            ([], Err(why)) => ("unproven", format!("without the sandbox too: {why}")),
            (found, _) => ("escaped", format!("{} [{said}]", found.join("; "))),
        };
        Ok(Verdict {
            word,
            reason,
            control: control.unwrap_or_else(|why| why),
        })
    }

    /// What the attack achieved; nothing if it was held.
    fn attack(
        &self,
        case: &Case,
        scene: &mut Scene,
        backend: Backend,
    ) -> io::Result<(Vec<String>, String)> {
        let mut command = self.command(case, scene, backend);
        let log = tempfile::NamedTempFile::new()?;
        let mut kept: Vec<OwnedFd> = Vec::new();
        match case.setup {
            Setup::Terminal => {
                let [ours, theirs] = terminal()?;
                kept.push(ours.into());
                command = command.inherit_fd(theirs, 3);
            }
            Setup::Leak => kept.push(leak(&scene.place("outside/secret"))?.into()),
            _ => {}
        }
        if matches!(case.held, Held::Bounded) {
            command = command.stdout(Output::Copy {
                file: log.reopen()?,
                cap_bytes: FLOOD_CAP,
            });
        }
        // From here on the peak is that of this run.
        fs::write("/proc/self/clear_refs", "5")?;
        let before = peak_kib();
        let finished = command.run().map_err(io::Error::other)?;
        let grown = peak_kib().saturating_sub(before);
        drop(kept);
        let mut found = scene.damage();
        for pid in scene.left_behind() {
            found.push(format!("process {pid} was left behind"));
            end(pid);
        }
        if case.setup == Setup::Second {
            found.extend(second(case, scene, backend)?);
        }
        let bounded = Bounded {
            grown,
            logged: log.as_file().metadata()?.len(),
        };
        found.extend(succeeded(case.held, &finished, &bounded));
        Ok((found, said(&finished)))
    }

    /// The same attack without the sandbox: what it showed, or that it fails
    /// there too.
    fn control(&self, case: &Case) -> io::Result<Result<String, String>> {
        match case.control {
            Control::No(why) => return Ok(Ok(format!("not tried: {why}"))),
            Control::AsRoot(why) if !crate::is_root() => {
                return Ok(Ok(format!("not tried: {why}")));
            }
            _ if !self.controls => return Ok(Ok("as with namespaces".into())),
            _ => {}
        }
        let mut scene = Scene::new(&self.program, case.setup == Setup::Repository)?;
        let mut command = unconfined(&self.program);
        command
            .args(self.arguments(case, &scene, true))
            .current_dir(scene.place("workspace"))
            .env("HOME", scene.place("home"))
            .stdin(Stdio::null());
        let mut kept = Vec::new();
        match case.setup {
            Setup::Terminal => {
                let [ours, theirs] = terminal()?;
                kept.push(ours);
                // SAFETY: one system call between fork and exec.
                unsafe {
                    command.pre_exec(move || {
                        use std::os::fd::AsRawFd;
                        match libc::dup2(theirs.as_raw_fd(), 3) {
                            -1 => Err(io::Error::last_os_error()),
                            _ => Ok(()),
                        }
                    });
                }
            }
            Setup::Leak => kept.push(leak(&scene.place("outside/secret"))?),
            _ => {}
        }
        let succeeded = if case.verb == "ignore-signals" {
            ignores(&mut command)?
        } else {
            let output = output(&mut command)?;
            drop(kept);
            let got = output.lines().find(|line| line.starts_with("got "));
            let left = scene.left_behind();
            for &pid in &left {
                end(pid);
            }
            match (case.held, got) {
                (Held::Bounded, _) => (output.len() > 100 << 20).then(|| "100 MiB arrived".into()),
                (Held::Gone, _) => (!left.is_empty()).then(|| "a process was left behind".into()),
                (_, Some(line)) => Some(line.to_owned()),
                (_, None) => scene.damage().into_iter().next(),
            }
        };
        scene.clean();
        let base = scene.base().display().to_string();
        Ok(match (succeeded, case.control) {
            (Some(what), _) => Ok(format!("succeeds: {}", what.replace(&base, "…"))),
            (None, Control::Maybe(why)) => Ok(format!("fails too: {why}")),
            (None, _) => Err("the attack fails".into()),
        })
    }
}

/// What a first command left for the next.
fn second(case: &Case, scene: &Scene, backend: Backend) -> io::Result<Vec<String>> {
    fs::remove_dir_all(scene.place("scratch"))?;
    fs::create_dir(scene.place("scratch"))?;
    let places = AgentPlaces::new(scene.place("workspace"), scene.place("scratch"));
    let mut limits = Limits::agent();
    (case.limits)(&mut limits);
    let finished = Command::new("sh", Policy::agent(&places), limits)
        .backend(BackendChoice::Force(backend))
        .args(["-lc", "env; ls /usr >/dev/null"])
        .run()
        .map_err(io::Error::other)?;
    let text = finished.stdout.text() + &finished.stderr.text();
    Ok(["LD_PRELOAD", "planted"]
        .iter()
        .filter(|word| text.contains(*word))
        .map(|word| format!("the next command has {word}"))
        .collect())
}

/// All that an unconfined attacker prints, without waiting for whom it left
/// behind.
fn output(command: &mut std::process::Command) -> io::Result<String> {
    let file = tempfile::tempfile()?;
    let status = command
        .stdout(file.try_clone()?)
        .stderr(Stdio::null())
        .status()?;
    let mut text = String::new();
    let mut file = rewound(file)?;
    file.read_to_string(&mut text)?;
    Ok(format!("{text}{status}\n"))
}

fn rewound(mut file: File) -> io::Result<File> {
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// Whether an unconfined attacker lives on after it was asked to end.
fn ignores(command: &mut std::process::Command) -> io::Result<Option<String>> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut ready = [0; 6];
    if let Some(output) = &mut child.stdout {
        output.read_exact(&mut ready)?;
    }
    // SAFETY: our child, not yet waited for.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGTERM) };
    // A signal that ends a process has done so when the call returns to a
    // parent that then waits; one that is ignored never will.
    std::thread::yield_now();
    let alive = child.try_wait()?.is_none();
    child.kill()?;
    child.wait()?;
    Ok(alive.then(|| "it lives on".into()))
}

fn end(pid: u32) {
    // SAFETY: plain numbers; a process that an attack of ours left behind.
    unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
}

/// Most memory that this process had since the peak was last reset.
fn peak_kib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

struct Bounded {
    grown: u64,
    logged: u64,
}

/// What its own words and its end say that an attack achieved.
fn succeeded(held: Held, finished: &Finished, bounded: &Bounded) -> Vec<String> {
    let text = finished.stdout.text();
    let lines: Vec<&str> = text.lines().collect();
    let got: Vec<String> = lines
        .iter()
        .filter(|line| line.starts_with("got ") || line.contains(CANARY))
        .map(|line| (*line).to_owned())
        .collect();
    let done = lines.last() == Some(&"done") && finished.reason == ExitReason::Exited(0);
    match held {
        Held::Ended(expected) if expected(finished.reason) => Vec::new(),
        Held::Refused | Held::Ended(_) if !got.is_empty() => got,
        _ if !done => vec![format!("it {}", finished.reason)],
        Held::Ended(_) => lines
            .iter()
            .filter_map(|line| line.strip_prefix("forked ")?.parse::<usize>().ok())
            .filter(|&count| count > SHARED_USER_SLACK)
            .map(|count| format!("{count} processes"))
            .collect(),
        Held::Bounded if finished.stdout.total_bytes() < 100 << 20 => {
            vec!["output was lost".into()]
        }
        Held::Bounded if bounded.grown > GROWTH_KIB || bounded.logged != FLOOD_CAP => {
            vec![format!(
                "the parent grew by {} KiB, its file to {} bytes",
                bounded.grown, bounded.logged
            )]
        }
        Held::Refused | Held::Gone | Held::Bounded => Vec::new(),
    }
}

/// The attacker's words, for a report of what went wrong.
fn said(finished: &Finished) -> String {
    let text = format!("{}{}", finished.stdout.text(), finished.stderr.text());
    let start: String = text.chars().take(2000).collect();
    format!("{}; {}", finished.reason, start.replace('\n', " | "))
}

/// Copies a program to where everybody can run it.
pub(crate) fn copy_for_all(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))
}
