//! Which adapter a run gets, and what has to be known about its data first.
//! Everything that can be wrong with the input is found here, before anything
//! is written.

use std::path::{Path, PathBuf};

use protocol::Direction;
use serde_json::json;

use super::origin::Origin;
use super::{Failure, Places};
use crate::adapter::{
    Adapter, AdapterError, Choice, DataFacts, Draft, FILES, Judge, MANIFEST, Manifest, Metric,
    NoJudge, Request, Resolution, resolve,
};
use crate::audit::contract::Formula;
use crate::campaign::Chosen;
use crate::driver::Bench;
use crate::explore::{
    self, AgentsPython, Guess, GuessedMetric, MetricSource, Profile, ProfileLimits, ProfileRequest,
    TaskKind,
};
use crate::model::builtin::evaluation::canonical;

/// What a run asks for, as far as the adapter depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) adapter: Option<&'a str>,
    pub(super) data: Option<&'a Path>,
    pub(super) objective: Option<&'a str>,
    /// The campaign that is replayed, if one is.
    pub(super) origin: Option<&'a Origin>,
}

/// An adapter, and how its candidates are measured.
#[derive(Debug)]
pub(super) enum Found {
    /// A lab measures.
    Lab(Box<Adapter>),
    /// An evaluation that agents build measures.
    Built(Box<Built>),
}

/// All that a campaign needs which builds its evaluation.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) adapter: Adapter,
    pub(super) chosen: Chosen,
    pub(super) bench: Bench,
    /// The data, absolute.
    pub(super) data: PathBuf,
}

/// Finds the adapter.
pub(super) fn find(asked: Asked<'_>, places: &Places) -> Result<Found, Failure> {
    if let Some(data) = asked.data
        && !data.exists()
    {
        return Err(Failure::input(format!(
            "there is no `{}`: --data names a file or a folder",
            data.display()
        )));
    }
    if let (Some(origin), None) = (asked.origin, asked.adapter) {
        return again(origin, asked, places);
    }
    let known = Adapter::known_in(&places.home.join("adapters"));
    let request = Request {
        adapter: asked.adapter.map(str::to_owned),
        objective: asked.objective.map(str::to_owned),
    };
    // Kernels are known by their files; all else needs a look inside.
    let outside = asked.data.map(explore::outside);
    if asked.adapter.is_some() || asked.data.is_none() {
        let resolution = resolve(&request, &known, outside.as_ref())?;
        let adapter = load(&resolution, places)?;
        let judged = judge(&adapter, places).map_err(Failure::input)?;
        if matches!(judged, Judge::Lab(_)) {
            return Ok(Found::Lab(Box::new(adapter)));
        }
        let Some(data) = asked.data else {
            return Err(Failure::input(format!(
                "adapter `{}` needs the lab `{}`, which is not built here, or --data to build an evaluation for",
                adapter.manifest.name, adapter.manifest.lab
            )));
        };
        let seen = look(data, asked.objective.unwrap_or_default(), places)?;
        return built(Ok((adapter, resolution.why)), seen, asked, data);
    }
    let Some(data) = asked.data else {
        return Err(Failure::input("there is no data: name it with --data"));
    };
    let resolution = resolve(&request, &known, outside.as_ref())?;
    let mut nobody = None;
    if let Choice::Known(_) = resolution.choice {
        let adapter = load(&resolution, places)?;
        match judge(&adapter, places) {
            Ok(Judge::Lab(_)) => return Ok(Found::Lab(Box::new(adapter))),
            Ok(Judge::Commands(_)) => {}
            Err(error) => nobody = Some(error),
        }
    }
    let looked = look(data, asked.objective.unwrap_or_default(), places);
    let seen = looked.map_err(|failure| match &nobody {
        // What a lab alone can read is no fault of the data.
        Some(error) => Failure::input(format!(
            "{error}; looking at the data to do without it: {failure}"
        )),
        None => failure,
    })?;
    let resolution = resolve(&request, &known, Some(&seen.facts))?;
    let fit = match resolution.choice {
        Choice::New => Err("no adapter is known for such data".to_owned()),
        Choice::Known(_) | Choice::Folder(_) => {
            let adapter = load(&resolution, places)?;
            match judge(&adapter, places) {
                Ok(_) => Ok((adapter, resolution.why)),
                Err(error) => Err(without_lab(error, &seen.profile.findings.guess)?),
            }
        }
    };
    built(fit, seen, asked, data)
}

