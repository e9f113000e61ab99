//! The road from an evaluation to its findings.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::checks::canary::{self, Variant};
use super::checks::score::{self, Outcome, Scored};
use super::checks::{predictors, split, structure};
use super::contract::Contract;
use super::facts::Facts;
use super::finding::Finding;
use super::interpreter::Interpreter;
use super::mutants;
use super::prepared::{Part, Prepared};
use super::probes::{self, AnswerSet, Ask, Format, Probe, Target};
use super::raw::Raw;
use super::run::{Batch, Done, RunError, copy_folder, write_below};
use super::stored::{Place, Stored};
use super::table::{bytes, files};
use super::{AuditError, Kills, Subject, baseline};
use crate::core::measurement::Baseline;

/// How far the second run's clock is ahead.
const CLOCK_DAYS: u32 = 400;

/// A folder in which one evaluation is audited.
pub(super) struct Workshop<'a> {
    pub(super) interpreter: &'a Interpreter,
    pub(super) contract: Contract,
    pub(super) root: PathBuf,
}

/// What an audit sees.
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// What became of mutants, if asked for.
    pub(super) mutants: Option<Kills>,
    pub(super) baseline: Option<Baseline>,
}

/// Audits.
pub(super) fn work(
    subject: &Subject,
    interpreter: &Interpreter,
    with_mutants: bool,
) -> Result<Seen, AuditError> {
    let contract = Contract::load(&subject.evaluation)?;
    let room = tempfile::Builder::new()
        .prefix("alphalab-audit-")
        .tempdir()
        .map_err(AuditError::Room)?;
    // The sandbox's user must be able to enter.
    std::fs::set_permissions(room.path(), PermissionsExt::from_mode(0o755))
        .map_err(AuditError::Room)?;
    let shop = Workshop {
        interpreter,
        contract,
        root: room.path().to_owned(),
    };
    copy_folder(&subject.evaluation, &shop.evaluation())?;
    copy_folder(&subject.data, &shop.data("original"))?;
    let stored = Stored::of(&shop.contract.data, &shop.data("original"))?;
    let (original, plain) = (shop.data("original"), shop.root.join("plain"));
    let raw = Raw::open(
        &shop.contract,
        stored.as_ref(),
        shop.translator(&original, &plain),
    )?;

    let done = shop.prepare("first", &[("original", "first")], 0)?;
    if done[0].code != 0 {
        return Err(AuditError::Prepare(done[0].complaint()));
    }
    let target = &shop.contract.task.target;
    let prepared = Prepared::load(&shop.out("first"), &raw, target)?;
    let facts = Facts {
        contract: &shop.contract,
        raw: &raw,
        prepared: &prepared,
    };
    let mut found = structure::check(&facts);
    found.extend(split::check(&facts));
    found.extend(predictors::check(&facts));
    found.extend(canaries(&shop, &facts, stored.as_ref())?);
    let mut seen = scorer(&shop, &facts, with_mutants && found.is_empty())?;
    found.append(&mut seen.findings);
    seen.findings = found;
    Ok(seen)
}

