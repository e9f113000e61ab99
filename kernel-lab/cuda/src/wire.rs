//! What host and runner say to each other, over one socket: a question, an answer.
//!
//! A message is a head of JSON and bytes behind it: the lengths of both (four and
//! eight bytes, little endian) come first.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// File descriptor number under which the runner inherits its end of the socket.
pub const SOCKET_FD: i32 = 3;

/// Longest head: a plan with all its steps.
const MOST_HEAD: u32 = 16 << 20;

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Load the driver and make a context; answers [`Reply::Opened`].
    Open,
    /// Take memory for a program's buffers; answers [`Reply::Arranged`].
    Arrange(Program),
    /// Load the module that comes behind the head, PTX or machine code, in place of the one
    /// that was loaded, whose variables are gone with it.
    Load,
    /// Write the bytes behind the head.
    Write(Place),
    /// Read bytes, which come behind the answer's head.
    Read(Place),
    /// Run steps and wait until they are done.
    Run(Steps),
    /// Time calls; answers [`Reply::Timed`].
    Time(Block),
}

/// Some of a buffer's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index into [`Program::buffers`].
    pub buffer: usize,
    /// Which of its copies.
    pub slot: usize,
    /// First byte, from the start of its memory.
    pub at: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Which steps, on which copy of inputs and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// Of which list.
    pub phase: Phase,
    /// Which copy.
    pub slot: usize,
    /// The first of them, counted from 0.
    pub first: usize,
    /// How many, if there are as many.
    pub count: usize,
}

/// A list of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Those that run once per set of parameters.
    Prepare,
    /// Those of a call.
    Call,
}

/// A block of timed calls: one after the other, on a device that nothing else of the runner's
/// is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// What a call is.
    pub work: Work,
    /// Slots whose calls bring the clocks up, in turn, until `warm_ms` have passed: one call
    /// at least, none if there are no slots. Their times are dropped.
    pub warm: Vec<usize>,
    /// How long calls on `warm` go on, in milliseconds of the host's clock.
    pub warm_ms: f64,
    /// Slots of the calls that count, one call each, in this order.
    pub counted: Vec<usize>,
    /// Whether the L2 cache is emptied before each call, those of `warm` as well. The device is
    /// busy with that while the host asks for the call; without it, the time between the events
    /// has what the host takes for that, microseconds, in it.
    pub flush: bool,
    /// Longest time of a call in milliseconds of the host's clock, the emptying of the cache
    /// included. One that takes longer ends the runner: [`Fault::TIMEOUT`].
    pub limit_ms: f64,
}

/// What a timed call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// The steps of a call ([`Phase::Call`]), as one CUDA graph where that is possible.
    Plan,
    /// A copy between two pieces of the device's memory that are the runner's own: what has a
    /// time that is known, to see whether two processes agree on it. Slots are only counted.
    Copy {
        /// How many bytes, at least one.
        bytes: u64,
    },
}

/// What is to be run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Its buffers.
    pub buffers: Vec<Buffer>,
    /// Steps that run once per set of parameters.
    pub prepare: Vec<Step>,
    /// Steps of a call.
    pub steps: Vec<Step>,
}

/// A buffer: one piece of memory for each slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// Bytes of its content.
    pub bytes: u64,
    /// Bytes on each side of it that belong to nobody.
    pub guard_bytes: u64,
    /// How many copies there are; calls on a slot use copy `slot % slots`.
    pub slots: usize,
}

impl Buffer {
    /// Bytes of one copy, guards included.
    pub fn memory_bytes(&self) -> u64 {
        self.bytes + 2 * self.guard_bytes
    }
}

/// A launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is called in messages, e.g. "step 2".
    pub place: String,
    /// Name of the kernel in the module.
    pub kernel: String,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory of a block.
    pub shared_bytes: u32,
    /// Whether all blocks must be there at the same time.
    pub cooperative: bool,
    /// Blocks of a cluster in x, y and z.
    pub cluster: Option<[u32; 3]>,
    /// Its arguments, in the kernel's order.
    pub args: Vec<Arg>,
}