/// Why an adapter is drafted although one is known: nobody chose that one, and
/// its lab is missing. Nothing but a lab can measure kernels.
fn without_lab(error: NoJudge, guess: &Guess) -> Result<String, Failure> {
    if guess.kind == TaskKind::KernelOptimisation {
        return Err(Failure::input(error));
    }
    let mut why = format!(
        "`{}` fits, but its lab `{}` is not built here",
        error.adapter, error.lab
    );
    let running = guess.kind == TaskKind::LanguageModelling;
    if let Some(named) = guess.metric.as_ref().filter(|_| running)
        && of_text(named) == Formula::Logloss
        && Formula::named(&named.name) != Some(Formula::Logloss)
    {
        why.push_str("; instead of `");
        why.push_str(&named.name);
        why.push_str("`, which only that measures, the loss of the next character in nats counts");
    }
    Ok(why)
}

/// What the recorded campaign began with: its adapter, which was chosen then;
/// the data is looked at again.
fn again(origin: &Origin, asked: Asked<'_>, places: &Places) -> Result<Found, Failure> {
    let room = tempfile::tempdir()?;
    let adapter = origin.adapter_in(&room.path().join("adapter"))?;
    let judged = judge(&adapter, places).map_err(Failure::input)?;
    if matches!(judged, Judge::Lab(_)) {
        return Ok(Found::Lab(Box::new(adapter)));
    }
    let Some(data) = asked.data else {
        return Err(Failure::input("there is no data: name it with --data"));
    };
    let seen = look(data, asked.objective.unwrap_or_default(), places)?;
    let (why, drafted) = origin.chosen();
    let mut found = built(Ok((adapter, why)), seen, asked, data)?;
    if let Found::Built(built) = &mut found {
        built.chosen.drafted = drafted;
    }
    Ok(found)
}

fn load(resolution: &Resolution, places: &Places) -> Result<Adapter, Failure> {
    let folder = match &resolution.choice {
        Choice::Known(name) => places.home.join("adapters").join(name),
        Choice::Folder(path) => path.clone(),
        Choice::New => return Err(Failure::bug("a new adapter can't be loaded")),
    };
    Ok(Adapter::load(&folder)?)
}

fn judge<'a>(adapter: &'a Adapter, places: &Places) -> Result<Judge<'a>, NoJudge> {
    let built = |lab: &str| places.bin_dir.join(lab).is_file();
    adapter.manifest.judge(built)
}

/// What a look inside the data came to.
struct Seen {
    profile: Profile,
    facts: DataFacts,
    bench: Bench,
}

/// What agents work with here.
pub(super) fn bench(places: &Places) -> Result<Bench, Failure> {
    let python = AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &places.home)?;
    Ok(Bench {
        python,
        environment: places.environment.clone(),
    })
}

fn look(data: &Path, objective: &str, places: &Places) -> Result<Seen, Failure> {
    let bench = bench(places)?;
    let room = tempfile::tempdir()?;
    let script = explore::write_scripts(&room.path().join("scripts"))?;
    eprintln!("looking at `{}` …", data.display());
    let request = ProfileRequest {
        script: &script,
        data,
        out: &room.path().join("out"),
        plots: &room.path().join("plots"),
        objective,
        target: None,
        skip_ragged: false,
        limits: ProfileLimits::default(),
    };
    let profile = explore::profile(&bench.python, &request)?;
    let facts = explore::facts(&profile, data);
    Ok(Seen {
        profile,
        facts,
        bench,
    })
}

/// Fits an adapter to what was seen, or drafts one; either with the reason.
fn built(
    fit: Result<(Adapter, String), String>,
    seen: Seen,
    asked: Asked<'_>,
    data: &Path,
) -> Result<Found, Failure> {
    let guess = &seen.profile.findings.guess;
    let named = guess.metric.as_ref();
    if let Some(metric) = named
        && let Some(wanted) = metric.contradiction
    {
        return Err(Failure::input(format!(
            "--objective asks to {} `{}`, but the {} `{}` the better: write `{}`, or name another metric",
            verb(wanted),
            metric.name,
            comparative(metric.direction),
            metric.name,
            verb(metric.direction)
        )));
    }
    let drafted = fit.is_err();
    let (adapter, why) = match fit {
        Ok((adapter, why)) => (fresh(&fitted(&adapter, named, &seen)?)?, why),
        Err(why) => (fresh(&draft(named, &seen, asked)?.texts())?, why),
    };
    let profile = json!({
        "schema": seen.profile.schema,
        "statistics": seen.profile.statistics,
        "findings": seen.profile.findings,
    });
    Ok(Found::Built(Box::new(Built {
        adapter,
        chosen: Chosen {
            why,
            drafted,
            facts: json!(seen.facts),
            profile,
        },
        bench: seen.bench,
        data: data.canonicalize()?,
    })))
}

fn verb(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimise => "minimise",
        Direction::Maximise => "maximise",
    }
}

fn comparative(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimise => "smaller",
        Direction::Maximise => "larger",
    }
}

