//! A runner, and what it is asked to run.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use kernel_cuda::wire::{
    Arg, Buffer, Channel, Fault, Phase, Place, Program, Reply, Request, SOCKET_FD, Step, Steps,
};
use sandbox::{Child, Command, Limits, Policy};

/// `scale` multiplies `n` elements by a number and counts its launches in `calls`, which `count`
/// copies out; `reversed` turns a block around by way of shared memory; `endless` never ends.
pub(crate) const PTX: &str = "
.version 8.3
.target sm_80
.address_size 64
.visible .global .align 4 .u32 calls;
.extern .shared .align 4 .b8 room[];

.visible .entry scale(.param .u64 x, .param .f32 by, .param .u32 n)
{
    .reg .pred %p<3>;
    .reg .f32 %f<3>;
    .reg .b32 %r<7>;
    .reg .b64 %rd<4>;
    ld.param.u64 %rd1, [x];
    ld.param.f32 %f1, [by];
    ld.param.u32 %r1, [n];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    setp.ne.u32 %p2, %r5, 0;
    @%p2 bra go;
    mov.u64 %rd3, calls;
    atom.global.add.u32 %r6, [%rd3], 1;
go:
    setp.ge.u32 %p1, %r5, %r1;
    @%p1 bra done;
    mad.wide.u32 %rd2, %r5, 4, %rd1;
    ld.global.f32 %f2, [%rd2];
    mul.f32 %f2, %f2, %f1;
    st.global.f32 [%rd2], %f2;
done:
    ret;
}

.visible .entry count(.param .u64 x)
{
    .reg .b32 %r<2>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [x];
    mov.u64 %rd2, calls;
    ld.global.u32 %r1, [%rd2];
    st.global.u32 [%rd1], %r1;
    ret;
}

.visible .entry reversed(.param .u64 x)
{
    .reg .b32 %r<6>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [x];
    mov.u32 %r1, %tid.x;
    mad.wide.u32 %rd2, %r1, 4, %rd1;
    ld.global.u32 %r2, [%rd2];
    mov.u32 %r3, room;
    shl.b32 %r4, %r1, 2;
    add.s32 %r4, %r4, %r3;
    st.shared.u32 [%r4+49152], %r2;
    bar.sync 0;
    mov.u32 %r5, %ntid.x;
    sub.s32 %r5, %r5, %r1;
    shl.b32 %r5, %r5, 2;
    add.s32 %r5, %r5, %r3;
    ld.shared.u32 %r2, [%r5+49148];
    st.global.u32 [%rd2], %r2;
    ret;
}

.visible .entry endless(.param .u64 x)
{
again:
    bra again;
}";

pub(crate) struct Runner {
    pub(crate) channel: Channel,
    pub(crate) child: Child,
    folder: tempfile::TempDir,
}

impl Runner {
    /// With the simulator, and so many bytes of its memory.
    pub(crate) fn simulated(memory: &str) -> Self {
        Self::simulated_with(&[("CUDA_SIM_MEMORY", memory)])
    }

