//! Admission: before a task counts, wrong outputs must fail on it.
//!
//! *Mutants* of a task are judged with the comparison, tolerances and special
//! inputs that candidates are judged with. One that passes is a hole in the
//! task: whoever finds it gets a speedup for nothing. [`rules`] makes a verdict
//! of what the mutants came to, [`graph`] finds tasks that collapse by
//! algebra, [`manifest`] keeps what is published.

mod document;
mod full;
mod graph;
pub mod manifest;
mod mutants;
pub mod rules;

use std::collections::BTreeMap;

use protocol::ContentHash;
use serde::Serialize;
use torch_bridge::tch::{Kind as Element, Tensor};
use torch_bridge::{PyFault, Value};

pub use document::Document;
pub use rules::{Kind, Quality, Reason, Trial};

use crate::error::{HarnessError, chain};
use crate::evaluate::{Denormals, Lab, Weighed, compare_output, weigh};
use crate::inputs::{Special, one_way};
use crate::judge::{Finding, Outcome, Site};
use crate::task::sizes::SizeOrigin;
use crate::task::{Draw, Expected, LoadedTask, TaskSource};
use mutants::{Known, Mutant};
use rules::Findings;

/// Version of the rules, the mutants and the comparison together: a manifest
/// made by other ones is stale.
pub const RULES: u32 = 2;

/// What parameters and inputs are derived from unless another seed is asked
/// for: the same task gets the same verdict.
pub const SEED: u64 = 0x000a_d317;

/// Draws from the task's own distribution that mutants are judged on.
const OWN_DRAWS: u64 = 3;
/// Draws from which a constant answer is learnt.
const REFERENCE_DRAWS: u64 = 8;
/// An operand of a product with this share of zeros, at the same places
/// whatever is drawn, leaves products out.
const STRUCTURAL_ZEROS: f64 = 0.25;
/// The set of inputs that is filled again and again.
const SET: usize = 0;

/// How to admit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which of a task's sizes: `cpu`, `sim`, `cuda`; those of its file where
    /// it has none of that name.
    pub size: String,
    /// What parameters and inputs are derived from.
    pub seed: u64,
}

/// A task's verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Admitted {
    /// Name.
    pub task: String,
    /// Verdict.
    pub quality: Quality,
    /// Mutants that fail, by name.
    pub failed_mutants: Vec<String>,
    /// Mutants that pass everything, by name.
    pub passed_mutants: Vec<String>,
    /// Why it is not `ok`; what decided comes first.
    pub reasons: Vec<Reason>,
    /// What each mutant came to.
    pub trials: Vec<Trial>,
    /// Special distributions that eager itself can't take: nobody is judged
    /// by them.
    pub skipped: Vec<String>,
    /// Which of the task's sizes this holds for.
    pub size: String,
    /// The module's integer constants at that size.
    pub constants: BTreeMap<String, i64>,
    /// Hash of the task's file and its sizes.
    pub hash: ContentHash,
}

impl Lab {
    /// Admits the tasks named in `only`, or all. `progress` receives one line
    /// for each.
    pub fn admit(
        &mut self,
        only: &[String],
        options: &Options,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Document, HarnessError> {
        let names = if only.is_empty() {
            self.task_names()?
        } else {
            only.to_vec()
        };
        self.bench = None;
        let mut tasks = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let source = self.tasks.find(name)?;
            let admitted = self.admit_one(&source, options)?;
            let place = format!("{}/{}", index + 1, names.len());
            progress(&format!(
                "{place} {}: {}",
                admitted.task,
                admitted.quality.name()
            ));
            tasks.push(admitted);
        }
        Ok(Document::of(options, tasks))
    }

