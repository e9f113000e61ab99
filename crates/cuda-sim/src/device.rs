//! A device: memory, modules, launches.

mod bare;
mod properties;
mod refusal;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::cooperative;
use crate::decode::{self, Context, LoadError};
use crate::exec::launch::{Asked, Launch, Outcome};
use crate::exec::room::Room;
use crate::exec::step::Code;
use crate::memory::{ARGUMENTS, Allocation, Heap, Layout, Piece, SHARED, Snapshot, WORKSPACE};
use crate::model::Processor;
use crate::ptx::{self, Initial, Linkage, Space, Type, Variable};

pub use bare::Device;
pub use properties::{NAME_PREFIX, Properties};
pub use refusal::LaunchError;
use refusal::check;

/// Most threads of a block: PTX for any GPU since 2010.
pub const MAX_THREADS: u32 = 1024;
/// Shared memory that a block may have without asking for more.
pub const SHARED_BYTES: u32 = 48 * 1024;
/// Where dynamic shared memory starts: a multiple of this.
const DYNAMIC_ALIGN: u32 = 16;
/// Local memory of each thread beyond a function's own variables: calls.
const STACK: u32 = 16 * 1024;

/// Sizes of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads of each.
    pub block: [u32; 3],
    /// Bytes of shared memory beyond the kernel's own.
    pub dynamic_shared: u32,
}

/// What is run, and how carefully.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions that each warp may run: 2^32 - 1 at most.
    pub budget: u64,
    /// Instructions that all warps together may run. What setting up blocks and
    /// calling functions costs counts, too: 512 bytes as one instruction.
    pub total: u64,
    /// Bytes of this machine that blocks may take while they run; fewer run
    /// side by side where that is too little.
    pub memory: u64,
    /// Threads of this machine.
    pub threads: usize,
    /// Processors that the device says it has.
    pub processors: u32,
    /// What each of them has for blocks: how large a cooperative launch may be.
    pub processor: Processor,
    /// Registers of each thread, as the assembler's log says, which limits a
    /// cooperative launch, too; 0 if unknown.
    pub registers: u32,
    /// What is looked for.
    pub checks: Checks,
    /// Bytes that kernels may have of `malloc` at once: 8 MiB, as CUDA's
    /// `cudaLimitMallocHeapSize`.
    pub malloc_bytes: u64,
    /// Whether [`Outcome::counters`] are filled in.
    pub counters: bool,
}

/// What is looked for while a kernel runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// Where accesses go: bounds, alignment, memory that was given back, and
    /// global memory that nobody has written; and barriers.
    Memory,
    /// Races and shared memory that nobody has written too: the dearer part.
    #[default]
    All,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            budget: 1 << 28,
            total: 1 << 32,
            memory: 8 << 30,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            processors: 108,
            processor: Processor::SM_80,
            registers: 0,
            checks: Checks::All,
            malloc_bytes: 8 << 20,
            counters: false,
        }
    }
}

/// A loaded module.
#[derive(Debug)]
pub struct Module {
    code: Vec<Code>,
    kernels: BTreeMap<String, u32>,
    globals: BTreeMap<String, Arc<Allocation>>,
    files: HashMap<u32, String>,
    /// What shared memory that a launch brings is called, and where it starts,
    /// if a variable names it.
    dynamic: Option<(Arc<str>, u32)>,
    /// Whether its kernels allocate memory.
    allocates: bool,
    version: (u32, u32),
    target: String,
}

/// What a kernel needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes of arguments.
    pub param_bytes: u32,
    /// Offset and bytes of each argument.
    pub params: Vec<(u32, u32)>,
    /// Bytes of shared memory of its own.
    pub shared_bytes: u32,
    /// Bytes of local memory of each thread.
    pub local_bytes: u32,
    /// Most threads of a block.
    pub max_threads: u32,
}

impl Module {
    /// Loads PTX. Its variables take device memory.
    pub fn load(heap: &mut Heap, text: &str) -> Result<Self, LoadError> {
        let tree = ptx::parse(text)?;
        Self::of_tree(heap, &tree, Context::default())
    }