impl Workshop<'_> {
    pub(super) fn evaluation(&self) -> PathBuf {
        self.root.join("evaluation")
    }

    fn data(&self, name: &str) -> PathBuf {
        self.root.join("data").join(name)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.root.join("made").join(name)
    }

    /// Writes copies of the data, each as a folder of its own.
    fn lay(&self, copies: &[(&Raw, &str)], stored: Option<&Stored>) -> Result<(), AuditError> {
        let original = self.data("original");
        let room = self.root.join("changed");
        let mut made = Vec::new();
        for (raw, name) in copies {
            let folder = self.data(name);
            raw.write(&original, &folder)?;
            if stored.is_some() {
                std::fs::create_dir_all(&folder).map_err(RunError::file("create", &folder))?;
                let csv = PathBuf::from(format!("{name}.csv"));
                write_below(&room, &csv, &raw.to_csv())?;
                made.push((room.join(csv), folder));
            }
        }
        if let Some(stored) = stored {
            stored.write(self.translator(&original, &room), &made)?;
        }
        Ok(())
    }

    fn translator<'b>(&'b self, original: &'b Path, room: &'b Path) -> Place<'b> {
        Place {
            interpreter: self.interpreter,
            original,
            room,
        }
    }

    /// Runs `prepare` on (data, output) pairs.
    fn prepare(
        &self,
        batch: &str,
        pairs: &[(&str, &str)],
        hash_seed: u32,
    ) -> Result<Vec<Done>, RunError> {
        let mut work = Batch {
            cwd: self.evaluation(),
            hash_seed,
            clock_days: hash_seed * CLOCK_DAYS,
            timeout_s: self.contract.commands.timeout_s,
            ..Batch::default()
        };
        for (data, out) in pairs {
            let (data, out) = (self.data(data), self.out(out));
            std::fs::create_dir_all(&out).map_err(RunError::file("create", &out))?;
            work.jobs
                .push(self.contract.commands.prepare_words(&data, &out));
            if !work.readable.contains(&data) {
                work.readable.push(data);
            }
            work.writable.push(out);
        }
        work.run(self.interpreter, &self.root.join("batches").join(batch))
    }
}

/// Every file below a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let list = files(folder).unwrap_or_default();
    list.into_iter()
        .map(|(name, path)| (name, bytes(&path, "output").unwrap_or_default()))
        .collect()
}

/// Prepares the same and the changed data in another process, on another day.
fn canaries(
    shop: &Workshop<'_>,
    facts: &Facts<'_>,
    stored: Option<&Stored>,
) -> Result<Vec<Finding>, AuditError> {
    let variants: Vec<Variant> = canary::variants(facts);
    let mut copies = vec![(facts.raw, "same")];
    copies.extend(variants.iter().map(|v| (&v.raw, v.name.as_str())));
    shop.lay(&copies, stored)?;
    let mut pairs = vec![("original", "again"), ("same", "same")];
    pairs.extend(variants.iter().map(|v| (v.name.as_str(), v.name.as_str())));
    let done = shop.prepare("canaries", &pairs, 1)?;

    let (first, again) = (contents(&shop.out("first")), contents(&shop.out("again")));
    let names = first.keys().chain(again.keys());
    let differing = names
        .into_iter()
        .find(|name| first.get(*name) != again.get(*name));
    if let Some(name) = differing {
        return Ok(vec![Finding::new(
            "determinism",
            "prepared the same data with the same seed twice, in two processes on two days",
            &format!("`{}` differs", name.display()),
            "Something depends on the clock, the process, the order of a set or an unseeded generator; \
             use the seed that is given.",
        )]);
    }
    let target = &shop.contract.task.target;
    let load = |name: &str, raw: &Raw| Prepared::load(&shop.out(name), raw, target).ok();
    let Some(base) = load("same", facts.raw).filter(|_| done[1].code == 0) else {
        return Ok(Vec::new());
    };
    let outcomes: Vec<(&Variant, Option<Prepared>)> = variants
        .iter()
        .zip(&done[2..])
        .map(|(v, done)| (v, (done.code == 0).then(|| load(&v.name, &v.raw)).flatten()))
        .collect();
    Ok(canary::judge(facts, &base, &outcomes))
}