    /// A task that fails on its own inputs is a verdict, too.
    fn admit_one(&self, source: &TaskSource, options: &Options) -> Result<Admitted, HarnessError> {
        let sized = match options.size.as_str() {
            "cpu" => self.sized(source.clone()),
            _ => Ok(source.clone()),
        };
        let load = |source: TaskSource| {
            let seed = one_way(options.seed, "parameters", 0);
            LoadedTask::load(&self.interp, &source, &options.size, seed)
        };
        let halved = matches!(&sized, Ok(sized) if sized.origin == SizeOrigin::Halved);
        let admitted = sized
            .and_then(load)
            .and_then(|mut task| Examination::of(&mut task, options.seed)?.verdict());
        match admitted {
            Ok(admitted) if halved => self.in_full(source, admitted, options.seed),
            Err(error @ (HarnessError::Task { .. } | HarnessError::Python { .. })) => {
                Ok(Admitted {
                    task: source.name.clone(),
                    quality: Quality::IllPosed,
                    failed_mutants: Vec::new(),
                    passed_mutants: Vec::new(),
                    reasons: vec![Reason::new("unusable", "model", chain(&error))],
                    trials: Vec::new(),
                    skipped: Vec::new(),
                    size: options.size.clone(),
                    constants: BTreeMap::new(),
                    hash: source.hash.clone(),
                })
            }
            other => other,
        }
    }

    /// The verdict on a task whose sizes were halved, with what its own sizes
    /// say about it.
    fn in_full(
        &self,
        source: &TaskSource,
        mut admitted: Admitted,
        seed: u64,
    ) -> Result<Admitted, HarnessError> {
        let judged = matches!(admitted.quality, Quality::Degenerate | Quality::IllPosed);
        let rows = if judged {
            None
        } else {
            self.fewer_rows(source, full::BYTES, full::FLOPS)?
        };
        if let Some(sizes) = rows {
            let reasons = self
                .interp
                .load_task(&source.path, &sizes)
                .and_then(|module| full::no_work_passes(&module, &sizes, seed))
                .map_err(HarnessError::python("trying long rows"))?;
            if !reasons.is_empty() {
                admitted.quality = Quality::Degenerate;
                admitted.reasons.splice(0..0, reasons);
            }
        }
        Ok(admitted)
    }
}

/// A task and its mutants while they are tried.
struct Examination<'t> {
    task: &'t mut LoadedTask,
    seed: u64,
    mutants: Vec<(Mutant, Trial)>,
    findings: Findings,
    skipped: Vec<String>,
    /// For each input that is an operand of a product: where it was zero in
    /// every draw.
    zeros: Vec<(usize, Tensor)>,
}

impl<'t> Examination<'t> {
    fn of(task: &'t mut LoadedTask, seed: u64) -> Result<Self, HarnessError> {
        let known = learn(task, seed)?;
        let graph = task.graph()?;
        let findings = Findings {
            collapses: graph::collapses(graph),
            random_in_training: random_in_training(task),
            ..Findings::default()
        };
        let zeros = graph::product_inputs(graph)
            .into_iter()
            .filter_map(|index| Some((index, zeros_of(task, index)?)))
            .collect();
        let dropped = task
            .model
            .without_each(&task.sets[SET].values)
            .map_err(HarnessError::python("leaving out operators"))?;
        let mutants = mutants::mutants(task, known, dropped)
            .into_iter()
            .map(|mutant| {
                let trial = Trial {
                    mutant: mutant.name.clone(),
                    kind: mutant.kind,
                    passed: true,
                    passed_own: true,
                    failed_on: None,
                    error_of_budget: None,
                    right_share: 1.0,
                    allclose: None,
                };
                (mutant, trial)
            })
            .collect();
        Ok(Self {
            task,
            seed,
            mutants,
            findings,
            skipped: Vec::new(),
            zeros,
        })
    }

    fn verdict(mut self) -> Result<Admitted, HarnessError> {
        for call in 0..OWN_DRAWS {
            self.own(call)?;
        }
        for special in self.task.specials() {
            if self.nobody_left() {
                break;
            }
            self.put_to("special", OWN_DRAWS, Some(special))?;
            self.try_all(special.name(), Some(special))?;
        }
        if !self.task.params.is_empty() && !self.nobody_left() {
            let own = self
                .task
                .alter_params(one_way(self.seed, "altered parameters", 0))?;
            let tried = self
                .put_to("own", OWN_DRAWS + 1, None)
                .and_then(|()| self.try_all("altered-parameters", None));
            self.task.restore_params(own)?;
            tried?;
        }
        let structured = self.zeros.iter().filter_map(|(index, zeros)| {
            let share = zeros.to_kind(Element::Double).mean(None).double_value(&[]);
            (share >= STRUCTURAL_ZEROS).then(|| {
                let percent = 100.0 * share;
                Reason::new(
                    "structural-zeros",
                    &format!("input {index}"),
                    format!("{percent:.0}% of this operand of a product is zero in every draw"),
                )
            })
        });
        self.findings.collapses.extend(structured);
        Ok(self.into_admitted())
    }

