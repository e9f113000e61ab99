//! A program bound to the arena and to the candidate's code.

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::arena::Arena;
use crate::node::{Library, LibraryError, Node, NodeSpec};
use crate::pool::{Barrier, Job, Pool};
use crate::wire::{Program, WireArg, WireBuffer, WireStep};

/// A trampoline: unpacks its slots and calls the candidate's kernel.
type Entry = unsafe extern "C" fn(c_int, c_int, *const u64);

/// Why a program can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The dynamic loader refused.
    #[error("the dynamic loader refused the candidate: {0}")]
    Open(String),
    /// A trampoline is missing.
    #[error("symbol `{0}` is not in the compiled candidate")]
    Symbol(String),
    /// A step refers to a buffer that is not there.
    #[error("a step refers to buffer {0}, which does not exist")]
    Buffer(usize),
    /// A library node can't be bound.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

enum Bound {
    Kernel {
        entry: Entry,
        slots: Vec<AtomicU64>,
    },
    Library {
        node: UnsafeCell<Box<dyn Node>>,
        /// Kernel arguments that are its result: index of the step, and of
        /// the slot.
        readers: Vec<(usize, usize)>,
    },
}

/// The steps of one slot, ready to run.
struct Steps {
    bound: Vec<Bound>,
    parts: usize,
    failure: UnsafeCell<Option<LibraryError>>,
}

// SAFETY: the `UnsafeCell`s are touched by part 0 alone, between barriers;
// the rest is read-only.
unsafe impl Sync for Steps {}

impl Job for Steps {
    fn run(&self, part: usize, barrier: &Barrier) {
        for step in &self.bound {
            match step {
                Bound::Kernel { entry, slots } => {
                    let slots = slots.as_ptr().cast::<u64>();
                    // SAFETY: the trampoline was generated for exactly these
                    // slots; what the candidate does with them is its own
                    // affair, in a process that exists for it.
                    unsafe { entry(part as c_int, self.parts as c_int, slots) };
                }
                Bound::Library { node, readers } if part == 0 => {
                    // SAFETY: only part 0 reaches this arm.
                    let node = unsafe { &mut *node.get() };
                    match node.run() {
                        Ok(lent) => self.pass_on(lent, readers),
                        // SAFETY: only part 0 writes, and `Loaded::run` reads
                        // after the pool has left the job.
                        Err(error) => unsafe { *self.failure.get() = Some(error) },
                    }
                }
                Bound::Library { .. } => {}
            }
            barrier.wait();
        }
    }
}

impl Steps {
    /// Gives a result that is not in its buffer to the kernels that want it.
    /// The barrier after the step makes it known to their threads.
    fn pass_on(&self, lent: Option<u64>, readers: &[(usize, usize)]) {
        let Some(address) = lent else { return };
        for &(step, slot) in readers {
            if let Bound::Kernel { slots, .. } = &self.bound[step] {
                slots[slot].store(address, Ordering::Relaxed);
            }
        }
    }
}