/// An argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arg {
    /// Address of a buffer's content.
    Buffer(usize),
    /// A value: its bytes are the lowest of this number, as many as the kernel takes.
    Value(u64),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done.
    Done,
    /// The driver is there.
    Opened(Facts),
    /// The buffers have memory: the address of each copy's first byte, guards included.
    Arranged(Vec<Vec<u64>>),
    /// The calls are done, and how long they took.
    Timed(Timing),
    /// It was not done, and why; all is as before.
    Refused(String),
    /// The context is gone, and with it all that was in it.
    Broken(Fault),
}

/// What the device says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Compute capability: major, minor.
    pub capability: (u32, u32),
    /// Bytes of its memory.
    pub memory_bytes: u64,
    /// Multiprocessors.
    pub processors: u32,
    /// Version of CUDA that the driver has: 1000 times the major one and 10 times the minor one.
    pub driver: u32,
    /// Bytes of its L2 cache.
    pub l2_bytes: u64,
    /// Its UUID as `nvidia-smi -L` prints it (`GPU-…`), where the driver tells.
    pub uuid: Option<String>,
    /// Version of NVIDIA's driver as NVML tells it, e.g. `580.65.06`; `None` where no NVML knows
    /// the device, and then no sample has [`Clocks`].
    pub nvml: Option<String>,
}

/// What a block of timed calls took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// One sample for each slot of [`Block::counted`], in that order.
    pub samples: Vec<Sample>,
    /// Whether calls were launches of a CUDA graph; if not, of one kernel after the other, or
    /// a copy.
    pub graphed: bool,
}

/// A timed call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The slot.
    pub slot: usize,
    /// Nanoseconds between two CUDA events, right before and right after the call.
    pub event_ns: f64,
    /// Nanoseconds of the host's clock, from before the first event is asked for until the
    /// second one is known to be there: more than `event_ns`, or one of the clocks is wrong.
    /// Where the L2 cache is emptied, what is left of that by then is in it.
    pub wall_ns: f64,
    /// What the device ran at, read right after the call.
    pub clocks: Option<Clocks>,
}

/// What NVML says of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// Clock of the multiprocessors in MHz.
    pub sm_mhz: u32,
    /// Clock of the memory in MHz.
    pub memory_mhz: u32,
    /// Temperature of the chip in degrees Celsius.
    pub temperature_c: u32,
    /// Why the clocks are not higher: bits of `nvmlClocksEventReasons`.
    pub throttle: u64,
}

/// What ended a context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What was being done, e.g. "run step 2 (kernel `softmax`)".
    pub doing: String,
    /// The driver's name for it, e.g. `CUDA_ERROR_ILLEGAL_ADDRESS`, or [`Self::TIMEOUT`].
    pub error: String,
    /// All of it in words.
    pub text: String,
}

impl Fault {
    /// [`Self::error`] of a call that took longer than [`Block::limit_ms`]: not the driver's
    /// name, the driver has noticed nothing.
    pub const TIMEOUT: &'static str = "TIMEOUT";
    /// [`Self::error`] of a fault of the runner's own.
    pub const PANIC: &'static str = "PANIC";

    /// Whether the machine is to blame and no kernel: a device that is lost, a driver that does
    /// not work. [`Self::text`] says what to do about it.
    pub fn is_of_the_machine(&self) -> bool {
        self.error == Self::PANIC || crate::driver::remedy(&self.error).is_some()
    }
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side is gone.
    #[error("the other side is gone")]
    Gone,
    /// Nothing came in time.
    #[error("no answer in time")]
    Silent,
    /// What came is no message.
    #[error("what came is no message: {0}")]
    Garbled(String),
    /// The socket.
    #[error("the socket")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ChannelError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silent,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => Self::Gone,
            _ => Self::Io(error),
        }
    }
}

/// One end of the socket.
#[derive(Debug)]
pub struct Channel(UnixStream);

impl Channel {
    /// Over this socket.
    pub fn new(socket: UnixStream) -> Self {
        Self(socket)
    }

    /// How long [`Self::receive`] and [`Self::send`] wait for the other side; `None` for ever.
    pub fn set_patience(&self, patience: Option<Duration>) -> Result<(), ChannelError> {
        // The system takes no zero.
        let patience = patience.map(|time| time.max(Duration::from_millis(1)));
        self.0.set_read_timeout(patience)?;
        self.0.set_write_timeout(patience)?;
        Ok(())
    }