    fn into_admitted(self) -> Admitted {
        let trials: Vec<Trial> = self.mutants.into_iter().map(|(_, trial)| trial).collect();
        let (quality, reasons) = rules::judge(self.findings, &trials);
        let named = |passed: bool| {
            let of = trials.iter().filter(|trial| trial.passed == passed);
            of.map(|trial| trial.mutant.clone()).collect()
        };
        Admitted {
            task: self.task.source.name.clone(),
            quality,
            failed_mutants: named(false),
            passed_mutants: named(true),
            reasons,
            skipped: self.skipped,
            size: self.task.size.clone(),
            constants: self.task.constants.iter().cloned().collect(),
            hash: self.task.source.hash.clone(),
            trials,
        }
    }

    fn nobody_left(&self) -> bool {
        self.mutants.iter().all(|(_, trial)| !trial.passed)
    }

    fn put_to(
        &mut self,
        stream: &str,
        call: u64,
        special: Option<Special>,
    ) -> Result<(), HarnessError> {
        fill(self.task, self.seed, stream, call, special)
    }

    /// Tries all mutants on a draw from the task's own distribution: those
    /// that do no work even after they have failed, for how far off they are.
    fn own(&mut self, call: u64) -> Result<(), HarnessError> {
        self.put_to("own", call, None)?;
        for (index, zeros) in &mut self.zeros {
            if let Some(now) = zeros_of(self.task, *index) {
                *zeros = zeros.logical_and(&now);
            }
        }
        let expected = self.task.expected(SET)?;
        self.findings.not_finite |= expected.truth.iter().any(is_not_finite);
        self.findings.eager_unfit |= !fits(self.task, &expected)?;
        for (mutant, trial) in &mut self.mutants {
            if !trial.passed && mutant.kind != Kind::NoWork {
                continue;
            }
            let Some(outputs) = outputs_of(mutant, self.task, &expected) else {
                trial.fail("own");
                trial.right_share = 0.0;
                continue;
            };
            for (output, got) in outputs.iter().enumerate() {
                let outcome = outcome_of(self.task, &expected, output, got)?;
                trial.note(&outcome);
                if let Weighed::Wrong(_) = weigh(None, Denormals::Kept, &outcome) {
                    trial.fail("own");
                }
                let is_float = self.task.signature.outputs[output].dtype.is_float();
                if mutant.kind == Kind::NoWork && is_float {
                    let needed = mutants::allclose_at(got, &expected.truth[output])
                        .map_err(HarnessError::python("reading the truth"))?;
                    trial.allclose = Some(trial.allclose.unwrap_or(0.0).max(needed));
                }
            }
            trial.passed_own = trial.passed;
        }
        Ok(())
    }

    /// Tries those mutants that have passed so far.
    fn try_all(&mut self, name: &str, special: Option<Special>) -> Result<(), HarnessError> {
        let expected = self.task.expected(SET)?;
        if special.is_some() && !fits(self.task, &expected)? {
            self.skipped.push(name.to_owned());
        }
        for (mutant, trial) in &mut self.mutants {
            if !trial.passed {
                continue;
            }
            let Some(outputs) = outputs_of(mutant, self.task, &expected) else {
                trial.fail(name);
                continue;
            };
            for (output, got) in outputs.iter().enumerate() {
                let outcome = outcome_of(self.task, &expected, output, got)?;
                if let Weighed::Wrong(_) = weigh(special, Denormals::Kept, &outcome) {
                    trial.fail(name);
                }
            }
        }
        Ok(())
    }
}

impl Trial {
    fn fail(&mut self, on: &str) {
        self.passed = false;
        self.failed_on.get_or_insert_with(|| on.to_owned());
    }

    fn note(&mut self, outcome: &Outcome) {
        let error = outcome.max_ratio_of_tolerance.max(outcome.rms_ratio);
        let exact = outcome
            .findings
            .iter()
            .any(|finding| matches!(finding, Finding::NotEqual { .. }));
        if !exact {
            self.error_of_budget = Some(self.error_of_budget.unwrap_or(0.0).max(error));
        }
        self.right_share = self.right_share.min(right_share(outcome));
    }
}

