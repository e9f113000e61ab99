//! What each command does. Data goes to stdout, all else to stderr.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::cli::{Checks, Cli, Command, LaunchArgs, LoadArgs};
use crate::compare::{Comparison, Tolerance};
use crate::launch::{Launched, Loaded, launch};
use crate::model::Model;
use crate::numbers::Summary;
use crate::problem::{FOUND, Problem, file};
use crate::report::Report;
use crate::source::Source;
use crate::values::{Buffer, declared, read_npy};
use crate::{opcodes, problem};

/// The exit code.
pub(crate) fn run(cli: &Cli) -> Result<u8, Problem> {
    match &cli.command {
        Command::Run(args) => {
            let report = report(args, Checks::Memory)?;
            if args.json {
                json(&report)?;
            } else {
                out(report.printed());
                out(report.values().as_bytes());
                eprint!("{}{}", report.findings(), report.summary());
            }
            Ok(if report.is_clean() { 0 } else { FOUND })
        }
        Command::Check(args) => {
            let report = report(args, Checks::All)?;
            if args.json {
                json(&report)?;
            } else {
                out(report.printed());
                out(report.findings().as_bytes());
                out(report.values().as_bytes());
                out(report.summary().as_bytes());
            }
            Ok(if report.is_clean() { 0 } else { FOUND })
        }
        Command::Load(args) => load(args),
        Command::Opcodes(args) if args.files.is_empty() => {
            let table = opcodes::table()?;
            if args.json {
                json(&table)?;
            } else {
                out(table.text().as_bytes());
            }
            Ok(0)
        }
        Command::Opcodes(args) => {
            let mut used = opcodes::Used::default();
            for path in &args.files {
                used.add(&Source::read(path, &args.compile)?)?;
            }
            if args.json {
                json(&used)?;
            } else {
                out(used.text().as_bytes());
            }
            Ok(if used.all_known() { 0 } else { FOUND })
        }
    }
}

/// A reader that has gone away has seen enough.
fn out(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

fn json<T: Serialize>(value: &T) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| file("write", Path::new("JSON"))(error.into()))?;
    out(format!("{text}\n").as_bytes());
    Ok(())
}

/// Runs the kernel, and looks at the buffers that were asked for.
fn report(args: &LaunchArgs, checks: Checks) -> Result<Report, Problem> {
    let wanted: Result<Vec<Wanted<'_>>, Problem> =
        args.expect.iter().map(|text| Wanted::parse(text)).collect();
    let wanted = wanted?;
    let source = Source::read(&args.file, &args.compile)?;
    let launched = launch(args, &source, checks)?;
    let mut outputs = Vec::new();
    for text in &args.out {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(path.trim_start_matches('@'))),
            None => (text.as_str(), None),
        };
        let array = buffer(&launched, name)?.array();
        if let Some(path) = path.map(Path::new) {
            let is_npy = path.extension().is_some_and(|ending| ending == "npy");
            let bytes = if is_npy {
                array.write().map_err(Problem::Input)?
            } else {
                array.bytes.clone()
            };
            fs::write(path, bytes).map_err(file("write", path))?;
        }
        outputs.push(Summary::of(name, &array));
    }
    let tolerance = Tolerance {
        relative: args.rtol,
        absolute: args.atol,
    };
    let mut expected = Vec::new();
    for Wanted { name, path } in wanted {
        let got = buffer(&launched, name)?.array();
        let comparison = Comparison::of(name, &got, &read_npy(path)?, tolerance);
        expected.push(comparison.map_err(Problem::Input)?);
    }
    let model = Model::of(&launched, &args.device.preset());
    Ok(Report::of(&launched, &source, model, outputs, expected))
}

/// `y=@y.npy` of `--expect`.
struct Wanted<'a> {
    name: &'a str,
    path: &'a Path,
}

impl<'a> Wanted<'a> {
    fn parse(text: &'a str) -> Result<Self, Problem> {
        let (name, path) = text.split_once('=').ok_or_else(|| {
            Problem::input(format!("--expect {text}: a file is needed, as in y=@y.npy"))
        })?;
        let path = Path::new(path.trim_start_matches('@'));
        Ok(Self { name, path })
    }
}

fn buffer<'a>(launched: &'a Launched, name: &str) -> Result<&'a Buffer, Problem> {
    let found = launched.buffers.iter().find(|buffer| buffer.name == name);
    found.ok_or_else(|| {
        let buffers = launched.buffers.iter().map(|buffer| buffer.name.as_str());
        let buffers: Vec<&str> = buffers.collect();
        Problem::input(format!(
            "no argument `{name}` that is a buffer; there are: {}",
            buffers.join(", ")
        ))
    })
}

/// `load --json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    file: &'a Path,
    /// Whether it can be run.
    ok: bool,
    problem: Option<String>,
    kernels: Vec<Kernel>,
}

#[derive(Debug, Serialize)]
struct Kernel {
    /// As in C++.
    name: String,
    mangled: String,
    params: Vec<Param>,
    shared_bytes: u32,
    local_bytes: u32,
    max_threads: u32,
}

#[derive(Debug, Serialize)]
struct Param {
    offset: u32,
    bytes: u32,
    /// As PTX declares it.
    ptx: String,
    /// As in C++, where the name says it.
    cuda: Option<String>,
}

fn load(args: &LoadArgs) -> Result<u8, Problem> {
    let found = kernels(args);
    let (kernels, problem) = match found {
        Ok(kernels) => (kernels, None),
        Err(problem @ Problem::Refused(_)) => (Vec::new(), Some(problem)),
        Err(other) => return Err(other),
    };
    if args.json {
        json(&Document {
            schema: 1,
            file: &args.file,
            ok: problem.is_none(),
            problem: problem.as_ref().map(|it| problem::chain(it)),
            kernels,
        })?;
        return Ok(problem.map_or(0, |problem| problem.exit_code()));
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    out(text(&kernels).as_bytes());
    Ok(0)
}

fn kernels(args: &LoadArgs) -> Result<Vec<Kernel>, Problem> {
    let source = Source::read(&args.file, &args.compile)?;
    let loaded = Loaded::new(&source)?;
    let kernels = loaded.kernels.iter().filter_map(|kernel| {
        let attributes = loaded.module.attributes(&kernel.mangled)?;
        let types = kernel.types();
        let params = loaded.params(kernel).iter().zip(&attributes.params);
        let params = params
            .enumerate()
            .map(|(at, (param, &(offset, bytes)))| Param {
                offset,
                bytes,
                ptx: declared(param),
                cuda: types.get(at).cloned(),
            });
        Some(Kernel {
            name: kernel.shown.clone(),
            mangled: kernel.mangled.clone(),
            params: params.collect(),
            shared_bytes: attributes.shared_bytes,
            local_bytes: attributes.local_bytes,
            max_threads: attributes.max_threads,
        })
    });
    Ok(kernels.collect())
}

fn text(kernels: &[Kernel]) -> String {
    let lines = kernels.iter().map(|kernel| {
        let params: Vec<&str> = kernel.params.iter().map(|it| it.ptx.as_str()).collect();
        let name = if kernel.name == kernel.mangled {
            format!("{}({})", kernel.name, params.join(", "))
        } else {
            kernel.name.clone()
        };
        format!(
            "{name}\n  {} bytes of shared memory, {} of local memory for each thread, at most {} \
             threads a block\n",
            kernel.shared_bytes, kernel.local_bytes, kernel.max_threads
        )
    });
    lines.collect()
}