    /// Sends a message.
    pub fn send<T: Serialize>(&mut self, head: &T, bytes: &[u8]) -> Result<(), ChannelError> {
        let head = serde_json::to_vec(head).map_err(io::Error::other)?;
        let mut start = Vec::with_capacity(12 + head.len());
        start.extend((head.len() as u32).to_le_bytes());
        start.extend((bytes.len() as u64).to_le_bytes());
        start.extend(head);
        self.0.write_all(&start)?;
        self.0.write_all(bytes)?;
        Ok(())
    }

    /// Receives a head, and how many bytes come behind it: those are still to be taken.
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<(T, u64), ChannelError> {
        let mut lengths = [0; 12];
        self.0.read_exact(&mut lengths)?;
        let [a, b, c, d, rest @ ..] = lengths;
        let head = u32::from_le_bytes([a, b, c, d]);
        if head > MOST_HEAD {
            return Err(ChannelError::Garbled(format!("a head of {head} bytes")));
        }
        let mut text = vec![0; head as usize];
        self.0.read_exact(&mut text)?;
        let head = serde_json::from_slice(&text)
            .map_err(|error| ChannelError::Garbled(error.to_string()))?;
        Ok((head, u64::from_le_bytes(rest)))
    }

    /// Takes the bytes behind a head.
    pub fn take(&mut self, into: &mut [u8]) -> Result<(), ChannelError> {
        Ok(self.0.read_exact(into)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let (one, other) = UnixStream::pair().expect("a pair of sockets");
        (Channel::new(one), Channel::new(other))
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let (mut host, mut runner) = pair();
        let request = Request::Write(Place {
            buffer: 1,
            slot: 2,
            at: 3,
            bytes: 4,
        });
        host.send(&request, &[5, 6, 7, 8]).expect("sent");
        host.send(&Request::Load, &[]).expect("sent");
        let (head, bytes): (Request, u64) = runner.receive().expect("a message");
        assert_eq!((head, bytes), (request, 4));
        let mut got = [0; 4];
        runner.take(&mut got).expect("its bytes");
        assert_eq!(got, [5, 6, 7, 8]);
        let (head, bytes): (Request, u64) = runner.receive().expect("a message");
        assert_eq!((head, bytes), (Request::Load, 0));
    }

    #[test]
    fn a_block_and_its_samples_arrive() {
        let (mut host, mut runner) = pair();
        let block = |work| Block {
            work,
            warm: vec![0, 1],
            warm_ms: 50.0,
            counted: vec![3, 2],
            flush: true,
            limit_ms: 0.1,
        };
        for work in [Work::Plan, Work::Copy { bytes: 1 << 40 }] {
            let request = Request::Time(block(work));
            host.send(&request, &[]).expect("sent");
            let (head, _): (Request, u64) = runner.receive().expect("a message");
            assert_eq!(head, request);
        }
        let clocks = Clocks {
            sm_mhz: 1980,
            memory_mhz: 2619,
            temperature_c: 41,
            throttle: u64::MAX,
        };
        let sample = |slot, clocks| Sample {
            slot,
            event_ns: 333_333.25,
            wall_ns: 585_714.5,
            clocks,
        };
        let reply = Reply::Timed(Timing {
            samples: vec![sample(3, Some(clocks)), sample(2, None)],
            graphed: true,
        });
        runner.send(&reply, &[]).expect("sent");
        let (head, _): (Reply, u64) = host.receive().expect("a message");
        assert_eq!(head, reply);
    }

    #[test]
    fn who_is_gone_or_silent_is_told_apart() {
        let (mut host, runner) = pair();
        let patience = Some(Duration::from_millis(1));
        host.set_patience(patience).expect("a patient socket");
        let silent = host.receive::<Reply>();
        assert!(matches!(silent, Err(ChannelError::Silent)), "{silent:?}");
        drop(runner);
        let gone = host.receive::<Reply>();
        assert!(matches!(gone, Err(ChannelError::Gone)), "{gone:?}");
    }

    #[test]
    fn nonsense_is_no_message() {
        let (mut host, mut runner) = pair();
        runner.0.write_all(&[255; 12]).expect("written");
        let garbled = host.receive::<Reply>();
        assert!(
            matches!(garbled, Err(ChannelError::Garbled(_))),
            "{garbled:?}"
        );
    }
}
