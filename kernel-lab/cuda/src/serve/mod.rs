//! The runner's loop: hear a question, do it, answer.

mod target;
mod time;

use std::any::Any;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use crate::driver::{Context, CudaError, Function, Launch, Memory};
use crate::nvml::{Monitor, NVML, uuid_text};
use crate::wire::{
    Arg, Channel, ChannelError, Facts, Fault, Phase, Place, Program, Reply, Request, SOCKET_FD,
    Step, Steps,
};
use time::Timer;

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
                error: Fault::PANIC.to_owned(),
                text: words(panic.as_ref()),
            })
        });
        channel.send(&reply, &read)?;
        match reply {
            Reply::Broken(fault) if fault.error == Fault::TIMEOUT => leave(),
            Reply::Broken(_) => return Ok(()),
            _ => {}
        }
    }
}

/// Ends the process at once. The device is still at work, and to give anything back would be to
/// wait for it.
#[expect(unsafe_code, reason = "nothing of Rust's or the driver's may run")]
fn leave() -> ! {
    // SAFETY: it takes no memory of ours and does not return.
    unsafe { libc::_exit(0) }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// What the runner has by now. What is loaded goes before what it is loaded in.
#[derive(Default)]
struct Runner {
    timer: Timer,
    loaded: Option<Loaded>,
    buffers: Vec<Vec<Memory>>,
    program: Program,
    monitor: Option<Monitor>,
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
            Request::Time(block) => self.time(&block).map(Reply::Timed),
        };
        match done {
            Ok(reply) => reply,
            Err(Stop::Refused(text)) => Reply::Refused(text),
            Err(Stop::Broken(fault)) => Reply::Broken(fault),
        }
    }

    fn open(&mut self) -> Result<Facts, Stop> {
        let context = Context::open().map_err(|error| Stop::Refused(error.to_string()))?;
        let uuid = context.uuid().ok().map(uuid_text);
        let facts = || -> Result<Facts, CudaError> {
            Ok(Facts {
                name: context.name()?,
                capability: context.capability()?,
                memory_bytes: context.memory_bytes()?,
                processors: context.processors()?,
                driver: context.driver()?,
                l2_bytes: context.l2_bytes()?,
                uuid,
                nvml: None,
            })
        };
        let mut facts = facts().map_err(|error| Stop::refused(&error))?;
        let place = context.pci().map_err(|error| Stop::refused(&error))?;
        let choice = std::env::var_os(NVML);
        self.monitor = Monitor::of(facts.uuid.as_deref(), place, choice.as_deref());
        let driver = self.monitor.as_ref().map(Monitor::driver);
        facts.nvml = driver.map(str::to_owned);
        self.context = Some(context);
        Ok(facts)
    }

    fn context(&self) -> Result<&Context, Stop> {
        let context = self.context.as_ref();
        context.ok_or_else(|| Stop::Refused("no context has been made".to_owned()))
    }

    fn arrange(&mut self, program: Program) -> Result<Vec<Vec<u64>>, Stop> {
        self.timer.forget_graphs();
        self.loaded = None;
        self.buffers.clear();
        let context = self.context()?;
        let mut buffers = Vec::with_capacity(program.buffers.len());
        for (number, buffer) in program.buffers.iter().enumerate() {
            let (bytes, slots) = (buffer.memory_bytes(), buffer.slots.max(1));
            let copies = (1..=slots).map(|copy| {
                let memory = context.allocate(bytes);
                memory.map_err(|error| {
                    let what = format!("copy {copy} of {slots} of buffer {number}");
                    out_of_memory(context, &what, bytes, &error)
                })
            });
            buffers.push(copies.collect::<Result<Vec<_>, _>>()?);
        }
        self.buffers = buffers;
        self.program = program;
        let addresses = |copies: &Vec<Memory>| copies.iter().map(Memory::address).collect();
        Ok(self.buffers.iter().map(addresses).collect())
    }

    fn load(&mut self, image: &[u8]) -> Result<(), Stop> {
        self.timer.forget_graphs();
        self.loaded = None;
        let context = self.context()?;
        let module = context.load(image).map_err(|error| {
            let device = context.capability().ok();
            let wrong = device.and_then(|device| target::mismatch(image, device, &error.name));
            Stop::Refused(match wrong {
                Some(wrong) => format!("{error}; {wrong}"),
                None => error.to_string(),
            })
        })?;
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
        let launches = self.launches(which.phase, which.slot)?;
        let context = self.context()?;
        for (step, launch) in launches.iter().skip(which.first).take(which.count) {
            let doing = doing(step);
            if let Err(error) = context.launch(launch) {
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

    /// Steps on a slot, with what they are launched with.
    fn launches(&self, phase: Phase, slot: usize) -> Result<Vec<(&Step, Launch<'_>)>, Stop> {
        let nothing = || Stop::Refused("nothing is loaded".to_owned());
        let loaded = self.loaded.as_ref().ok_or_else(nothing)?;
        let (steps, functions) = match phase {
            Phase::Prepare => (&self.program.prepare, &loaded.prepare),
            Phase::Call => (&self.program.steps, &loaded.steps),
        };
        let launches = steps.iter().zip(functions).map(|(step, function)| {
            let launch = Launch {
                function,
                grid: step.grid,
                block: step.block,
                shared_bytes: step.shared_bytes,
                cooperative: step.cooperative,
                cluster: step.cluster,
                arguments: self.arguments(step, slot)?,
            };
            Ok((step, launch))
        });
        launches.collect()
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

/// What a launch is called in messages.
fn doing(step: &Step) -> String {
    format!("run {} (kernel `{}`)", step.place, step.kernel)
}

/// There is no memory for something.
fn out_of_memory(context: &Context, what: &str, bytes: u64, error: &CudaError) -> Stop {
    let free = context.free_bytes().map(|(free, all)| {
        let mib = |bytes: u64| bytes >> 20;
        format!(" ({} of {} MiB are free)", mib(free), mib(all))
    });
    Stop::Refused(format!(
        "the device has no {bytes} bytes for {what}{}: {error}",
        free.unwrap_or_default()
    ))
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
