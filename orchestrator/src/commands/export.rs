//! `export`: what was found, to be used without this program.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Component, Path, PathBuf};

use protocol::{Candidate, ContentHash, Interval, Split};
use sandbox::{Command, ExitReason, Limits, Output, Policy};
use serde::{Deserialize, Serialize};

use super::{Failure, Places, exit, show};
use crate::campaign::Layout;
use crate::core::rank::{self, Row, Standing};
use crate::core::state::{Experiment, State};
use crate::exec::{EXPERIMENT, report_path};
use crate::report::number;
use crate::store::Reader;
use crate::ui::clean;

/// Exit code of a lab that knows no `export`.
const NO_SUCH_COMMAND: i32 = 2;

/// What is exported from where to where.
#[derive(Debug)]
pub struct ExportOptions {
    /// The campaign.
    pub dir: PathBuf,
    /// Folder that gets one folder per task.
    pub out: Option<PathBuf>,
    /// The best of every task, also where it is no better than the baseline.
    pub all: bool,
    /// Whether to print JSON.
    pub json: bool,
}

/// One result that is exported.
#[derive(Debug, Serialize)]
struct Winner {
    task: String,
    experiment: String,
    value: f64,
    ci: Option<Interval>,
    #[serde(skip)]
    attempt: PathBuf,
}

/// What a lab says about what it has written.
#[derive(Debug, Deserialize)]
struct Written {
    exports: Vec<Export>,
}

/// One folder.
#[derive(Debug, Deserialize, Serialize)]
struct Export {
    dir: PathBuf,
    files: Vec<String>,
}

/// Exports the winners of a campaign.
pub fn export(options: &ExportOptions, places: &Places) -> Result<u8, Failure> {
    let reader = Reader::open(&options.dir)?;
    let (log, head) = reader.anchored_log()?;
    let state = State::fold(&log).map_err(Failure::bug)?;
    if state.is_simulated() {
        return Err(Failure::input(
            "nothing is exported from a simulated campaign: no GPU has run its candidates; as they are, they lie in the \
             folders of its experiments",
        ));
    }
    let layout = Layout::of(&options.dir);
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| layout.dir.join("export"));
    // A lab works in a folder of its own.
    let out = std::path::absolute(out)?;
    let mut winners = Vec::new();
    for row in rank::leaderboard(&state).rows {
        if row.track.as_deref() == Some(rank::COMPARED) {
            eprintln!(
                "alphalab: {}: {} is a Python submission, which needs no export: its file lies in \
                 its experiment's folder",
                clean(&row.task),
                row.experiment
            );
            continue;
        }
        if options.all || row.standing.is_none_or(|it| it == Standing::Won) {
            winners.push(winner(&state, &layout, row)?);
        }
    }
    if winners.is_empty() {
        eprintln!(
            "alphalab: nothing to export: no verified result is better than the baseline{}",
            if options.all {
                ""
            } else {
                " (--all takes every verified one)"
            }
        );
        return Ok(exit::NO_RESULT);
    }
    let settings = state
        .settings
        .as_ref()
        .ok_or_else(|| Failure::input("the campaign has no settings"))?;
    let by_lab = if settings.evaluation.is_none() && !settings.lab.is_empty() {
        let program = places.lab(&settings.lab, &layout)?.path;
        let log = format!("{}:{head}", state.seq);
        ask(&program, places, &winners, &out, &log)?
    } else {
        None
    };
    let lab = by_lab.is_some();
    let written = match by_lab {
        Some(written) => written,
        None => copies(&state, &layout, &winners, &out)?,
    };
    if !lab {
        eprintln!(
            "alphalab: nothing here knows how to turn a candidate of this domain into a program of \
             its own: its files were copied as they are"
        );
    }
    tell(options.json, &out, lab, &winners, &written);
    Ok(exit::OK)
}

fn tell(json: bool, out: &Path, lab: bool, winners: &[Winner], written: &[Export]) {
    if json {
        let rows: Vec<serde_json::Value> = winners
            .iter()
            .zip(written)
            .map(|(winner, export)| {
                serde_json::json!({
                    "task": winner.task,
                    "experiment": winner.experiment,
                    "value": winner.value,
                    "ci": winner.ci,
                    "dir": export.dir,
                    "files": export.files,
                })
            })
            .collect();
        show::print_json(&serde_json::json!({
            "schema": 1,
            "dir": out,
            "by_lab": lab,
            "exported": rows,
        }));
        return;
    }
    for (winner, export) in winners.iter().zip(written) {
        println!(
            "{}  {}  {}",
            clean(&winner.task),
            number(winner.value, winner.ci),
            export.dir.display()
        );
    }
    println!("{}", out.display());
}