    /// Loads what was parsed; `context` says how.
    pub(crate) fn of_tree<'a>(
        heap: &mut Heap,
        tree: &'a ptx::Module<'a>,
        context: Context<'a>,
    ) -> Result<Self, LoadError> {
        let mut globals = BTreeMap::new();
        let built = Self::build(heap, tree, context, &mut globals);
        if built.is_err() {
            release(heap, &globals);
        }
        let mut module = built?;
        module.globals = globals;
        Ok(module)
    }

    /// All but its variables, which are put to `globals` as they are made.
    fn build<'a>(
        heap: &mut Heap,
        tree: &'a ptx::Module<'a>,
        mut context: Context<'a>,
        globals: &mut BTreeMap<String, Arc<Allocation>>,
    ) -> Result<Self, LoadError> {
        options(&tree.target)?;
        let mut names = HashSet::new();
        let mut dynamic = Vec::new();
        let mut pending = Vec::new();
        for variable in &tree.variables {
            let invalid = |what: String| LoadError::Invalid {
                line: variable.line,
                what,
            };
            shape_of(variable).map_err(invalid)?;
            if !names.insert(variable.name) {
                return Err(invalid(format!("`{}` is declared twice", variable.name)));
            }
            match variable.space {
                Space::Global | Space::Const => {
                    if variable.linkage == Linkage::Extern {
                        let what = format!("`{}` is defined elsewhere", variable.name);
                        return Err(invalid(what));
                    }
                    let read_only = variable.space == Space::Const;
                    let allocation = heap
                        .allocate(variable.bytes().max(1), variable.name, read_only)
                        .map_err(|error| invalid(error.to_string()))?;
                    let place = (variable.space, allocation.base());
                    context.globals.insert(variable.name, place);
                    globals.insert(variable.name.to_owned(), Arc::clone(&allocation));
                    pending.push((variable, allocation));
                }
                Space::Shared if variable.bytes() == 0 => dynamic.push(variable.name),
                Space::Shared => {
                    let bytes = u32::try_from(variable.bytes()).ok();
                    let offset = bytes
                        .and_then(|bytes| {
                            context.layout.place(variable.name, bytes, variable.align)
                        })
                        .ok_or_else(|| invalid(format!("`{}` is too large", variable.name)))?;
                    context.shared.insert(variable.name, offset);
                }
                _ => {
                    let what = format!("`{}` can't lie there", variable.name);
                    return Err(invalid(what));
                }
            }
        }
        for name in &dynamic {
            context.shared.insert(name, 0);
        }
        context.declare(tree)?;
        context.files = tree
            .files
            .iter()
            .map(|(number, name)| (*number, *name))
            .collect();
        // What a launch brings lies behind all that functions have of their
        // own, which is known only after they are decoded: twice, the second
        // time with the place.
        let dynamic = if dynamic.is_empty() {
            None
        } else {
            let layout = context.layout.clone();
            let code = decode::functions(tree, &mut context)?;
            context.layout = layout;
            let longest = code.iter().map(|code| &code.shared);
            let longest = longest.max_by_key(|layout| layout.end);
            let start = longest.and_then(|layout| layout.clone().place("", 0, DYNAMIC_ALIGN));
            let Some(start) = start else {
                let (line, what) = (1, "no room for shared memory of a launch".to_owned());
                return Err(LoadError::Invalid { line, what });
            };
            for name in &dynamic {
                context.shared.insert(name, start);
            }
            // Of several the kernel that is launched may mean any.
            let name = match dynamic[..] {
                [name] => name,
                _ => "dynamic shared memory",
            };
            Some((name.into(), start))
        };
        let code = decode::functions(tree, &mut context)?;
        for (variable, allocation) in pending {
            fill(variable, &allocation, &context)?;
        }
        let kernels = code.iter().enumerate().filter(|(_, code)| code.entry);
        Ok(Self {
            kernels: kernels
                .map(|(number, code)| (code.name.clone(), number as u32))
                .collect(),
            globals: BTreeMap::new(),
            version: tree.version,
            target: tree.target.name.to_owned(),
            files: tree
                .files
                .iter()
                .map(|(at, name)| (*at, (*name).to_owned()))
                .collect(),
            dynamic,
            allocates: code.iter().any(Code::allocates),
            code,
        })
    }

    /// Gives back what its variables took.
    pub fn unload(&self, heap: &mut Heap) {
        release(heap, &self.globals);
    }

    /// `.version`: major, minor.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// `.target`, such as `sm_90a`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Names of its kernels.
    pub fn kernels(&self) -> impl Iterator<Item = &str> {
        self.kernels.keys().map(String::as_str)
    }

    /// A variable by its name.
    pub fn global(&self, name: &str) -> Option<&Arc<Allocation>> {
        self.globals.get(name)
    }

    /// What a kernel needs.
    pub fn attributes(&self, kernel: &str) -> Option<Attributes> {
        let code = &self.code[*self.kernels.get(kernel)? as usize];
        Some(Attributes {
            param_bytes: code.param_bytes,
            params: code.params.clone(),
            shared_bytes: code.shared.packed,
            local_bytes: code.local_bytes,
            max_threads: code.max_threads.unwrap_or(MAX_THREADS).min(MAX_THREADS),
        })
    }

    /// Its variables in device memory.
    pub fn variables(&self) -> impl Iterator<Item = &Arc<Allocation>> {
        self.globals.values()
    }

    /// Bytes of its constants.
    pub fn constant_bytes(&self) -> u64 {
        let constants = self.globals.values().filter(|found| found.is_read_only());
        constants.map(|found| found.bytes()).sum()
    }

    /// Whether a launch would be refused that has so many bytes of arguments.
    pub fn check(&self, kernel: &str, shape: Shape, arguments: usize) -> Result<(), LaunchError> {
        let entry = self.kernels.get(kernel);
        let entry = entry.ok_or_else(|| LaunchError::Unknown(kernel.to_owned()))?;
        check(&self.code[*entry as usize], shape, arguments)
    }

    /// As `check`, for a cooperative launch.
    pub fn check_cooperative(
        &self,
        kernel: &str,
        shape: Shape,
        arguments: usize,
        limits: Limits,
    ) -> Result<(), LaunchError> {
        self.check(kernel, shape, arguments)?;
        let code = &self.code[self.kernels[kernel] as usize];
        cooperative::check(code, shape, self.local_of(code), limits)
    }

    /// Bytes of local memory of each thread.
    fn local_of(&self, code: &Code) -> u32 {
        let calls = self.code.len() > self.kernels.len();
        code.local_bytes + if calls { STACK } else { 0 }
    }

    /// A block's shared memory with what the launch brings. No variable
    /// names that in a kernel without `extern`: then it is unreachable.
    fn shared_of(&self, code: &Code, dynamic: u32) -> Layout {
        let mut layout = code.shared.clone();
        if let Some((name, at)) = &self.dynamic {
            layout.pieces.push(Piece {
                name: Arc::clone(name),
                at: *at,
                bytes: dynamic,
            });
            layout.end = at + dynamic;
        }
        layout
    }

    /// Runs a kernel to its end, each block as a processor of this machine has
    /// time for it: one that waits for another which has not begun waits until
    /// its instructions are used up.
    pub fn launch(
        &self,
        heap: &Heap,
        kernel: &str,
        shape: Shape,
        arguments: &[u8],
        limits: Limits,
    ) -> Result<Outcome, LaunchError> {
        self.launch_in(heap.snapshot(), kernel, shape, arguments, limits, false)
    }

    /// As [`launch`](Self::launch), with all blocks there at once, as with
    /// `cuLaunchCooperativeKernel`: they may wait for each other, and
    /// `grid.sync()` of cooperative groups works.
    pub fn launch_cooperative(
        &self,
        heap: &Heap,
        kernel: &str,
        shape: Shape,
        arguments: &[u8],
        limits: Limits,
    ) -> Result<Outcome, LaunchError> {
        self.launch_in(heap.snapshot(), kernel, shape, arguments, limits, true)
    }

    /// As [`launch`](Self::launch), or [`launch_cooperative`](Self::launch_cooperative)
    /// if all blocks are there `together`, on memory as it was at a moment: the
    /// heap may be used meanwhile.
    pub fn launch_in(
        &self,
        memory: Snapshot,
        kernel: &str,
        shape: Shape,
        arguments: &[u8],
        limits: Limits,
        together: bool,
    ) -> Result<Outcome, LaunchError> {
        let Some(&entry) = self.kernels.get(kernel) else {
            return Err(LaunchError::Unknown(kernel.to_owned()));
        };
        let code = &self.code[entry as usize];
        check(code, shape, arguments.len())?;
        let local = self.local_of(code);
        let shared = self.shared_of(code, shape.dynamic_shared);
        let blocks: u64 = shape.grid.iter().map(|&size| u64::from(size)).product();
        let threads = shape.block.iter().product();
        let room = Room::new(
            code,
            (threads, &shared, local),
            blocks.min(limits.threads as u64),
            limits.memory,
        );
        let room = room.map_err(|value| LaunchError::TooLarge {
            what: "the memory of this machine that a block takes",
            value,
            most: limits.memory,
        })?;
        let kernel_heap = memory.of_kernels(self.allocates).cloned();
        if let Some(heap) = &kernel_heap {
            heap.reset();
        }
        let mut allocations = memory.allocations;
        if together {
            cooperative::check(code, shape, local, limits)?;
            allocations.push(cooperative::workspace());
        }
        allocations.push(argument_memory(arguments));
        Ok(Launch::new(Asked {
            code: &self.code,
            entry,
            files: &self.files,
            grid: shape.grid,
            block: shape.block,
            dynamic_shared: shape.dynamic_shared,
            shared,
            packed: code.shared.packed + shape.dynamic_shared,
            local,
            allocations,
            released: memory.released,
            kernel_heap,
            malloc_bytes: limits.malloc_bytes,
            budget: limits.budget.min(u64::from(u32::MAX)),
            total: limits.total,
            room,
            processors: limits.processors.max(1),
            number: 1,
            workspace: together.then_some(WORKSPACE),
            checks: limits.checks,
            counters: limits.counters,
        })
        .run())
    }
}

