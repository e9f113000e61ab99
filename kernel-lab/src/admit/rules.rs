//! From what the mutants came to, to a verdict on the task. Pure.

use serde::{Deserialize, Serialize};

/// Tolerance, absolute and relative, at which the harness that the format
/// comes from compared for most of its life, and still does in half
/// precision: `torch.allclose(…, atol=1e-2, rtol=1e-2)`. What passes there is
/// worth nothing in published figures.
pub const LOOSE: f64 = 1e-2;

/// A mutant that is right in this share of an output leaves almost nothing to
/// do: the rest can be worked out and all else skipped.
pub const SKIPPABLE: f64 = 0.99;

/// Whether a task counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// Wrong outputs fail.
    Ok,
    /// An output passes that no work was done for.
    Degenerate,
    /// An equivalent program needs far fewer operations.
    Collapsible,
    /// There is no one right answer, or it can't be told from a wrong one.
    IllPosed,
}

impl Quality {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degenerate => "degenerate",
            Self::Collapsible => "collapsible",
            Self::IllPosed => "ill-posed",
        }
    }
}

/// Why a task is not `ok`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable word.
    pub code: String,
    /// The mutant or the node of the op graph that shows it.
    pub of: String,
    /// For people.
    pub detail: String,
}

impl Reason {
    pub(super) fn new(code: &str, of: &str, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            of: of.to_owned(),
            detail: detail.into(),
        }
    }
}

/// What a mutant does instead of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing: an answer that is known beforehand.
    NoWork,
    /// Hands an input on.
    InputCopy,
    /// The task, in half precision.
    Half,
    /// The task without one operator.
    DroppedOp,
}

/// What a mutant came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Its name.
    pub mutant: String,
    /// What it does.
    pub kind: Kind,
    /// Whether it passes everything that a candidate's values must pass.
    pub passed: bool,
    /// Whether it passes on the task's own distribution.
    pub passed_own: bool,
    /// What it first failed on: `own`, a special distribution, or
    /// `altered-parameters`.
    pub failed_on: Option<String>,
    /// Largest error on the task's own distribution, in units of what is
    /// allowed there; absent for exact outputs.
    pub error_of_budget: Option<f64>,
    /// Smallest share of an output's elements that is right on the task's own
    /// distribution.
    pub right_share: f64,
    /// Smallest tolerance, absolute and relative, at which it would pass on
    /// the task's own distribution by `torch.allclose`, for mutants that do no
    /// work; absent for exact outputs, and where it never would.
    pub allclose: Option<f64>,
}

/// What is known about a task besides its mutants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// NaN in the truth on the task's own distribution, or nothing finite.
    pub not_finite: bool,
    /// Eager's own output does not pass on the task's own distribution.
    pub eager_unfit: bool,
    /// Two calls in training mode differ.
    pub random_in_training: bool,
    /// What in the graph and the inputs collapses.
    pub collapses: Vec<Reason>,
}

/// The verdict with its reasons; those that decide come first.
///
/// What makes every answer doubtful comes before what makes it easy.
pub fn judge(findings: Findings, trials: &[Trial]) -> (Quality, Vec<Reason>) {
    let mut ill_posed = Vec::new();
    if findings.not_finite {
        ill_posed.push(Reason::new(
            "not-finite",
            "truth",
            "the truth has NaN, or no finite value, on the task's own inputs",
        ));
    }
    if findings.random_in_training {
        ill_posed.push(Reason::new(
            "random-in-training",
            "model",
            "two calls on the same inputs differ in training mode, in which the format's own \
             harness leaves the model",
        ));
    }
    let degenerate: Vec<Reason> = trials.iter().filter_map(worthless).collect();
    let mut imprecise = Vec::new();
    if findings.eager_unfit {
        imprecise.push(Reason::new(
            "eager-out-of-budget",
            "eager",
            "eager float32 is so far from float64 on the task's own inputs that it would not pass \
             itself",
        ));
    }
    imprecise.extend(trials.iter().filter_map(indistinct));
    let mut collapsible = findings.collapses;
    collapsible.extend(trials.iter().filter_map(superfluous));

    let groups = [
        (Quality::IllPosed, ill_posed),
        (Quality::Degenerate, degenerate),
        (Quality::IllPosed, imprecise),
        (Quality::Collapsible, collapsible),
    ];
    let quality = groups
        .iter()
        .find(|(_, reasons)| !reasons.is_empty())
        .map_or(Quality::Ok, |(quality, _)| *quality);
    let reasons = groups.into_iter().flat_map(|(_, reasons)| reasons);
    (quality, reasons.collect())
}

/// A mutant that does no work and passes, by the lab's rules or by looser
/// ones in use.
///
/// A copied input counts only if it passes everything: on inputs that are
/// never negative, ReLU is a copy, but one that must read and write all of
/// them, and on others it is told apart.
fn worthless(trial: &Trial) -> Option<Reason> {
    let name = &trial.mutant;
    match trial.kind {
        Kind::InputCopy if trial.passed => Some(Reason::new(
            "input-copy-passes",
            name,
            format!("`{name}` passes every comparison"),
        )),
        Kind::NoWork if trial.passed_own => Some(Reason::new(
            "no-work-passes",
            name,
            format!("`{name}` passes the lab's comparison on the task's own inputs"),
        )),
        Kind::NoWork => {
            let close = trial.allclose.filter(|close| *close <= LOOSE);
            if let Some(close) = close {
                let detail = format!(
                    "`{name}` passes torch.allclose on the task's own inputs at a tolerance of \
                     {close:.1e}"
                );
                return Some(Reason::new("no-work-passes-loosely", name, detail));
            }
            (trial.right_share >= SKIPPABLE).then(|| {
                let percent = 100.0 * trial.right_share;
                Reason::new(
                    "work-can-be-skipped",
                    name,
                    format!("`{name}` is right in {percent:.1}% of the output"),
                )
            })
        }
        Kind::InputCopy | Kind::Half | Kind::DroppedOp => None,
    }
}

