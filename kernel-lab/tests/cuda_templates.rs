//! The shipped templates for GPUs against the shipped tasks: each task has one, each instance compiles without a warning.
//! Here with default parameters for one GPU; with `ALPHALAB_SOAK=1` with every value of every parameter, and for three.
//!
//! One interpreter, which belongs to the main thread, so this is one program. Without NVRTC nothing is compiled, and a line
//! says so; with `ALPHALAB_REQUIRE_SYSTEM=1` that is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kernel_lab::error::chain;
use kernel_lab::plan::{self, Target};
use kernel_lab::task::{LoadedTask, TaskLibrary};
use kernel_lab::template::{self, ParamKind, ParamSpec, Template};
use kernel_nvrtc::{Arch, Compiler, Job, Options, Outcome, Places, Toolchain, cache_folder};
use serde_json::{Map, Value};
use torch_bridge::{Interp, InterpConfig};

/// An instance of a template.
struct Made {
    /// Task, template and parameters.
    name: String,
    source: String,
}

fn main() -> ExitCode {
    match wrong() {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            println!("{}", wrong.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn kernels(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../kernels")
        .join(folder)
}

/// Everything that is not as it should be.
fn wrong() -> Result<Vec<String>, String> {
    let soak = std::env::var_os("ALPHALAB_SOAK").is_some();
    let templates =
        template::load(&kernels("library"), Target::Cuda).map_err(|error| chain(&error))?;
    let venv = std::env::var_os("ALPHALAB_VENV")
        .ok_or("`ALPHALAB_VENV` is not set: run `cargo xtask setup` first")?;
    let interp = Interp::start(&InterpConfig {
        venv: PathBuf::from(venv),
        threads: 1,
        env: Vec::new(),
    })
    .map_err(|error| chain(&error))?;

    let tasks = TaskLibrary::new(kernels("tasks"));
    let (mut wrong, mut used, mut instances) = (Vec::new(), BTreeSet::new(), Vec::new());
    for task in tasks.names().map_err(|error| chain(&error))? {
        let source = tasks.find(&task).map_err(|error| chain(&error))?;
        let loaded = LoadedTask::load(&interp, &source, "sim", 1).map_err(|error| chain(&error))?;
        let graph = loaded.graph().map_err(|error| chain(&error))?;
        let fitting = template::fitting(&templates, graph);
        if fitting.is_empty() {
            wrong.push(format!("{task}: no template fits"));
        }
        for template in fitting {
            used.insert(template.name.as_str());
            let Some(binding) = template::matches(template, graph) else {
                wrong.push(format!("{task}: `{}` fits and does not", template.name));
                continue;
            };
            for params in choices(template, soak) {
                let name = format!("{task} {} {}", template.name, Value::from(params.clone()));
                let instance = match template::instantiate(template, &binding, &params) {
                    Ok(instance) => instance,
                    Err(error) => {
                        wrong.push(format!("{name}: {}", chain(&error)));
                        continue;
                    }
                };
                if let Err(error) = plan::parse(&instance.plan_toml, Target::Cuda) {
                    wrong.push(format!("{name}: {error}"));
                }
                // Some are a plan alone.
                if !template.kernel_source.is_empty() {
                    instances.push(Made {
                        name,
                        source: instance.source_cpp,
                    });
                }
            }
        }
    }
    for template in &templates {
        if !template.general && !used.contains(template.name.as_str()) {
            wrong.push(format!("`{}` fits no task", template.name));
        }
    }
    wrong.extend(refused(instances, soak)?);
    Ok(wrong)
}

/// The default parameters, and if `all`, one after the other all values of each.
fn choices(template: &Template, all: bool) -> Vec<Map<String, Value>> {
    let mut choices = vec![Map::new()];
    for param in template::space(template).iter().filter(|_| all) {
        let values = values(param).into_iter();
        choices.extend(values.map(|value| Map::from_iter([(param.name.clone(), value)])));
    }
    choices
}

fn values(param: &ParamSpec) -> Vec<Value> {
    match &param.kind {
        ParamKind::Choice { values, .. } => values.iter().copied().map(Value::from).collect(),
        ParamKind::Bool { .. } => vec![Value::from(false), Value::from(true)],
        ParamKind::Int { low, high, .. } => vec![Value::from(*low), Value::from(*high)],
    }
}

/// What the compiler says against the instances.
fn refused(instances: Vec<Made>, soak: bool) -> Result<Vec<String>, String> {
    let toolchain = match Toolchain::find(&Places::read(|name| std::env::var_os(name))) {
        Ok(toolchain) => toolchain,
        Err(error) => {
            if std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|set| set == "1") {
                return Err(error.to_string());
            }
            println!("skipped: {error}");
            return Ok(Vec::new());
        }
    };
    let cache = cache_folder(|name| std::env::var_os(name)).unwrap_or_else(std::env::temp_dir);
    // `cargo xtask test` builds it beside the lab.
    let child = Path::new(env!("CARGO_BIN_EXE_kernel-lab")).with_file_name("kernel-nvrtc");
    let compiler =
        Compiler::new(toolchain, &child, &cache.join("nvrtc")).map_err(|error| chain(&error))?;
    let archs: &[&str] = if soak {
        &["sm_80", "sm_90a", "sm_100"]
    } else {
        &["sm_90a"]
    };
    let archs: Result<Vec<Arch>, _> = archs.iter().map(|name| Arch::parse(name)).collect();
    let archs = archs.map_err(|error| error.to_string())?;

    // Many tasks make the same source.
    let mut names = BTreeMap::<String, String>::new();
    for made in instances {
        names.entry(made.source).or_insert(made.name);
    }
    let jobs: Vec<Job> = names
        .keys()
        .map(|source| Job {
            source: source.clone(),
            archs: archs.clone(),
            options: Options::default(),
        })
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let answers = compiler.compile_all(&jobs, threads, &|_, _| ());
    println!("{} sources compiled for {} GPUs", jobs.len(), archs.len());
    let mut wrong = Vec::new();
    for (name, answer) in names.values().zip(answers) {
        for outcome in answer.map_err(|error| chain(&error))? {
            match outcome {
                Outcome::Built(built) if built.warnings.trim().is_empty() => (),
                Outcome::Built(built) => {
                    wrong.push(format!("{name} for {}: {}", built.arch, built.warnings));
                }
                Outcome::Refused(errors) => wrong.push(format!("{name}: {errors}")),
            }
        }
    }
    Ok(wrong)
}