/// Checks the texts of an adapter and loads them.
fn fresh(texts: &[(String, String)]) -> Result<Adapter, Failure> {
    let room = tempfile::tempdir()?;
    Ok(Adapter::create(&room.path().join("adapter"), texts)?)
}

/// A known adapter's files, with the metric that the objective names.
fn fitted(
    adapter: &Adapter,
    named: Option<&GuessedMetric>,
    seen: &Seen,
) -> Result<Vec<(String, String)>, Failure> {
    let mut texts = Vec::new();
    for name in FILES {
        let path = adapter.folder().join(name);
        let text = std::fs::read_to_string(&path).map_err(|source| AdapterError::File {
            operation: "read",
            path,
            source,
        })?;
        texts.push((name.to_owned(), text));
    }
    let wanted = named.filter(|metric| {
        metric.source == MetricSource::Objective && metric.name != adapter.manifest.metric.name
    });
    if let Some(wanted) = wanted {
        let manifest = Manifest {
            metric: metric(wanted, seen),
            ..adapter.manifest.clone()
        };
        let text = toml::to_string(&manifest).map_err(Failure::bug)?;
        if let Some((_, old)) = texts.iter_mut().find(|(name, _)| name == MANIFEST) {
            *old = text;
        }
    }
    Ok(texts)
}

/// A first adapter for a domain that nobody has written one for.
fn draft(named: Option<&GuessedMetric>, seen: &Seen, asked: Asked<'_>) -> Result<Draft, Failure> {
    let name = &seen.facts.name;
    let Some(objective) = asked.objective.filter(|text| !text.trim().is_empty()) else {
        return Err(Failure::input(format!(
            "no adapter is known for `{name}`, so the run has to say what is wanted: \
             --objective \"predict … with the smallest RMSE\""
        )));
    };
    let Some(named) = named else {
        let reasons = seen.profile.findings.guess.reasons.join("; ");
        return Err(Failure::input(format!(
            "the objective names no metric for `{name}`, and the data suggests none ({reasons}): say what to \
             predict and by which metric, such as RMSE, accuracy or bits per byte"
        )));
    };
    let kind = match seen.profile.findings.guess.kind {
        TaskKind::Regression => "regression on tables",
        TaskKind::Classification => "classification on tables",
        TaskKind::Forecast => "forecasting of time series",
        TaskKind::TextClassification => "classification of texts",
        TaskKind::LanguageModelling => "modelling of text",
        TaskKind::KernelOptimisation => "kernels",
        TaskKind::Unknown => "data of an unknown kind",
    };
    Ok(Draft {
        name: slug(name),
        domain: format!("{kind}: {name}"),
        objective: objective.to_owned(),
        metric: metric(named, seen),
    })
}

/// What places in running text are scored by: a measure of classes if one is
/// named, else the logarithmic loss.
fn of_text(named: &GuessedMetric) -> Formula {
    let formula = Formula::named(&named.name);
    formula
        .filter(|formula| formula.is_for_classes())
        .unwrap_or(Formula::Logloss)
}

fn metric(named: &GuessedMetric, seen: &Seen) -> Metric {
    let guess = &seen.profile.findings.guess;
    if guess.kind == TaskKind::LanguageModelling {
        let formula = of_text(named);
        let nats = formula == Formula::Logloss;
        return Metric {
            name: formula.word().to_owned(),
            unit: if nats { "nats" } else { "1" }.to_owned(),
            direction: formula.direction(),
            baseline: "the frequencies of the characters in training".to_owned(),
            baseline_value: None,
            formula: Some(formula.word().to_owned()),
        };
    }
    let name = canonical(&named.name).unwrap_or(&named.name);
    let formula = Formula::named(name);
    let unit = match (&guess.target, formula) {
        (Some(target), Some(formula)) if formula.has_unit() => format!("unit of {target}"),
        (None, Some(formula)) if formula.has_unit() => "unit of the series".to_owned(),
        _ => "1".to_owned(),
    };
    Metric {
        // The scorers' own name for it: `roc_auc` is `auc`.
        name: name.to_owned(),
        unit,
        direction: named.direction,
        baseline: "the best prediction that looks at no feature".to_owned(),
        baseline_value: None,
        formula: formula.map(|formula| formula.word().to_owned()),
    }
}

/// A name fit for an adapter: lower-case letters, digits, hyphens.
fn slug(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut slug = String::new();
    for c in stem.chars().take(40) {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        slug.to_owned()
    } else {
        format!("data-{slug}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn names_of_data_become_names_of_adapters() {
        assert_eq!(slug("Bike Hours.csv"), "bike-hours");
        assert_eq!(slug("2011.csv"), "data-2011");
        assert_eq!(slug("…"), "data");
    }
}
