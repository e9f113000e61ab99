//! What checks find.

use std::fmt;

use crate::ptx::Space;

/// A thing that a kernel must not do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// An access that no allocation, or no variable, has room for.
    OutOfBounds {
        /// Whether it writes.
        write: bool,
    },
    /// An access to memory that was given back.
    UseAfterFree {
        /// Whether it writes.
        write: bool,
    },
    /// An address that is no multiple of the access's width.
    Misaligned {
        /// Whether it writes.
        write: bool,
    },
    /// A write to constants or arguments.
    ReadOnly,
    /// A read of bytes that nobody has written.
    Uninitialised,
    /// Two threads, one of which writes, with nothing between that orders them.
    Race {
        /// `reads`, `writes` or `changes`.
        now: &'static str,
        /// What the other one did.
        before: &'static str,
        /// Which thread that was, if it is known.
        other: Option<[u32; 3]>,
        /// Of which block, if it was another one.
        block: Option<[u32; 3]>,
    },
    /// An access to shared memory that a `cp.async` is still on its way to.
    PendingCopy {
        /// `reads`, `writes` or `changes`.
        now: &'static str,
        /// Which thread copies.
        other: [u32; 3],
        /// File and line of the copy, if known.
        source: Option<(String, u32)>,
        /// Whether a `cp.async.commit_group` has closed its group.
        committed: bool,
    },
    /// A `cp.async` of more bytes than it has room for.
    InvalidCopy {
        /// Bytes of the source.
        from: u32,
        /// Bytes of the destination.
        to: u32,
    },
    /// A matrix whose address or stride is not the same in all lanes.
    NotUniform,
    /// Threads wait at a barrier that others never come to.
    BarrierDeadlock {
        /// Threads that wait.
        waiting: u32,
        /// Threads that it waits for.
        expected: u32,
    },
    /// Lanes of one warp wait at different barriers of those at which all
    /// lanes of a warp must arrive together: PTX ISA 9.0, 9.7.13.1.
    DivergentBarrier {
        /// A bit for each of those that are here.
        lanes: u32,
    },
    /// A barrier that there is not, or one for a number of threads that can't be.
    InvalidBarrier {
        /// Its number or its count.
        what: String,
    },
    /// A warp instruction names lanes that do not come.
    MissingLanes {
        /// A bit for each.
        lanes: u32,
    },
    /// A lane takes part in a warp instruction that does not name it, or
    /// reads from one that does not take part.
    LaneNotNamed {
        /// A bit for each.
        lanes: u32,
    },
    /// More instructions than one warp, or all of a launch together, may run.
    TooLong {
        /// How many that is.
        budget: u64,
        /// If the last ones did nothing but look for a change by others: how
        /// many blocks had not begun.
        waits: Option<u64>,
    },
    /// `trap`.
    Trap,
    /// Memory that a kernel allocated, did not give back, and to which nothing
    /// points when it ends.
    Leak {
        /// How many bytes.
        bytes: u64,
    },
    /// `free` of what was given back already.
    DoubleFree,
    /// `free` of what `malloc` did not answer.
    InvalidFree,
    /// Calls that go too deep, or need more memory than there is for them.
    StackOverflow,
    /// A call or a branch to where no code is.
    InvalidTarget {
        /// What it goes to.
        what: String,
    },
    /// `assert`.
    Assertion {
        /// What should have held.
        text: String,
    },
    /// What the simulator can't do, found while running.
    Unsupported {
        /// What it is.
        what: String,
    },
}

impl Problem {
    /// Whether a GPU would end the launch and refuse all that follows.
    pub fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::Uninitialised
                | Self::Race { .. }
                | Self::Leak { .. }
                | Self::PendingCopy { .. }
                | Self::NotUniform
                | Self::LaneNotNamed { .. }
                | Self::DivergentBarrier { .. }
        )
    }

    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfBounds { .. } => "out-of-bounds",
            Self::UseAfterFree { .. } => "use-after-free",
            Self::Misaligned { .. } => "misaligned",
            Self::ReadOnly => "read-only",
            Self::Uninitialised => "uninitialised",
            Self::Race { .. } => "race",
            Self::PendingCopy { .. } => "pending-copy",
            Self::InvalidCopy { .. } => "invalid-copy",
            Self::NotUniform => "not-uniform",
            Self::BarrierDeadlock { .. } => "barrier-deadlock",
            Self::DivergentBarrier { .. } => "divergent-barrier",
            Self::InvalidBarrier { .. } => "invalid-barrier",
            Self::MissingLanes { .. } => "missing-lanes",
            Self::LaneNotNamed { .. } => "lane-not-named",
            Self::TooLong { .. } => "too-long",
            Self::Trap => "trap",
            Self::Leak { .. } => "leak",
            Self::DoubleFree => "double-free",
            Self::InvalidFree => "invalid-free",
            Self::StackOverflow => "stack-overflow",
            Self::InvalidTarget { .. } => "invalid-target",
            Self::Assertion { .. } => "assertion",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

/// Bytes that an access is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// In which memory.
    pub space: Space,
    /// Address in that space.
    pub address: u64,
    /// How many.
    pub bytes: u32,
    /// The buffer it belongs to, or the nearest before it.
    pub buffer: Option<Buffer>,
}

/// A buffer and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// From its start.
    pub offset: i64,
}

