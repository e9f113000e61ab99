//! The runner's loop: hear a question, do it, answer.

use std::any::Any;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::driver::{Context, CudaError, Function, Launch, Memory};
use crate::wire::{
    Arg, Channel, ChannelError, Facts, Fault, Phase, Place, Program, Reply, Request, SOCKET_FD,
    Step, Steps,
};

/// The whole of a runner's `main`.
pub fn main() -> ExitCode {
    if std::env::args_os().len() > 1 || !is_socket() {
        eprintln!("kernel-runner-cuda is started by kernel-lab; see `kernel-lab --help`");
        return ExitCode::from(2);
    }
    match serve(&mut channel()) {
        // Whoever asked is gone, and so is the reason to be here.
        Ok(()) | Err(ChannelError::Gone) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kernel-runner-cuda: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the descriptor that a host hands over is a socket.
fn is_socket() -> bool {
    std::fs::read_link(format!("/proc/self/fd/{SOCKET_FD}"))
        .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
}

#[expect(
    unsafe_code,
    reason = "a descriptor from another process has no owner yet"
)]
fn channel() -> Channel {
    // SAFETY: inherited for this, open (`is_socket`), and taken here alone.
    let fd = unsafe { OwnedFd::from_raw_fd(SOCKET_FD) };
    Channel::new(UnixStream::from(fd))
}

