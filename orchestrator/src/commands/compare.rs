//! `compare`: the same campaign with several strategies and seeds.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::run::{self, TakenUp};
use super::show::print_json;
use super::{Failure, Places, RunOptions, exit};
use crate::campaign::Layout;
use crate::core::state::State;
use crate::core::strategy::Strategy;
use crate::driver::Ended;
use crate::report::compare::{self as compared, Ran};
use crate::store::Reader;
use crate::ui;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The strategies; the others are compared with the last.
    pub strategies: Vec<Strategy>,
    /// How many seeds, from 1 on.
    pub seeds: u32,
    /// Whether to print JSON.
    pub json: bool,
}

/// Says what every campaign of a comparison is run with.
const ASKED: &str = "asked.json";

/// Runs what has not run yet, one campaign at a time, and compares them all.
pub fn compare(
    what: &Comparison,
    options: &RunOptions,
    places: &Places,
    stop: &Arc<AtomicBool>,
) -> Result<u8, Failure> {
    let strategies = distinct(&what.strategies)?;
    let dir = options.dir.clone().unwrap_or_else(run::default_dir);
    let common = common(options)?;
    prepare(&dir, &common)?;
    let arms = strategies.iter().copied();
    let grid: Vec<(Strategy, u32)> = (1..=what.seeds)
        .flat_map(|seed| arms.clone().map(move |strategy| (strategy, seed)))
        .collect();
    for (place, (strategy, seed)) in grid.iter().enumerate() {
        let title = format!(
            "{}/{} {} seed {seed}",
            place + 1,
            grid.len(),
            strategy.word()
        );
        let options = RunOptions {
            strategy: Some(*strategy),
            seed: Some(u64::from(*seed)),
            dir: Some(folder(&dir, *strategy, *seed)),
            // Baselines know of no playbook.
            playbook: common
                .playbook
                .clone()
                .filter(|_| strategy.has_strategist()),
            ..common.clone()
        };
        match campaign(&options, &title, places, stop)? {
            None | Some(Ended::Finished(_)) => {}
            Some(ended) => {
                eprintln!(
                    "stopped; the same command goes on (add --dir {})",
                    dir.display()
                );
                println!("{}", dir.display());
                return Ok(match ended {
                    Ended::Halted => exit::EXTERNAL,
                    Ended::Stopped | Ended::Rests | Ended::Finished(_) => exit::CANCELLED,
                });
            }
        }
    }
    let comparison = gather(&dir, &strategies, what.seeds)?;
    let write = |name: &str, text: String| sandbox::fs::write_atomic(&dir.join(name), text);
    write("comparison.json", format!("{:#}\n", comparison.json()))?;
    write("comparison.md", compared::markdown(&comparison))?;
    write("comparison.svg", compared::chart(&comparison))?;
    if what.json {
        print_json(&comparison.json());
    } else {
        print!("{}", compared::table(&comparison));
        eprintln!("page:  {}", dir.join("comparison.md").display());
        eprintln!("chart: {}", dir.join("comparison.svg").display());
        println!("{}", dir.display());
    }
    let mut runs = comparison.arms.iter().flat_map(|arm| &arm.runs);
    Ok(if runs.any(|run| run.verified > 0) {
        exit::OK
    } else {
        exit::NO_RESULT
    })
}

fn distinct(strategies: &[Strategy]) -> Result<Vec<Strategy>, Failure> {
    let mut seen = Vec::new();
    for strategy in strategies {
        if seen.contains(strategy) {
            return Err(Failure::input(format!(
                "--strategies: `{}` is named twice",
                strategy.word()
            )));
        }
        seen.push(*strategy);
    }
    Ok(seen)
}

