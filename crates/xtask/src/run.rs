//! `cargo xtask run`: set up, build, and become `alphalab run`.

use std::convert::Infallible;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::environment::Environment;
use crate::ui::Ui;
use crate::workspace::Workspace;
use crate::{compile, setup, spawn};

/// What compiling a task's baselines takes, about, on two cores.
const SECONDS_EACH: usize = 13;

/// Replaces this process with `alphalab run ARGS`: the terminal, Ctrl-C and
/// the exit code are then alphalab's own, with nobody in between. Returns only
/// with an error.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<Infallible> {
    let started = Instant::now();
    let ui = Ui::new("run");
    let ready = setup::setup(workspace)?;
    eprintln!("{}", ready.summary());
    if !compile::binaries(workspace, &ready.environment, ui)? {
        bail!("the build failed");
    }
    baselines(
        workspace,
        &ready.environment,
        ui,
        &Wanted::of(workspace, args)?,
    )?;
    let alphalab = workspace.binaries().join("alphalab");
    let mut command = spawn::command(&alphalab);
    command.arg("run").args(args);
    ready.environment.apply(&mut command);
    ui.say(&format!(
        "ready in {:.0} s, starting {} run {}",
        started.elapsed().as_secs_f64(),
        alphalab.display(),
        args.join(" ")
    ));
    Err(command.exec()).with_context(|| format!("failed to start {}", alphalab.display()))
}

/// The tasks that a campaign will be on.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// Folder of the tasks.
    folder: PathBuf,
    /// Their names, in order.
    names: Vec<String>,
}

impl Wanted {
    /// Of `alphalab run ARGS`: what `--data` and `--tasks` say, else the
    /// adapter's default. Empty where the data is of another kind, or wrong,
    /// which `alphalab` will say.
    fn of(workspace: &Workspace, args: &[String]) -> Result<Self> {
        let home = workspace.root.join("kernels").join("tasks");
        let data = option(args, "--data").map(PathBuf::from);
        let chosen = option(args, "--tasks").map(|list| {
            let names = list.split(',').map(str::to_owned);
            names.collect::<Vec<_>>()
        });
        let is_task = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
        let one = data.clone().filter(|data| is_task(data) && data.is_file());
        let folder = match (&one, data.clone()) {
            (Some(file), _) => file.parent().unwrap_or(Path::new("")).to_owned(),
            (None, given) => given.unwrap_or(home),
        };
        let mut there = Vec::new();
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.with_context(|| listing(&folder))?.path();
            let alone = one
                .as_ref()
                .is_none_or(|one| one.file_name() == path.file_name());
            if is_task(&path)
                && alone
                && let Some(name) = path.file_stem()
            {
                there.push(name.to_string_lossy().into_owned());
            }
        }
        let chosen = match chosen {
            None if data.is_none() => default_tasks(workspace)?,
            chosen => chosen.unwrap_or_else(|| there.clone()),
        };
        there.retain(|name| chosen.contains(name));
        there.sort();
        Ok(Self {
            folder,
            names: there,
        })
    }

    /// The texts of the tasks: where they are as they were, so are their baselines.
    fn texts(&self) -> Result<String> {
        let read = |name: &String, extension: &str| {
            fs::read_to_string(self.folder.join(name).with_extension(extension))
        };
        let mut all = String::new();
        for name in &self.names {
            all += name;
            all += &read(name, "py").with_context(|| listing(&self.folder))?;
            // Only some have sizes of their own.
            all += &read(name, "toml").unwrap_or_default();
        }
        Ok(all)
    }
}

fn listing(folder: &Path) -> String {
    format!("failed to read the tasks in {}", folder.display())
}

/// The value of an option among arguments, as `--name value` or `--name=value`.
fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == name {
            return rest.next().map(String::as_str);
        }
        if let Some(value) = arg
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='))
        {
            return Some(value);
        }
    }
    None
}