/// Half precision that nobody can tell from single.
fn indistinct(trial: &Trial) -> Option<Reason> {
    (trial.kind == Kind::Half && trial.passed_own).then(|| {
        Reason::new(
            "half-precision-passes",
            &trial.mutant,
            format!(
                "`{}` passes on the task's own inputs: precision can't be judged",
                trial.mutant
            ),
        )
    })
}

/// An operator that changes nothing.
fn superfluous(trial: &Trial) -> Option<Reason> {
    (trial.kind == Kind::DroppedOp && trial.passed).then(|| {
        Reason::new(
            "dropped-op-passes",
            &trial.mutant,
            format!("`{}` passes every comparison", trial.mutant),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(kind: Kind, mutant: &str) -> Trial {
        Trial {
            mutant: mutant.to_owned(),
            kind,
            passed: false,
            passed_own: false,
            failed_on: Some("own".to_owned()),
            error_of_budget: Some(1e6),
            right_share: 0.0,
            allclose: Some(0.5),
        }
    }

    fn verdict(findings: Findings, trials: &[Trial]) -> (Quality, Vec<String>) {
        let (quality, reasons) = judge(findings, trials);
        let codes = reasons.into_iter().map(|reason| reason.code).collect();
        (quality, codes)
    }

    fn expect(trials: &[Trial], quality: Quality, codes: &[&str]) {
        let got = verdict(Findings::default(), trials);
        assert_eq!(got.0, quality, "{trials:?}");
        assert_eq!(got.1, codes, "{trials:?}");
    }

    #[test]
    fn a_task_on_which_every_mutant_fails_is_ok() {
        let kinds = [Kind::NoWork, Kind::InputCopy, Kind::Half, Kind::DroppedOp];
        expect(&kinds.map(|kind| trial(kind, "m")), Quality::Ok, &[]);
    }

    #[test]
    fn each_kind_has_its_own_bar() {
        let own = |kind| Trial {
            passed_own: true,
            failed_on: Some("negative".to_owned()),
            ..trial(kind, "m")
        };
        let all = |kind| Trial {
            passed: true,
            failed_on: None,
            ..own(kind)
        };
        expect(
            &[own(Kind::NoWork)],
            Quality::Degenerate,
            &["no-work-passes"],
        );
        expect(&[own(Kind::InputCopy)], Quality::Ok, &[]);
        expect(
            &[all(Kind::InputCopy)],
            Quality::Degenerate,
            &["input-copy-passes"],
        );
        expect(
            &[own(Kind::Half)],
            Quality::IllPosed,
            &["half-precision-passes"],
        );
        expect(&[own(Kind::DroppedOp)], Quality::Ok, &[]);
        expect(
            &[all(Kind::DroppedOp)],
            Quality::Collapsible,
            &["dropped-op-passes"],
        );
    }

    #[test]
    fn looser_tolerances_and_skipped_work_count_for_no_work_alone() {
        let close = |kind| Trial {
            allclose: Some(4.1e-6),
            ..trial(kind, "m")
        };
        let mostly = |kind| Trial {
            right_share: 0.997,
            ..trial(kind, "m")
        };
        expect(
            &[close(Kind::NoWork)],
            Quality::Degenerate,
            &["no-work-passes-loosely"],
        );
        expect(
            &[mostly(Kind::NoWork)],
            Quality::Degenerate,
            &["work-can-be-skipped"],
        );
        for kind in [Kind::InputCopy, Kind::Half, Kind::DroppedOp] {
            expect(&[close(kind), mostly(kind)], Quality::Ok, &[]);
        }
    }

    #[test]
    fn doubtful_comes_before_easy_and_all_reasons_are_kept() {
        let findings = Findings {
            random_in_training: true,
            eager_unfit: true,
            collapses: vec![Reason::new("sum-of-product", "sum", "")],
            ..Findings::default()
        };
        let easy = Trial {
            passed_own: true,
            ..trial(Kind::NoWork, "zeros")
        };
        let (quality, codes) = verdict(findings.clone(), std::slice::from_ref(&easy));
        assert_eq!(quality, Quality::IllPosed);
        let all = [
            "random-in-training",
            "no-work-passes",
            "eager-out-of-budget",
            "sum-of-product",
        ];
        assert_eq!(codes, all);
        // Zero is a better explanation than eager's rounding errors around it.
        let steady = Findings {
            random_in_training: false,
            ..findings.clone()
        };
        assert_eq!(verdict(steady, &[easy]).0, Quality::Degenerate);
        let unfit = Findings {
            random_in_training: false,
            ..findings
        };
        assert_eq!(verdict(unfit, &[]).0, Quality::IllPosed);
    }
}
