//! `audit`: is an evaluation, or a whole corpus of them, what it claims to be?

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, Places, exit, show};
use crate::audit::corpus::{self, CorpusError, Expect, Row, Summary};
use crate::audit::{Audit, Finding, Interpreter, NoInterpreter, Subject, Verdict};
use crate::campaign::Layout;
use crate::ui::plain;

/// What to audit.
#[derive(Clone, Debug)]
pub enum Audited {
    /// One evaluation.
    One {
        /// Its folder, or a case's.
        dir: PathBuf,
        /// The raw data, if it is not beside the evaluation.
        data: Option<PathBuf>,
    },
    /// A folder of cases.
    Corpus(PathBuf),
}

/// What to audit and how to say it.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// What to audit.
    pub what: Audited,
    /// Leave mutants of the scorer out.
    pub no_mutants: bool,
    /// Print JSON.
    pub json: bool,
}

impl From<CorpusError> for Failure {
    fn from(error: CorpusError) -> Self {
        Self::input(error)
    }
}

impl From<NoInterpreter> for Failure {
    fn from(error: NoInterpreter) -> Self {
        Self::input(error)
    }
}

/// Audits and prints what was found.
pub fn audit(options: &AuditOptions, places: &Places) -> Result<u8, Failure> {
    match &options.what {
        Audited::One { dir, data } => single(dir, data.as_deref(), options, places),
        Audited::Corpus(folder) => whole(folder, options, places),
    }
}

fn single(
    folder: &Path,
    data: Option<&Path>,
    options: &AuditOptions,
    places: &Places,
) -> Result<u8, Failure> {
    let subject = Subject::at(folder, data);
    if !subject.evaluation.is_dir() {
        return Err(Failure::input(format!(
            "`{}` is no evaluation: there is no `evaluation.toml` in it or in `evaluation/` below it",
            folder.display()
        )));
    }
    if !subject.data.is_dir() {
        return Err(Failure::input(format!(
            "there is no folder `{}`: name the raw data's folder with --data",
            subject.data.display()
        )));
    }
    // A campaign's evaluation may use what was installed for the campaign.
    let extras = Layout::of(folder).python_extras();
    let interpreter = Interpreter::find(&places.environment)?;
    let interpreter = interpreter.with_extras(Some(extras).filter(|folder| folder.is_dir()));
    let audit = crate::audit::audit(&subject, &interpreter, !options.no_mutants);
    let right = audit.verdict == Verdict::Passed;
    if options.json {
        show::print_json(&serde_json::json!({
            "schema": 1,
            "evaluation": subject.evaluation,
            "verdict": audit.verdict,
            "findings": audit.findings,
            "mutants": audit.mutants,
            "baseline": audit.baseline,
        }));
    } else {
        print!("{}", text(&audit));
    }
    Ok(if right { exit::OK } else { exit::NO_RESULT })
}

fn listed(findings: &[Finding], into: &mut String) {
    for finding in findings {
        // Writing to a String can't fail.
        let _ = writeln!(into, "  {:<16}  {}", finding.check, plain(&finding.detail));
    }
}

fn text(audit: &Audit) -> String {
    let mut out = format!("{}\n", audit.verdict.word());
    listed(&audit.findings, &mut out);
    if let Some(baseline) = &audit.baseline {
        let _ = writeln!(
            out,
            "best trivial prediction: {} on search, {}",
            baseline.value,
            plain(&baseline.name)
        );
    }
    if let Some(kills) = &audit.mutants {
        let _ = writeln!(
            out,
            "mutants of the scorer: {} made, {} score differently, {} of those rejected",
            kills.made, kills.changed, kills.killed
        );
        for survivor in &kills.survivors {
            let _ = writeln!(out, "  survived: {}", plain(survivor));
        }
    }
    out
}

fn whole(folder: &Path, options: &AuditOptions, places: &Places) -> Result<u8, Failure> {
    let cases = corpus::cases(folder)?;
    let interpreter = Interpreter::find(&places.environment)?;
    // Hidden where stderr is no terminal.
    let bar = ProgressBar::new(cases.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    let rows = corpus::audit(&cases, &interpreter, !options.no_mutants, &|row| {
        bar.set_message(plain(&row.case));
        bar.inc(1);
    });
    bar.finish_and_clear();
    let summary = Summary::of(&rows);
    if options.json {
        show::print_json(&serde_json::json!({ "schema": 1, "cases": rows, "summary": summary }));
    } else {
        print!("{}", table(&rows, &summary));
    }
    // A case that can't even be read is nobody's success.
    let readable = rows.iter().all(|row| row.expect.is_some());
    Ok(if summary.enough() && readable {
        exit::OK
    } else {
        exit::NO_RESULT
    })
}

fn table(rows: &[Row], summary: &Summary) -> String {
    let width = rows
        .iter()
        .map(|r| r.case.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let expect = match row.expect {
            Some(Expect::Sound) => "sound",
            Some(Expect::Flawed) => "flawed",
            None => "?",
        };
        let mut checks: Vec<&str> = row.findings.iter().map(|f| f.check).collect();
        checks.dedup();
        let _ = writeln!(
            out,
            "{}  {:<width$}  {expect:<6}  {:<8}  {:>5.1} s  {}",
            if row.right { "right" } else { "WRONG" },
            plain(&row.case),
            row.verdict.word(),
            row.took_ms as f64 / 1000.0,
            checks.join(", "),
        );
    }
    for row in rows.iter().filter(|row| !row.right) {
        let _ = writeln!(out, "\n{}:", plain(&row.case));
        listed(&row.findings, &mut out);
    }
    out.push('\n');
    for (origin, counts) in &summary.by_origin {
        let _ = writeln!(
            out,
            "{origin:<8}  {} of {} flawed caught, {} of {} sound passed",
            counts.caught, counts.flawed, counts.passed, counts.sound
        );
    }
    let _ = writeln!(
        out,
        "all       {} of {} flawed caught, {} of {} sound passed; {} of {} mutants of sound scorers rejected",
        summary.caught,
        summary.flawed,
        summary.passed,
        summary.sound,
        summary.mutants_killed,
        summary.mutants
    );
    out
}