/// One thing that was found, as often as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub problem: Problem,
    /// In which kernel.
    pub kernel: String,
    /// File and line of the source, if known.
    pub source: Option<(String, u32)>,
    /// Line of the PTX.
    pub line: u32,
    /// Block of the first.
    pub block: [u32; 3],
    /// Thread of the first.
    pub thread: [u32; 3],
    /// Memory that it is about.
    pub touched: Option<Touched>,
    /// How often.
    pub count: u64,
}

fn space_name(space: Space) -> &'static str {
    match space {
        Space::Reg => "register",
        Space::Const => "constant",
        Space::Global => "global",
        Space::Local => "local",
        Space::Param => "parameter",
        Space::Shared => "shared",
    }
}

struct Triple([u32; 3]);

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = self.0;
        write!(f, "({x},{y},{z})")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = self
            .touched
            .as_ref()
            .map_or("", |touched| space_name(touched.space));
        let way = |write: bool| if write { "write" } else { "read" };
        match &self.problem {
            Problem::OutOfBounds { write } => write!(f, "out-of-bounds {space} {}", way(*write))?,
            Problem::UseAfterFree { write } => write!(f, "{} after release", way(*write))?,
            Problem::Misaligned { write } => write!(f, "misaligned {space} {}", way(*write))?,
            Problem::ReadOnly => write!(f, "write to read-only {space} memory")?,
            Problem::Uninitialised => write!(f, "read of uninitialised {space} memory")?,
            Problem::Race { .. } => write!(f, "{space}-memory race")?,
            Problem::PendingCopy { .. } => write!(f, "access before a copy has arrived")?,
            Problem::InvalidCopy { from, to } => write!(f, "copy of {from} bytes to {to}")?,
            Problem::NotUniform => write!(f, "matrix that is not the same in all lanes")?,
            Problem::BarrierDeadlock { waiting, expected } => write!(
                f,
                "barrier that only {waiting} of {expected} threads come to"
            )?,
            Problem::DivergentBarrier { lanes } => write!(
                f,
                "barrier that only lanes {lanes:#010x} of a warp come to while others wait at another"
            )?,
            Problem::InvalidBarrier { what } => write!(f, "invalid barrier: {what}")?,
            Problem::MissingLanes { lanes } => {
                write!(
                    f,
                    "warp instruction that lanes {lanes:#010x} do not come to"
                )?;
            }
            Problem::LaneNotNamed { lanes } => {
                write!(
                    f,
                    "warp instruction with lanes {lanes:#010x} that take no part"
                )?;
            }
            Problem::TooLong { budget, waits } => {
                write!(f, "more than {budget} instructions")?;
                match waits {
                    None => {}
                    Some(0) => write!(f, ", waiting for a change by others that never comes")?,
                    Some(blocks) => write!(
                        f,
                        ", waiting for a change by others while {blocks} blocks have not begun"
                    )?,
                }
            }
            Problem::Trap => write!(f, "trap")?,
            Problem::Leak { .. } => write!(f, "memory that is never given back")?,
            Problem::DoubleFree => write!(f, "memory given back twice")?,
            Problem::InvalidFree => write!(f, "`free` of what was not allocated")?,
            Problem::StackOverflow => write!(f, "stack overflow")?,
            Problem::InvalidTarget { what } => write!(f, "{what}")?,
            Problem::Assertion { text } => write!(f, "assertion `{text}` failed")?,
            Problem::Unsupported { what } => write!(f, "not simulable: {what}")?,
        }
        write!(f, " in `{}` at ", self.kernel)?;
        match &self.source {
            Some((file, line)) => write!(f, "{file}:{line}")?,
            None => write!(f, "line {} of the PTX", self.line)?,
        }
        write!(
            f,
            ": block {}, thread {}",
            Triple(self.block),
            Triple(self.thread)
        )?;
        if let Problem::Race {
            now,
            before,
            other,
            block,
        } = &self.problem
        {
            match other {
                Some(other) => write!(f, " {now} what thread {}", Triple(*other))?,
                None => write!(f, " {now} what another thread")?,
            }
            match block {
                Some(block) => {
                    let block = Triple(*block);
                    write!(f, " of block {block} {before} with nothing to order them")?;
                }
                None => write!(f, " {before} with no barrier between")?,
            }
        }
        if let Problem::PendingCopy {
            now,
            other,
            source,
            committed,
        } = &self.problem
        {
            if *other == self.thread {
                write!(f, " {now} what it copies itself")?;
            } else {
                write!(f, " {now} what thread {} copies", Triple(*other))?;
            }
            if let Some((file, line)) = source {
                write!(f, " at {file}:{line}")?;
            }
            write!(
                f,
                " and has not {}",
                if *committed {
                    "waited for"
                } else {
                    "committed"
                }
            )?;
        }
        if let Some(touched) = &self.touched {
            write!(f, ", {} bytes at {:#x}", touched.bytes, touched.address)?;
            if let Some(buffer) = &touched.buffer {
                let Buffer {
                    name,
                    bytes,
                    offset,
                } = buffer;
                write!(f, " (byte {offset} of `{name}`, which has {bytes})")?;
            }
        }
        if self.count > 1 {
            write!(f, "; {} times", self.count)?;
        }
        Ok(())
    }
}