/// Share of an output's elements that are right.
fn right_share(outcome: &Outcome) -> f64 {
    outcome
        .findings
        .iter()
        .map(|finding| match finding {
            Finding::Wrong {
                wrong_count: count,
                total,
                ..
            }
            | Finding::NotEqual {
                wrong_count: count,
                total,
                ..
            }
            | Finding::NotFinite { count, total, .. } => *count as f64 / (*total).max(1) as f64,
            Finding::WrongLength { .. } => 1.0,
            _ => 0.0,
        })
        .fold(1.0, |share, wrong| share - wrong)
        .max(0.0)
}

fn fill(
    task: &mut LoadedTask,
    seed: u64,
    stream: &str,
    call: u64,
    special: Option<Special>,
) -> Result<(), HarnessError> {
    let draw = Draw {
        seed: one_way(seed, stream, 0),
        call,
        special,
    };
    task.fill(SET, draw)
}

/// A mutant's outputs; `None` where it raises, or answers in other shapes.
fn outputs_of(mutant: &Mutant, task: &LoadedTask, expected: &Expected) -> Option<Vec<Tensor>> {
    let outputs = mutant.outputs(task, SET, expected).ok()?;
    let metas = &task.signature.outputs;
    let alike = outputs.len() == metas.len()
        && outputs
            .iter()
            .zip(metas)
            .all(|(tensor, meta)| tensor.size() == meta.shape);
    alike.then_some(outputs)
}

fn outcome_of(
    task: &LoadedTask,
    expected: &Expected,
    output: usize,
    got: &Tensor,
) -> Result<Outcome, HarnessError> {
    let site = Site { output, call: 0 };
    let bytes =
        torch_bridge::bytes(got).map_err(HarnessError::python("reading a mutant's output"))?;
    compare_output(site, bytes, &task.signature.outputs[output], expected)
}

/// Whether eager's own outputs are close enough to the truth to judge by.
fn fits(task: &LoadedTask, expected: &Expected) -> Result<bool, HarnessError> {
    for (output, eager) in expected.eager.iter().enumerate() {
        if !outcome_of(task, expected, output, eager)?.eager_fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What can be known of the outputs from some draws that are not judged on.
fn learn(task: &mut LoadedTask, seed: u64) -> Result<Known, HarnessError> {
    let mut sums = vec![0.0; task.signature.outputs.len()];
    let mut answer = Vec::new();
    for call in 0..REFERENCE_DRAWS {
        fill(task, seed, "reference", call, None)?;
        let outputs = task.sets[SET]
            .eager
            .call()
            .and_then(|output| output.tensors())
            .map_err(HarnessError::python("calling the eager model"))?;
        for (sum, tensor) in sums.iter_mut().zip(&outputs) {
            *sum += mutants::mean(tensor);
        }
        answer = outputs;
    }
    Ok(Known {
        means: sums
            .into_iter()
            .map(|sum| sum / REFERENCE_DRAWS as f64)
            .collect(),
        // An output may be an input, which is filled again.
        answer: answer.iter().map(Tensor::copy).collect(),
    })
}

/// NaN anywhere, or nothing finite.
fn is_not_finite(truth: &Tensor) -> bool {
    let any = |tensor: Tensor| tensor.any().int64_value(&[]) != 0;
    truth.numel() > 0 && (any(truth.isnan()) || !any(truth.isfinite()))
}

fn zeros_of(task: &LoadedTask, input: usize) -> Option<Tensor> {
    let tensor = task.sets[SET].values.get(input)?.as_tensor()?;
    Some(tensor.eq(0))
}

/// Whether two calls on the same inputs differ in training mode. A model that
/// can't be called so has no say.
fn random_in_training(task: &LoadedTask) -> bool {
    let twice = || -> Result<bool, PyFault> {
        let values: &[Value] = &task.sets[SET].values;
        let call = task.model.training()?.callable().bind(values)?;
        let (first, second) = (call.call()?.tensors()?, call.call()?.tensors()?);
        let differ = |a: &Tensor, b: &Tensor| -> Result<bool, PyFault> {
            Ok(torch_bridge::bytes(a)? != torch_bridge::bytes(b)?)
        };
        for (a, b) in first.iter().zip(&second) {
            if differ(a, b)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    twice().unwrap_or(false)
}