/// Writes probes and the answers that they are scored with; gives the words
/// that score each, and what they must see.
pub(super) fn lay_out(
    shop: &Workshop<'_>,
    facts: &Facts<'_>,
    folder: &str,
    probes: &[Probe],
) -> Result<Batch, RunError> {
    let place = shop.root.join("probes").join(folder);
    let mut batch = Batch {
        cwd: shop.evaluation(),
        readable: vec![place.clone()],
        timeout_s: shop.contract.commands.timeout_s,
        ..Batch::default()
    };
    for (number, probe) in probes.iter().enumerate() {
        let name = probe.part.name();
        let inputs = shop.out("first").join("public").join(name);
        let private = shop.out("first").join("private").join(name);
        let artifacts = place.join(number.to_string());
        std::fs::create_dir_all(&artifacts).map_err(RunError::file("create", &artifacts))?;
        for (file, text) in &probe.files {
            write_below(&artifacts, Path::new(file), text.as_bytes())?;
        }
        let answers = if probe.answers == AnswerSet::Real {
            private
        } else {
            let changed = place.join(format!("{name}-{}", probe.answers.name()));
            let split = facts.prepared.splits.iter().find(|s| s.part == probe.part);
            let text = split.and_then(|s| probes::answers(facts, s, probe.answers));
            copy_folder(&private, &changed)?;
            write_below(
                &changed,
                Path::new("answers.csv"),
                &text.unwrap_or_default(),
            )?;
            changed
        };
        batch.jobs.push(
            shop.contract
                .commands
                .score_words(&inputs, &answers, &artifacts),
        );
        // What candidates see harms no scorer: a scale may come from the
        // training rows.
        for seen in [shop.out("first").join("public"), answers] {
            if !seen.starts_with(&place) && !batch.readable.contains(&seen) {
                batch.readable.push(seen);
            }
        }
    }
    Ok(batch)
}

fn made(facts: &Facts<'_>, format: Format) -> (Vec<Probe>, BTreeMap<Part, Vec<String>>) {
    let mut all = Vec::new();
    let mut answers = BTreeMap::new();
    for split in &facts.prepared.splits {
        let target = Target::of(facts, split, format);
        all.extend(probes::probes(&target, split.part));
        answers.insert(split.part, target.answers);
    }
    (all, answers)
}

/// Scores probes and judges what came out.
fn scorer(shop: &Workshop<'_>, facts: &Facts<'_>, with_mutants: bool) -> Result<Seen, AuditError> {
    let metric = &shop.contract.metric;
    let run = |batch: &Batch, name: &str| -> Result<Vec<Outcome>, RunError> {
        let done = batch.run(shop.interpreter, &shop.root.join("batches").join(name))?;
        Ok(done.iter().map(|d| Outcome::of(d, &metric.name)).collect())
    };
    let mut format = match metric.formula() {
        Some(formula) if formula.wants_probabilities() => Format::Probabilities,
        _ => Format::Values,
    };
    let (mut probes, mut answers) = made(facts, format);
    let mut batch = lay_out(shop, facts, "values", &probes)?;
    let mut outcomes = run(&batch, "score")?;
    // Nobody says whether a metric of one's own wants classes or
    // probabilities: the one that takes the answers.
    let refused = matches!(outcomes.first(), Some(Outcome::Refused(_)));
    if refused && facts.classes() && metric.formula().is_none() {
        format = Format::Probabilities;
        (probes, answers) = made(facts, format);
        batch = lay_out(shop, facts, "probabilities", &probes)?;
        outcomes = run(&batch, "score-probabilities")?;
    }
    let scored = Scored {
        contract: &shop.contract,
        facts: *facts,
        probes: &probes,
        outcomes: &outcomes,
        answers: &answers,
    };
    let mut found = score::judge(&scored);

    let repeated: Vec<usize> = (0..probes.len())
        .filter(|n| matches!(probes[*n].ask, Ask::Oracle | Ask::Noise(_)))
        .collect();
    let again = Batch {
        jobs: repeated.iter().map(|n| batch.jobs[*n].clone()).collect(),
        hash_seed: 1,
        clock_days: CLOCK_DAYS,
        ..batch.clone()
    };
    let second = run(&again, "score-again")?;
    if let Some((n, outcome)) = repeated
        .iter()
        .zip(&second)
        .find(|(n, o)| outcomes[**n] != **o)
    {
        found.push(Finding::new(
            "determinism",
            "scored the same predictions twice, in two processes on two days",
            &format!("{:?} the first time, {outcome:?} the second", outcomes[*n]),
            "The score depends on the clock, the process, the order of a set or an unseeded generator.",
        ));
    }
    let mutants = if with_mutants && found.is_empty() {
        Some(mutants::kills(shop, &scored, &batch)?)
    } else {
        None
    };
    found.extend(mutants.as_ref().and_then(mutants::judge));
    Ok(Seen {
        findings: found,
        mutants,
        baseline: baseline::measure(&scored),
    })
}