/// What all campaigns have in common.
fn common(options: &RunOptions) -> Result<RunOptions, Failure> {
    let fixed = [
        (options.strategy.is_some(), "--strategy"),
        (options.seed.is_some(), "--seed"),
        (!options.gates.is_empty(), "--gate"),
        (options.until.is_some(), "--until"),
    ];
    if let Some((_, name)) = fixed.iter().find(|(given, _)| *given) {
        return Err(Failure::input(format!(
            "{name} is not for a comparison: it sets strategies by --strategies, counts seeds by \
             --seeds, and runs every campaign to its end"
        )));
    }
    if crate::model::replay::campaign_of(&options.model).is_some() {
        return Err(Failure::input(
            "--model replay:DIR is not for a comparison: one recording can't play several strategies",
        ));
    }
    // To be found from wherever the comparison is taken up again.
    let absolute = |path: &Option<PathBuf>| match path {
        Some(path) => path.canonicalize().map(Some).map_err(|error| {
            Failure::input(format!("--data: can't read `{}`: {error}", path.display()))
        }),
        None => Ok(None),
    };
    Ok(RunOptions {
        data: absolute(&options.data)?,
        dir: None,
        dashboard: None,
        ..options.clone()
    })
}

/// Makes the folder, or checks that it holds the same comparison.
fn prepare(dir: &Path, common: &RunOptions) -> Result<(), Failure> {
    let path = dir.join(ASKED);
    let now = serde_json::to_value(common).map_err(Failure::bug)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let before: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
                Failure::input(format!("`{}` is no comparison: {error}", path.display()))
            })?;
            // A field that one of them lacks was left at its default there.
            let keys = |document: &serde_json::Value| -> Vec<String> {
                let fields = document.as_object().into_iter().flatten();
                fields.map(|(key, _)| key.clone()).collect()
            };
            let changed = keys(&now)
                .into_iter()
                .chain(keys(&before))
                .map(|key| (before[&key].clone(), now[&key].clone(), key))
                .filter(|(before, now, _)| before != now)
                .map(|(before, now, key)| format!("{key} was {before} and is {now}"))
                .next();
            match changed {
                Some(changed) => Err(Failure::input(format!(
                    "`{}` holds a comparison of other campaigns: {changed}; name another --dir",
                    dir.display()
                ))),
                None => Ok(()),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            crate::campaign::check_vacant(dir)?;
            std::fs::create_dir_all(dir)?;
            Ok(sandbox::fs::write_atomic(&path, format!("{now:#}\n"))?)
        }
        Err(error) => Err(error.into()),
    }
}

fn folder(dir: &Path, strategy: Strategy, seed: u32) -> PathBuf {
    dir.join(format!("{}-seed{seed}", strategy.word()))
}

/// Drives one campaign to its end; none if it was there already.
fn campaign(
    options: &RunOptions,
    title: &str,
    places: &Places,
    stop: &Arc<AtomicBool>,
) -> Result<Option<Ended>, Failure> {
    let dir = options.dir.clone().unwrap_or_default();
    let layout = Layout::of(&dir);
    let watch = |layout: &Layout| ui::brief(layout, title);
    let session = if dir.join(crate::store::DATABASE).exists() {
        match run::take_up(&dir, places, Arc::clone(stop), &watch)? {
            TakenUp::Going(session) => *session,
            TakenUp::Finished(_) => return Ok(None),
        }
    } else {
        run::begin(options, places, Arc::clone(stop), &watch)?
    };
    let (ended, state) = session.run()?;
    run::write_report(&layout)?;
    if !std::io::stderr().is_terminal() {
        let score = crate::core::rank::leaderboard(&state)
            .summary
            .geomean_deployed;
        let score = score.map_or("-".to_owned(), |score| format!("{score:.3}"));
        eprintln!(
            "{title}: {score}, {} experiments, {:.0} s",
            state.index.spent,
            state.clock.logged_s()
        );
    }
    Ok(Some(ended))
}

fn gather(
    dir: &Path,
    strategies: &[Strategy],
    seeds: u32,
) -> Result<compared::Comparison, Failure> {
    let mut ran = Vec::new();
    let mut any = State::default();
    for strategy in strategies {
        for seed in 1..=seeds {
            let dir = folder(dir, *strategy, seed);
            let (log, _) = Reader::open(&dir)?.anchored_log()?;
            let state = State::fold(&log).map_err(Failure::bug)?;
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            ran.push(Ran::of(strategy.word(), &name, &state, &log));
            any = state;
        }
    }
    let names: Vec<&str> = strategies.iter().map(|strategy| strategy.word()).collect();
    let reference = names.last().copied().unwrap_or_default();
    Ok(compared::Comparison::new(&names, reference, &ran, &any))
}