fn release(heap: &mut Heap, globals: &BTreeMap<String, Arc<Allocation>>) {
    for allocation in globals.values() {
        // Whoever dropped the address space has given them back with it.
        let _ = heap.release(allocation.base());
    }
}

/// Kernels' arguments as memory that can only be read.
fn argument_memory(arguments: &[u8]) -> Arc<Allocation> {
    let memory = Allocation::at(ARGUMENTS, arguments.len().max(8) as u64, "arguments", true);
    memory.write(0, arguments);
    Arc::new(memory)
}

/// Options of a target that change nothing here: PTX ISA 9.0, 11.1.2.
fn options(target: &ptx::Target<'_>) -> Result<(), LoadError> {
    let known = ["debug", "texmode_unified", "texmode_independent"];
    match target.options.iter().find(|option| !known.contains(option)) {
        Some(option) => Err(LoadError::Invalid {
            line: target.line,
            what: format!("the target's option `{option}` is not supported"),
        }),
        None => Ok(()),
    }
}

/// What a variable of a module can't be.
fn shape_of(variable: &Variable<'_>) -> Result<(), String> {
    let name = variable.name;
    let kept = matches!(variable.space, Space::Global | Space::Const);
    if variable.ty == Type::Pred {
        return Err(format!("`{name}` is a predicate, which has no bytes"));
    }
    if !variable.initial.is_empty() && (!kept || variable.ty == Type::B128) {
        return Err(format!("`{name}` can't start with a value"));
    }
    Ok(())
}