/// A loaded candidate.
pub struct Loaded {
    prepare: Steps,
    slots: Vec<Steps>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Loads the candidate's shared object and binds every step. The
    /// candidate's constructors run in here.
    pub fn load(
        program: &Program,
        arena: &Arena,
        parts: usize,
        library: Option<&dyn Library>,
    ) -> Result<Self, LoadError> {
        let object = match &program.object {
            Some(path) => Some(Object::open(path)?),
            None => None,
        };
        let binder = Binder {
            program,
            arena,
            object: object.as_ref(),
            library,
        };
        let bind = |steps: &[WireStep], slot: usize| -> Result<Steps, LoadError> {
            let bound = steps
                .iter()
                .enumerate()
                .map(|(index, step)| binder.bind(step, &steps[index..], index, slot))
                .collect::<Result<_, _>>()?;
            Ok(Steps {
                bound,
                parts,
                failure: UnsafeCell::new(None),
            })
        };
        Ok(Self {
            prepare: bind(&program.prepare, 0)?,
            slots: (0..program.slots)
                .map(|slot| bind(&program.steps, slot))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Runs the `prepare` steps.
    pub fn prepare(&mut self, pool: &Pool) -> Result<(), LibraryError> {
        run(&mut self.prepare, pool)
    }

    /// Runs the plan on `slot`; a slot that does not exist is slot 0.
    pub fn run(&mut self, slot: usize, pool: &Pool) -> Result<(), LibraryError> {
        let slot = if slot < self.slots.len() { slot } else { 0 };
        run(&mut self.slots[slot], pool)
    }
}

fn run(steps: &mut Steps, pool: &Pool) -> Result<(), LibraryError> {
    // Library nodes have threads of their own: a plan of nothing else doesn't
    // wake ours, which would only stand in their way.
    if steps
        .bound
        .iter()
        .all(|step| matches!(step, Bound::Library { .. }))
    {
        return steps.bound.iter_mut().try_for_each(|step| match step {
            Bound::Library { node, .. } => node.get_mut().run().map(drop),
            Bound::Kernel { .. } => Ok(()),
        });
    }
    pool.run(steps);
    match steps.failure.get_mut().take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What steps are bound to.
struct Binder<'a> {
    program: &'a Program,
    arena: &'a Arena,
    object: Option<&'a Object>,
    library: Option<&'a dyn Library>,
}

impl Binder<'_> {
    fn buffer(&self, index: usize) -> Result<&WireBuffer, LoadError> {
        self.program
            .buffers
            .get(index)
            .ok_or(LoadError::Buffer(index))
    }

    /// Binds the step `index`, with which `rest` begins.
    fn bind(
        &self,
        step: &WireStep,
        rest: &[WireStep],
        index: usize,
        slot: usize,
    ) -> Result<Bound, LoadError> {
        match step {
            WireStep::Kernel { entry, args } => {
                let object = self
                    .object
                    .ok_or_else(|| LoadError::Symbol(entry.clone()))?;
                let slots = args
                    .iter()
                    .map(|arg| match *arg {
                        WireArg::Buffer(index) => {
                            Ok(self.arena.address(self.buffer(index)?, slot) as u64)
                        }
                        WireArg::I64(value) => Ok(value.cast_unsigned()),
                        WireArg::F64(bits) => Ok(bits),
                    })
                    .map(|value| value.map(AtomicU64::new))
                    .collect::<Result<_, LoadError>>()?;
                Ok(Bound::Kernel {
                    entry: object.entry(entry)?,
                    slots,
                })
            }
            WireStep::Library {
                op,
                inputs,
                outputs,
                attrs,
                lends,
            } => {
                let library = self
                    .library
                    .ok_or_else(|| LibraryError::NoLibrary(op.clone()))?;
                let resolve = |indices: &[usize]| {
                    indices
                        .iter()
                        .map(|&index| self.buffer(index))
                        .collect::<Result<Vec<_>, _>>()
                };
                let spec = NodeSpec {
                    op,
                    inputs: &resolve(inputs)?,
                    outputs: &resolve(outputs)?,
                    attrs,
                    lends: *lends,
                };
                let node = library.bind(spec, self.arena, slot)?;
                Ok(Bound::Library {
                    node: UnsafeCell::new(node),
                    readers: readers(outputs, rest, index),
                })
            }
        }
    }
}

/// The arguments of kernels that are one of `buffers`, in `rest`, which
/// begins with step `index`.
fn readers(buffers: &[usize], rest: &[WireStep], index: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (step, later) in rest.iter().enumerate() {
        if let WireStep::Kernel { args, .. } = later {
            let wanted = args.iter().enumerate().filter(
                |(_, arg)| matches!(arg, WireArg::Buffer(buffer) if buffers.contains(buffer)),
            );
            found.extend(wanted.map(|(slot, _)| (index + step, slot)));
        }
    }
    found
}

/// An open shared object; never closed.
struct Object(*mut c_void);

impl Object {
    fn open(path: &str) -> Result<Self, LoadError> {
        let c_path = CString::new(path).map_err(|error| LoadError::Open(error.to_string()))?;
        // SAFETY: `c_path` is a terminated string. Constructors of the object
        // run here, which is why the process is locked down by now.
        let handle = unsafe { libc::dlopen(c_path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return Err(LoadError::Open(last_dl_error()));
        }
        Ok(Self(handle))
    }

    fn entry(&self, symbol: &str) -> Result<Entry, LoadError> {
        let missing = || LoadError::Symbol(symbol.to_owned());
        let c_symbol = CString::new(symbol).map_err(|_| missing())?;
        // SAFETY: the handle is open and the string terminated.
        let address = unsafe { libc::dlsym(self.0, c_symbol.as_ptr()) };
        if address.is_null() {
            return Err(missing());
        }
        // SAFETY: the trampoline that the host appended to the source has
        // this signature.
        Ok(unsafe { std::mem::transmute::<*mut c_void, Entry>(address) })
    }
}

fn last_dl_error() -> String {
    // SAFETY: dlerror returns null or a terminated string that stays valid
    // until the next call on this thread.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "unknown error".to_owned();
    }
    // SAFETY: checked for null just now.
    unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned()
}
