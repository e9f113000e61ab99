//! One launch as the command line asks for it.

use cuda_sim::ptx;
use cuda_sim::{Device, Limits, Module, Outcome, Shape};

use crate::argument::Argument;
use crate::cli::{Checks, LaunchArgs};
use crate::names::{Named, choose, named};
use crate::patience::Patience;
use crate::problem::Problem;
use crate::source::Source;
use crate::values::{self, Buffer, memory_bytes, prepare};

/// What ran, and what came of it.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) kernel: Named,
    pub(crate) shape: Shape,
    /// Of a block, with what the launch brings.
    pub(crate) shared_bytes: u32,
    /// Of each thread; 0 if unknown.
    pub(crate) registers: u32,
    pub(crate) outcome: Outcome,
    /// Memory of the arguments, as it is now.
    pub(crate) buffers: Vec<Buffer>,
}

/// A module and what else its text says.
#[derive(Debug)]
pub(crate) struct Loaded<'a> {
    pub(crate) device: Device,
    pub(crate) module: Module,
    pub(crate) tree: ptx::Module<'a>,
    pub(crate) kernels: Vec<Named>,
}

impl<'a> Loaded<'a> {
    pub(crate) fn new(source: &'a Source) -> Result<Self, Problem> {
        let mut device = Device::new(memory_bytes());
        let refused = |error| source.refused(&error);
        let module = Module::load(device.heap_mut(), &source.ptx).map_err(refused)?;
        let tree = ptx::parse(&source.ptx).map_err(|error| refused(error.into()))?;
        Ok(Self {
            kernels: module.kernels().map(named).collect(),
            device,
            module,
            tree,
        })
    }

    /// Parameters of a kernel as they are declared.
    pub(crate) fn params(&self, kernel: &Named) -> &[ptx::Variable<'a>] {
        let entry = |function: &&ptx::Function<'_>| {
            function.entry && function.body.is_some() && function.name == kernel.mangled
        };
        let found = self.tree.functions.iter().find(entry);
        found.map_or(&[], |function| &function.params)
    }

    /// A kernel with its parameters.
    pub(crate) fn shown(&self, kernel: &Named) -> String {
        if kernel.shown != kernel.mangled {
            return format!("`{}`", kernel.shown);
        }
        let params: Vec<String> = self.params(kernel).iter().map(values::declared).collect();
        format!("`{}({})`", kernel.shown, params.join(", "))
    }
}

/// Runs the kernel; `checks` where the command line has none.
pub(crate) fn launch(
    args: &LaunchArgs,
    source: &Source,
    checks: Checks,
) -> Result<Launched, Problem> {
    let parsed = args.arguments.iter().enumerate();
    let arguments: Result<Vec<Argument>, String> = parsed
        .map(|(at, text)| Argument::parse(text, at + 1))
        .collect();
    let arguments = arguments.map_err(Problem::Input)?;
    let mut loaded = Loaded::new(source)?;
    let kernel = choose(&loaded.kernels, args.kernel.as_deref()).map_err(Problem::Input)?;
    let kernel = kernel.clone();
    let Some(attributes) = loaded.module.attributes(&kernel.mangled) else {
        return Err(Problem::input(format!("no kernel `{}`", kernel.mangled)));
    };
    let shown = loaded.shown(&kernel);
    let params = loaded.params(&kernel).to_vec();
    let device = &mut loaded.device;
    let values = prepare(device, &arguments, &params, &attributes, &shown, args.seed)?;
    let shape = Shape {
        grid: args.grid,
        block: args.block,
        dynamic_shared: args.shared,
    };
    let preset = args.device.preset();
    let registers = source.registers.get(&kernel.mangled).copied();
    let registers = registers.unwrap_or_default();
    let mut limits = Limits {
        processors: preset.processors,
        processor: preset.processor,
        registers,
        counters: args.counters,
        checks: args.checks.unwrap_or(checks).into(),
        ..Limits::default()
    };
    if let Some(budget) = args.budget {
        limits.budget = budget;
    }
    match args.threads {
        _ if args.deterministic => limits.threads = 1,
        Some(threads) => limits.threads = threads.into(),
        None => {}
    }
    let heap = loaded.device.heap();
    let module = &loaded.module;
    let run = if args.cooperative {
        Module::launch_cooperative
    } else {
        Module::launch
    };
    let patience = Patience::of(&shown);
    let outcome = run(module, heap, &kernel.mangled, shape, &values.bytes, limits)
        .map_err(|error| Problem::input(format!("{shown} can't be launched so: {error}")))?;
    drop(patience);
    Ok(Launched {
        kernel,
        shape,
        shared_bytes: attributes.shared_bytes.saturating_add(args.shared),
        registers,
        outcome,
        buffers: values.buffers,
    })
}