/// What a variable starts with.
fn fill(
    variable: &Variable<'_>,
    allocation: &Allocation,
    context: &Context<'_>,
) -> Result<(), LoadError> {
    let invalid = |what| LoadError::Invalid {
        line: variable.line,
        what,
    };
    let width = variable.ty.bytes() as usize;
    let mut bytes = vec![0; usize::try_from(variable.bytes()).unwrap_or_default()];
    for (at, initial) in variable.initial.iter().enumerate() {
        let bits = match *initial {
            Initial::F32(bits) if variable.ty == Type::F64 => {
                f64::from(f32::from_bits(bits)).to_bits()
            }
            Initial::F32(bits) => u64::from(bits),
            Initial::F64(bits) if variable.ty == Type::F32 => {
                u64::from((f64::from_bits(bits) as f32).to_bits())
            }
            Initial::Int(bits) | Initial::F64(bits) => bits,
            Initial::AddressOf {
                name,
                offset,
                generic,
            } => {
                let Some((space, address)) = context.place(name) else {
                    return Err(invalid(format!("`{name}` is not known")));
                };
                let in_window = generic && space == Space::Shared;
                let window = if in_window { SHARED } else { 0 };
                let address = (address + window).wrapping_add_signed(offset);
                if width < 8 && address >> (width * 8) != 0 {
                    return Err(invalid(format!("the address of `{name}` has more bits")));
                }
                address
            }
        };
        let Some(place) = bytes.get_mut(at * width..(at + 1) * width) else {
            let name = variable.name;
            return Err(invalid(format!(
                "`{name}` starts with more than it has room for"
            )));
        };
        place.copy_from_slice(&bits.to_le_bytes()[..width]);
    }
    allocation.write(0, &bytes);
    Ok(())
}