/// Answers until the other side is gone or the context is.
fn serve(channel: &mut Channel) -> Result<(), ChannelError> {
    // What the driver's binding panics with is an answer like any other.
    std::panic::set_hook(Box::new(|_| {}));
    let mut runner = Runner::default();
    loop {
        let (request, bytes): (Request, u64) = channel.receive()?;
        let mut payload = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        channel.take(&mut payload)?;
        let mut read = Vec::new();
        let done = catch_unwind(AssertUnwindSafe(|| {
            runner.answer(request, &payload, &mut read)
        }));
        let reply = done.unwrap_or_else(|panic| {
            Reply::Broken(Fault {
                doing: "call the CUDA driver".to_owned(),
                error: "PANIC".to_owned(),
                text: words(panic.as_ref()),
            })
        });
        channel.send(&reply, &read)?;
        if let Reply::Broken(_) = reply {
            return Ok(());
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// What the runner has by now. What is loaded goes before what it is loaded in.
#[derive(Default)]
struct Runner {
    loaded: Option<Loaded>,
    buffers: Vec<Vec<Memory>>,
    program: Program,
    context: Option<Context>,
}

/// Kernels of a loaded module, by the number of the step.
struct Loaded {
    prepare: Vec<Function>,
    steps: Vec<Function>,
}

/// Why something was not done.
enum Stop {
    /// All is as before.
    Refused(String),
    /// The context is gone.
    Broken(Fault),
}

impl Stop {
    /// A call of the driver that failed without anything of a candidate having run.
    fn refused(error: &CudaError) -> Self {
        Self::Refused(error.to_string())
    }

    fn broken(doing: &str, error: &CudaError) -> Self {
        Self::Broken(Fault {
            doing: doing.to_owned(),
            error: error.name.clone(),
            text: error.to_string(),
        })
    }
}

impl Runner {
    fn answer(&mut self, request: Request, payload: &[u8], read: &mut Vec<u8>) -> Reply {
        let done = match request {
            Request::Open => self.open().map(Reply::Opened),
            Request::Arrange(program) => self.arrange(program).map(Reply::Arranged),
            Request::Load => self.load(payload).map(|()| Reply::Done),
            Request::Write(place) => self.write(place, payload).map(|()| Reply::Done),
            Request::Read(place) => self.read(place, read).map(|()| Reply::Done),
            Request::Run(steps) => self.run(steps).map(|()| Reply::Done),
            Request::Time(_) => Err(Stop::Refused("no call can be timed".to_owned())),
        };
        match done {
            Ok(reply) => reply,
            Err(Stop::Refused(text)) => Reply::Refused(text),
            Err(Stop::Broken(fault)) => Reply::Broken(fault),
        }
    }

    fn open(&mut self) -> Result<Facts, Stop> {
        let context = Context::open().map_err(|error| Stop::Refused(error.to_string()))?;
        let facts = || -> Result<Facts, CudaError> {
            Ok(Facts {
                name: context.name()?,
                capability: context.capability()?,
                memory_bytes: context.memory_bytes()?,
                processors: context.processors()?,
                driver: context.driver()?,
                l2_bytes: 0,
                uuid: None,
                nvml: None,
            })
        };
        let facts = facts().map_err(|error| Stop::refused(&error))?;
        self.context = Some(context);
        Ok(facts)
    }

    fn context(&self) -> Result<&Context, Stop> {
        let context = self.context.as_ref();
        context.ok_or_else(|| Stop::Refused("no context has been made".to_owned()))
    }

    fn arrange(&mut self, program: Program) -> Result<Vec<Vec<u64>>, Stop> {
        self.loaded = None;
        self.buffers.clear();
        let context = self.context()?;
        let mut buffers = Vec::with_capacity(program.buffers.len());
        for buffer in &program.buffers {
            let copies = (0..buffer.slots.max(1)).map(|_| context.allocate(buffer.memory_bytes()));
            let copies: Result<Vec<_>, _> = copies.collect();
            buffers.push(copies.map_err(|error| Stop::refused(&error))?);
        }
        self.buffers = buffers;
        self.program = program;
        let addresses = |copies: &Vec<Memory>| copies.iter().map(Memory::address).collect();
        Ok(self.buffers.iter().map(addresses).collect())
    }

    fn load(&mut self, image: &[u8]) -> Result<(), Stop> {
        self.loaded = None;
        let context = self.context()?;
        let module = context.load(image).map_err(|error| Stop::refused(&error))?;
        let find = |steps: &[Step]| {
            let found = steps.iter().map(|step| {
                let name = &step.kernel;
                let function = module
                    .function(name)
                    .map_err(|error| Stop::refused(&error))?
                    .ok_or_else(|| Stop::Refused(format!("there is no kernel `{name}`")))?;
                let blocks = step.cluster.map_or(1, |sizes| sizes.iter().product());
                let allowed = function.allow(step.shared_bytes, blocks);
                allowed.map_err(|error| Stop::Refused(format!("kernel `{name}`: {error}")))?;
                Ok(function)
            });
            found.collect::<Result<Vec<_>, Stop>>()
        };
        self.loaded = Some(Loaded {
            prepare: find(&self.program.prepare)?,
            steps: find(&self.program.steps)?,
        });
        Ok(())
    }

    fn memory(&self, place: Place) -> Result<&Memory, Stop> {
        let copies = self.buffers.get(place.buffer);
        let memory = copies.and_then(|copies| copies.get(place.slot % copies.len()));
        memory.ok_or_else(|| outside(place))
    }

    fn write(&self, place: Place, bytes: &[u8]) -> Result<(), Stop> {
        let written = self.memory(place)?.write(place.at, bytes);
        let written = written.ok_or_else(|| outside(place))?;
        written.map_err(|error| Stop::broken("write a buffer", &error))
    }

    fn read(&self, place: Place, into: &mut Vec<u8>) -> Result<(), Stop> {
        let memory = self.memory(place)?;
        if place.bytes > memory.bytes() {
            return Err(outside(place));
        }
        into.resize(place.bytes as usize, 0);
        let read = memory.read(place.at, into);
        let read = read.ok_or_else(|| outside(place))?;
        read.map_err(|error| Stop::broken("read a buffer", &error))
    }

    fn run(&self, which: Steps) -> Result<(), Stop> {
        let nothing = || Stop::Refused("nothing is loaded".to_owned());
        let loaded = self.loaded.as_ref().ok_or_else(nothing)?;
        let (steps, functions) = match which.phase {
            Phase::Prepare => (&self.program.prepare, &loaded.prepare),
            Phase::Call => (&self.program.steps, &loaded.steps),
        };
        let context = self.context()?;
        let all = steps.iter().zip(functions);
        for (step, function) in all.skip(which.first).take(which.count) {
            let doing = format!("run {} (kernel `{}`)", step.place, step.kernel);
            let arguments = self.arguments(step, which.slot)?;
            let launch = Launch {
                function,
                grid: step.grid,
                block: step.block,
                shared_bytes: step.shared_bytes,
                cooperative: step.cooperative,
                cluster: step.cluster,
                arguments: &arguments,
            };
            if let Err(error) = context.launch(&launch) {
                // A launch that is refused leaves the context as it was.
                return Err(match context.synchronize() {
                    Ok(()) => Stop::Refused(format!("failed to {doing}: {error}")),
                    Err(_) => Stop::broken(&doing, &error),
                });
            }
            // Step by step, so that what goes wrong has a name.
            context
                .synchronize()
                .map_err(|error| Stop::broken(&doing, &error))?;
        }
        Ok(())
    }

    /// Arguments with the addresses of a slot's buffers.
    fn arguments(&self, step: &Step, slot: usize) -> Result<Vec<u64>, Stop> {
        let value = |arg: &Arg| match *arg {
            Arg::Value(value) => Ok(value),
            Arg::Buffer(buffer) => {
                let place = Place {
                    buffer,
                    slot,
                    at: 0,
                    bytes: 0,
                };
                let guard = self.program.buffers.get(buffer);
                let guard = guard.map_or(0, |buffer| buffer.guard_bytes);
                Ok(self.memory(place)?.address() + guard)
            }
        };
        step.args.iter().map(value).collect()
    }
}

fn outside(place: Place) -> Stop {
    let Place {
        buffer,
        slot,
        at,
        bytes,
    } = place;
    Stop::Refused(format!(
        "there are no {bytes} bytes from {at} on in copy {slot} of buffer {buffer}"
    ))
}