/// The attempt behind a row of the leaderboard. Its report must still be the
/// one that the log tells of.
fn winner(state: &State, layout: &Layout, row: Row) -> Result<Winner, Failure> {
    let missing = || Failure::bug(format!("{} has no attempt on select", row.experiment));
    let experiment = state.experiments.get(&row.experiment).ok_or_else(missing)?;
    let attempt = experiment.last(Split::Select).ok_or_else(missing)?;
    let folder = layout.experiments().join(experiment.folder());
    let path = report_path(&folder, attempt.number);
    let found = fs::File::open(&path).and_then(ContentHash::of_stream);
    let found = found
        .map_err(|error| Failure::input(format!("failed to read `{}`: {error}", path.display())))?;
    let logged = attempt.measurement.file.as_ref();
    if logged.is_some_and(|logged| *logged != found) {
        return Err(Failure::input(format!(
            "`{}` has the hash {found}, which is not what the log says: see `alphalab verify`",
            path.display()
        )));
    }
    Ok(Winner {
        task: row.task,
        experiment: row.experiment.to_string(),
        value: row.value,
        ci: row.ci,
        attempt: path.parent().unwrap_or(&folder).to_owned(),
    })
}

/// Lets the lab write them; `None` if it can't.
fn ask(
    program: &Path,
    places: &Places,
    winners: &[Winner],
    out: &Path,
    log: &str,
) -> Result<Option<Vec<Export>>, Failure> {
    let shown = program.display();
    let policy = Policy {
        env: places.environment.clone(),
        ..Policy::trusted()
    };
    let mut answer = tempfile::tempfile()?;
    let finished = Command::new(program, policy, Limits::none())
        .arg("export")
        .args(winners.iter().map(|winner| &winner.attempt))
        .arg("--out")
        .arg(out)
        .args(["--log", log, "--json"])
        .stdout(Output::File(answer.try_clone()?))
        .stderr(Output::Inherit)
        .spawn()
        .map_err(|error| Failure::input(format!("failed to start `{shown}`: {error}")))?
        .finish()
        .map_err(Failure::bug)?;
    match finished.reason {
        ExitReason::Exited(0) => {}
        ExitReason::Exited(NO_SUCH_COMMAND) => return Ok(None),
        ExitReason::Exited(3) => {
            return Err(Failure::input(format!(
                "`{shown} export` refused what the campaign has; it has said why"
            )));
        }
        other => return Err(Failure::bug(format!("`{shown} export` ended: {other}"))),
    }
    let mut text = String::new();
    answer.rewind()?;
    answer.read_to_string(&mut text)?;
    let written: Written = serde_json::from_str(&text)
        .map_err(|error| Failure::bug(format!("`{shown} export --json`: {error}")))?;
    Ok(Some(written.exports))
}

/// Files of the candidates, as they are.
fn copies(
    state: &State,
    layout: &Layout,
    winners: &[Winner],
    out: &Path,
) -> Result<Vec<Export>, Failure> {
    let mut written = Vec::new();
    for winner in winners {
        let experiment = state
            .experiments
            .values()
            .find(|experiment| experiment.id.to_string() == winner.experiment)
            .ok_or_else(|| Failure::bug(format!("{} is not on the board", winner.experiment)))?;
        written.push(copy(experiment, layout, winner, out)?);
    }
    Ok(written)
}

fn copy(
    experiment: &Experiment,
    layout: &Layout,
    winner: &Winner,
    out: &Path,
) -> Result<Export, Failure> {
    let mut parts = Path::new(&winner.task).components();
    let plain = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    );
    let dir = out.join(if plain {
        &winner.task
    } else {
        &winner.experiment
    });
    if dir.symlink_metadata().is_ok() {
        return Err(Failure::input(format!(
            "`{}` exists already",
            dir.display()
        )));
    }
    let from = layout.experiments().join(experiment.folder());
    let mut files = vec![(from.join(EXPERIMENT), PathBuf::from(EXPERIMENT))];
    if let Some((Candidate::Files { files: names }, _)) = &experiment.candidate {
        files.extend(names.iter().map(|name| (from.join(name), name.clone())));
    }
    for entry in fs::read_dir(&winner.attempt)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = Path::new("attempt").join(entry.file_name());
            files.push((entry.path(), name));
        }
    }
    files.sort();
    for (from, name) in &files {
        let to = dir.join(name);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, &to).map_err(|error| {
            Failure::input(format!("failed to copy `{}`: {error}", from.display()))
        })?;
    }
    let names = files.iter().map(|(_, name)| name.display().to_string());
    Ok(Export {
        files: names.collect(),
        dir,
    })
}
