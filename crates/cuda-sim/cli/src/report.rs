//! What a launch came to, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use cuda_sim::ptx::Space;
use cuda_sim::{Class, Counts, Finding};
use serde::Serialize;

use crate::compare::Comparison;
use crate::excerpt;
use crate::launch::Launched;
use crate::model::Model;
use crate::names::named;
use crate::numbers::Summary;
use crate::source::Source;

/// `run --json` and `check --json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Version of this document.
    schema: u32,
    file: PathBuf,
    /// As in C++.
    kernel: String,
    /// As in PTX.
    mangled: String,
    grid: [u32; 3],
    block: [u32; 3],
    findings: Vec<Row>,
    counts: Counted,
    /// With --counters.
    model: Option<Model>,
    /// What the kernel printed.
    printed: String,
    outputs: Vec<Summary>,
    expected: Vec<Comparison>,
    /// Where findings are, for people.
    #[serde(skip)]
    excerpts: Vec<String>,
    #[serde(skip)]
    bytes: Vec<u8>,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
struct Row {
    code: &'static str,
    message: String,
    /// Of the source; `null` if it is not known.
    file: Option<String>,
    line: Option<u32>,
    ptx_line: u32,
    block: [u32; 3],
    thread: [u32; 3],
    count: u64,
    buffer: Option<Place>,
    space: Option<&'static str>,
    address: Option<u64>,
    bytes: Option<u32>,
}

/// A buffer and where in it.
#[derive(Clone, Debug, Serialize)]
struct Place {
    name: String,
    bytes: u64,
    offset: i64,
}

/// What all threads ran.
#[derive(Clone, Debug, Serialize)]
struct Counted {
    thread_instructions: u64,
    flops: u64,
    by_class: BTreeMap<&'static str, u64>,
}

const CLASSES: [(&str, Class); 12] = [
    ("integer", Class::Integer),
    ("f32", Class::F32),
    ("f64", Class::F64),
    ("f16", Class::F16),
    ("special", Class::Special),
    ("convert", Class::Convert),
    ("move", Class::Move),
    ("control", Class::Control),
    ("memory", Class::Memory),
    ("atomic", Class::Atomic),
    ("warp", Class::Warp),
    ("tensor", Class::Tensor),
];

impl Counted {
    fn of(counts: &Counts) -> Self {
        let by_class = CLASSES
            .iter()
            .map(|(name, class)| (*name, counts.of(*class)));
        Self {
            thread_instructions: counts.instructions(),
            flops: counts.flops,
            by_class: by_class.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl Row {
    fn of(finding: &Finding, source: &Source) -> Self {
        let mut finding = finding.clone();
        named(&finding.kernel)
            .path()
            .clone_into(&mut finding.kernel);
        // The compiler has its own name for all sources.
        if let Some((file, _)) = &mut finding.source
            && file == kernel_nvrtc::NAME
        {
            *file = source.name();
        }
        let touched = finding.touched.as_ref();
        Self {
            code: finding.problem.code(),
            message: finding.to_string(),
            file: finding.source.as_ref().map(|(file, _)| file.clone()),
            line: finding.source.as_ref().map(|(_, line)| *line),
            ptx_line: finding.line,
            block: finding.block,
            thread: finding.thread,
            count: finding.count,
            buffer: touched.and_then(|touched| {
                let buffer = touched.buffer.as_ref()?;
                Some(Place {
                    name: buffer.name.clone(),
                    bytes: buffer.bytes,
                    offset: buffer.offset,
                })
            }),
            space: touched.map(|touched| match touched.space {
                Space::Reg => "reg",
                Space::Const => "const",
                Space::Global => "global",
                Space::Local => "local",
                Space::Param => "param",
                Space::Shared => "shared",
            }),
            address: touched.map(|touched| touched.address),
            bytes: touched.map(|touched| touched.bytes),
        }
    }
}

impl Report {
    pub(crate) fn of(
        launched: &Launched,
        source: &Source,
        model: Option<Model>,
        outputs: Vec<Summary>,
        expected: Vec<Comparison>,
    ) -> Self {
        let Launched {
            kernel,
            shape,
            outcome,
            ..
        } = launched;
        let findings = &outcome.findings;
        Self {
            schema: 1,
            file: source.file.clone(),
            kernel: kernel.shown.clone(),
            mangled: kernel.mangled.clone(),
            grid: shape.grid,
            block: shape.block,
            findings: findings.iter().map(|it| Row::of(it, source)).collect(),
            counts: Counted::of(&outcome.counts),
            model,
            printed: String::from_utf8_lossy(&outcome.printed).into_owned(),
            outputs,
            expected,
            excerpts: findings.iter().map(|it| excerpt::of(it, source)).collect(),
            bytes: outcome.printed.clone(),
        }
    }

    /// Whether the kernel did nothing wrong, and what came out is as expected.
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.expected.iter().all(Comparison::passed)
    }

    /// What the kernel printed, byte by byte.
    pub(crate) fn printed(&self) -> &[u8] {
        &self.bytes
    }

    /// Each finding with its place in the source.
    pub(crate) fn findings(&self) -> String {
        let mut text = String::new();
        for (row, excerpt) in self.findings.iter().zip(&self.excerpts) {
            let _ = writeln!(text, "{}\n{excerpt}", row.message);
        }
        text
    }

    /// What is in the buffers that were asked for, and how far off that is.
    pub(crate) fn values(&self) -> String {
        let outputs = self.outputs.iter().map(Summary::text);
        outputs
            .chain(self.expected.iter().map(Comparison::text))
            .collect()
    }

    /// One line, and what was counted.
    pub(crate) fn summary(&self) -> String {
        let product =
            |sizes: [u32; 3]| -> u64 { sizes.iter().map(|&size| u64::from(size)).product() };
        let found = match self.findings.len() {
            0 => "nothing found".to_owned(),
            several => counted(several as u64, "finding"),
        };
        let model = self.model.as_ref().map(Model::text).unwrap_or_default();
        format!(
            "{}: {found}; {} of {}, {} thread-instructions, {} flops\n{model}",
            self.kernel,
            counted(product(self.grid), "block"),
            counted(product(self.block), "thread"),
            self.counts.thread_instructions,
            self.counts.flops,
        )
    }
}

fn counted(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