/// The tasks of a campaign that names none, by the adapter's manifest.
fn default_tasks(workspace: &Workspace) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Manifest {
        default_tasks: Vec<String>,
    }
    let path = workspace.root.join("adapters/cuda-kernels/manifest.toml");
    let reading = || format!("failed to read the default tasks in {}", path.display());
    let text = fs::read_to_string(&path).with_context(reading)?;
    let manifest: Manifest = toml::from_str(&text).with_context(reading)?;
    Ok(manifest.default_tasks)
}

/// Has the tasks' baselines compiled once, so that no campaign pays for it out
/// of its time: `torch.compile` takes seconds per task and mode, and what it
/// makes is kept. Done again when a task changes.
fn baselines(
    workspace: &Workspace,
    environment: &Environment,
    ui: Ui,
    wanted: &Wanted,
) -> Result<()> {
    if wanted.names.is_empty() {
        return Ok(());
    }
    let texts = wanted.texts()?;
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    let seen = workspace.target.join("xtask").join("baselines");
    let stamp = seen.join(format!("{:016x}", hasher.finish()));
    if stamp.exists() {
        return Ok(());
    }
    let minutes = (wanted.names.len() * SECONDS_EACH).div_ceil(60);
    let usually = format!("{minutes} min, once");
    let step = ui.step("compiling the tasks' baselines with torch", &usually);
    let mut command = spawn::command(workspace.binaries().join("kernel-lab"));
    command.arg("--tasks").arg(&wanted.folder);
    command.arg("suite").args(&wanted.names);
    environment.apply(&mut command);
    spawn::logged(command, &workspace.log("baselines.log"), |line| {
        if let Some(task) = line.strip_prefix("kernel-lab: ") {
            step.at(task);
        }
    })?;
    step.done();
    let made = || format!("failed to write {}", stamp.display());
    fs::create_dir_all(&seen).with_context(made)?;
    fs::write(&stamp, wanted.names.join("\n")).with_context(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Profile;

    fn wanted(args: &[&str]) -> Wanted {
        let workspace = Workspace::locate(Profile::Suite).unwrap();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Wanted::of(&workspace, &args).unwrap()
    }

    fn tasks() -> String {
        let root = Workspace::locate(Profile::Suite).unwrap().root;
        root.join("kernels/tasks").display().to_string()
    }

    #[test]
    fn a_run_without_arguments_is_on_the_default_tasks() {
        let few = wanted(&[]);
        assert_eq!(few.folder, Path::new(&tasks()));
        assert_eq!(few.names.len(), 14, "{:?}", few.names);
        assert_eq!(wanted(&["--workers", "2"]), few);
        let mut listed = default_tasks(&Workspace::locate(Profile::Suite).unwrap()).unwrap();
        listed.sort();
        assert_eq!(few.names, listed, "the adapter names tasks that there are");
    }

    #[test]
    fn data_and_tasks_say_which() {
        let all = wanted(&["--data", &tasks()]);
        assert!(all.names.len() >= 60, "{}", all.names.len());
        assert!(all.names.is_sorted());
        assert_eq!(wanted(&[&format!("--data={}", tasks())]), all);
        let some = wanted(&["--tasks", "tanh,gelu,nowhere"]);
        assert_eq!(some.names, ["gelu", "tanh"]);
        let one = wanted(&["--data", &format!("{}/silu.py", tasks())]);
        assert_eq!(
            (one.folder, one.names),
            (all.folder, vec!["silu".to_owned()])
        );
        // Data of another kind, or none, has no baselines to compile.
        let other = tempfile::tempdir().unwrap();
        assert!(
            wanted(&["--data", &other.path().display().to_string()])
                .names
                .is_empty()
        );
        assert!(wanted(&["--data", "nowhere"]).names.is_empty());
    }

    #[test]
    fn a_change_of_a_task_changes_the_texts() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.py"), "one").unwrap();
        let of = || {
            wanted(&["--data", &dir.path().display().to_string()])
                .texts()
                .unwrap()
        };
        let before = of();
        fs::write(dir.path().join("a.toml"), "two").unwrap();
        assert_ne!(of(), before);
    }
}