    /// With the simulator and what else its environment says.
    pub(crate) fn simulated_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let beside = program.parent().unwrap();
        let places: [PathBuf; 2] = [beside.to_owned(), beside.parent().unwrap().to_owned()];
        let mut paths = places
            .iter()
            .map(|place| place.join("libcuda_sim_driver.so"));
        let library = paths.find(|path| path.exists()).expect("it was built");
        for name in ["libcuda.so", "libcuda.so.1"] {
            symlink(&library, folder.path().join(name)).unwrap();
        }
        let policy = Policy::trusted()
            .env("LD_LIBRARY_PATH", folder.path())
            .env("CUDA_SIM_FINDINGS", folder.path().join("findings.jsonl"))
            .env("CUDA_SIM_BUDGET", "100000")
            .env("ALPHALAB_NVML", "off");
        let policy = variables
            .iter()
            .fold(policy, |policy, (name, value)| policy.env(name, value));
        Self::start(policy, folder)
    }

    pub(crate) fn start(policy: Policy, folder: tempfile::TempDir) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(
            env!("CARGO_BIN_EXE_kernel-runner-cuda"),
            policy,
            Limits::none(),
        )
        .inherit_fd(theirs, SOCKET_FD)
        .spawn()
        .unwrap();
        let channel = Channel::new(ours);
        channel.set_patience(Some(Duration::from_mins(1))).unwrap();
        Self {
            channel,
            child,
            folder,
        }
    }

    pub(crate) fn ask(&mut self, request: &Request, bytes: &[u8]) -> Reply {
        self.channel.send(request, bytes).unwrap();
        let (reply, behind) = self.channel.receive().unwrap();
        assert_eq!(behind, 0, "{reply:?}");
        reply
    }

    pub(crate) fn done(&mut self, request: &Request, bytes: &[u8]) {
        assert_eq!(self.ask(request, bytes), Reply::Done, "{request:?}");
    }

    /// Opened, with this program arranged and the module loaded.
    pub(crate) fn ready(&mut self, buffers: &[Buffer], steps: Vec<Step>) {
        let opened = self.ask(&Request::Open, &[]);
        assert!(matches!(opened, Reply::Opened(_)), "{opened:?}");
        let program = Program {
            buffers: buffers.to_vec(),
            prepare: Vec::new(),
            steps,
        };
        let arranged = self.ask(&Request::Arrange(program), &[]);
        assert!(matches!(arranged, Reply::Arranged(_)), "{arranged:?}");
        self.done(&Request::Load, PTX.as_bytes());
    }

    pub(crate) fn write(&mut self, slot: usize, values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.done(&Request::Write(place(slot, bytes.len())), &bytes);
    }

    pub(crate) fn read(&mut self, at: Place) -> Vec<u8> {
        self.channel.send(&Request::Read(at), &[]).unwrap();
        let (reply, bytes): (Reply, u64) = self.channel.receive().unwrap();
        assert_eq!((reply, bytes), (Reply::Done, at.bytes));
        let mut got = vec![0; bytes as usize];
        self.channel.take(&mut got).unwrap();
        got
    }

    pub(crate) fn floats(&mut self, slot: usize, count: usize) -> Vec<f32> {
        let bytes = self.read(place(slot, 4 * count));
        let words = bytes.as_chunks().0.iter();
        words.map(|word| f32::from_le_bytes(*word)).collect()
    }

    /// The text of what was refused.
    pub(crate) fn refused(&mut self, request: &Request, bytes: &[u8]) -> String {
        match self.ask(request, bytes) {
            Reply::Refused(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// What ended the runner.
    pub(crate) fn broken(&mut self, request: &Request) -> Fault {
        match self.ask(request, &[]) {
            Reply::Broken(fault) => fault,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn findings(&self) -> String {
        let path = self.folder.path().join("findings.jsonl");
        std::fs::read_to_string(path).unwrap_or_default()
    }
}

pub(crate) const CALL: Request = call(0, 0, usize::MAX);

pub(crate) const fn call(slot: usize, first: usize, count: usize) -> Request {
    Request::Run(Steps {
        phase: Phase::Call,
        slot,
        first,
        count,
    })
}

pub(crate) fn place(slot: usize, bytes: usize) -> Place {
    Place {
        buffer: 0,
        slot,
        at: 0,
        bytes: bytes as u64,
    }
}

/// A buffer of so many floats.
pub(crate) fn floats(count: u64, slots: usize) -> Buffer {
    Buffer {
        bytes: 4 * count,
        guard_bytes: 0,
        slots,
    }
}

/// A launch of one block.
pub(crate) fn step(kernel: &str, threads: u32, more: &[u64]) -> Step {
    let values = more.iter().map(|value| Arg::Value(*value));
    Step {
        place: "step 1".to_owned(),
        kernel: kernel.to_owned(),
        grid: [1, 1, 1],
        block: [threads, 1, 1],
        shared_bytes: 0,
        cooperative: false,
        cluster: None,
        args: [Arg::Buffer(0)].into_iter().chain(values).collect(),
    }
}

pub(crate) fn bits(value: f32) -> u64 {
    value.to_bits().into()
}
