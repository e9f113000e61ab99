//! The runner on the simulator, asked as kernel-lab asks it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use kernel_cuda::wire::{
    Arg, Buffer, Channel, ChannelError, Phase, Place, Program, Reply, Request, SOCKET_FD, Step,
    Steps,
};
use sandbox::{Child, Command, ExitReason, Limits, Policy};

/// `scale` multiplies `n` elements by a number and counts its launches in `calls`, which `count`
/// copies out; `reversed` turns a block around by way of shared memory; `endless` never ends.
const PTX: &str = "
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

struct Runner {
    channel: Channel,
    child: Child,
    folder: tempfile::TempDir,
}

impl Runner {
    /// With the simulator, and so many bytes of its memory.
    fn simulated(memory: &str) -> Self {
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
            .env("CUDA_SIM_MEMORY", memory);
        Self::start(policy, folder)
    }

    fn start(policy: Policy, folder: tempfile::TempDir) -> Self {
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

    fn ask(&mut self, request: &Request, bytes: &[u8]) -> Reply {
        self.channel.send(request, bytes).unwrap();
        let (reply, behind) = self.channel.receive().unwrap();
        assert_eq!(behind, 0, "{reply:?}");
        reply
    }

    fn done(&mut self, request: &Request, bytes: &[u8]) {
        assert_eq!(self.ask(request, bytes), Reply::Done, "{request:?}");
    }

    /// Opened, with this program arranged and the module loaded.
    fn ready(&mut self, buffers: &[Buffer], steps: Vec<Step>) {
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

    fn write(&mut self, slot: usize, values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.done(&Request::Write(place(slot, bytes.len())), &bytes);
    }

    fn read(&mut self, at: Place) -> Vec<u8> {
        self.channel.send(&Request::Read(at), &[]).unwrap();
        let (reply, bytes): (Reply, u64) = self.channel.receive().unwrap();
        assert_eq!((reply, bytes), (Reply::Done, at.bytes));
        let mut got = vec![0; bytes as usize];
        self.channel.take(&mut got).unwrap();
        got
    }

    fn floats(&mut self, slot: usize, count: usize) -> Vec<f32> {
        let bytes = self.read(place(slot, 4 * count));
        let words = bytes.as_chunks().0.iter();
        words.map(|word| f32::from_le_bytes(*word)).collect()
    }

    fn findings(&self) -> String {
        let path = self.folder.path().join("findings.jsonl");
        std::fs::read_to_string(path).unwrap_or_default()
    }
}

const CALL: Request = call(0, 0, usize::MAX);

const fn call(slot: usize, first: usize, count: usize) -> Request {
    Request::Run(Steps {
        phase: Phase::Call,
        slot,
        first,
        count,
    })
}

fn place(slot: usize, bytes: usize) -> Place {
    Place {
        buffer: 0,
        slot,
        at: 0,
        bytes: bytes as u64,
    }
}

/// A buffer of so many floats.
fn floats(count: u64, slots: usize) -> Buffer {
    Buffer {
        bytes: 4 * count,
        guard_bytes: 0,
        slots,
    }
}

/// A launch of one block.
fn step(kernel: &str, threads: u32, more: &[u64]) -> Step {
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

fn bits(value: f32) -> u64 {
    value.to_bits().into()
}

#[test]
fn steps_run_in_order_on_the_slot_that_is_asked_for() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![
        step("scale", 32, &[bits(2.0), 3]),
        step("scale", 32, &[bits(-1.5), 2]),
    ];
    runner.ready(&[floats(3, 2)], steps);
    runner.write(0, &[1.0, 2.0, 3.0]);
    runner.write(1, &[4.0, 5.0, 6.0]);
    runner.done(&call(1, 0, usize::MAX), &[]);
    assert_eq!(runner.floats(0, 3), [1.0, 2.0, 3.0]);
    assert_eq!(runner.floats(1, 3), [-12.0, -15.0, 12.0]);
    runner.done(&call(0, 1, 1), &[]);
    assert_eq!(runner.floats(0, 3), [-1.5, -3.0, 3.0]);
    assert_eq!(runner.findings(), "");
}

#[test]
fn a_module_that_is_loaded_again_has_forgotten() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![step("scale", 1, &[bits(1.0), 1]), step("count", 1, &[])];
    runner.ready(&[floats(1, 1)], steps);
    let mut calls = Vec::new();
    for fresh in [false, false, true] {
        if fresh {
            runner.done(&Request::Load, PTX.as_bytes());
        }
        runner.write(0, &[0.0]);
        runner.done(&CALL, &[]);
        calls.push(runner.floats(0, 1)[0].to_bits());
    }
    assert_eq!(calls, [1, 2, 1]);
}

#[test]
fn an_illegal_access_ends_the_process_and_has_a_name() {
    let mut runner = Runner::simulated("64MiB");
    let steps = vec![step("scale", 4, &[bits(1.0), 4])];
    runner.ready(&[floats(3, 1)], steps);
    runner.write(0, &[0.0; 3]);
    let Reply::Broken(fault) = runner.ask(&CALL, &[]) else {
        panic!("it was not noticed")
    };
    assert_eq!(fault.error, "CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_eq!(fault.doing, "run step 1 (kernel `scale`)");
    assert!(runner.findings().contains("\"code\":\"out-of-bounds\""));
    let gone = runner.channel.receive::<Reply>();
    assert!(matches!(gone, Err(ChannelError::Gone)), "{gone:?}");
    assert_eq!(runner.child.wait().unwrap(), ExitReason::Exited(0));
}

#[test]
fn what_is_written_beside_a_buffer_lands_in_its_guard() {
    let mut runner = Runner::simulated("64MiB");
    let guarded = Buffer {
        guard_bytes: 64,
        ..floats(3, 1)
    };
    runner.ready(&[guarded], vec![step("scale", 4, &[bits(0.0), 4])]);
    let all = place(0, 64 + 12 + 64);
    runner.done(&Request::Write(all), &[0x41; 140]);
    runner.done(&CALL, &[]);
    let bytes = runner.read(all);
    assert!(bytes[..64].iter().all(|byte| *byte == 0x41));
    assert_eq!(bytes[64..80], [0; 16]);
    assert!(bytes[80..].iter().all(|byte| *byte == 0x41));
}

#[test]
fn shared_memory_beyond_48_kib_and_blocks_that_wait_for_each_other() {
    let mut runner = Runner::simulated("64MiB");
    let large = Step {
        shared_bytes: 49152 + 16,
        cooperative: true,
        ..step("reversed", 4, &[])
    };
    runner.ready(&[floats(4, 1)], vec![large]);
    runner.write(0, &[1.0, 2.0, 3.0, 4.0]);
    runner.done(&CALL, &[]);
    assert_eq!(runner.floats(0, 4), [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(runner.findings(), "");
}

#[test]
fn what_the_device_refuses_leaves_the_runner_as_it_was() {
    let mut runner = Runner::simulated("16MiB");
    let refused = |reply: Reply, words: &[&str]| {
        let Reply::Refused(text) = reply else {
            panic!("{reply:?}")
        };
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    let clusters = Step {
        cluster: Some([1, 1, 1]),
        ..step("scale", 1, &[bits(1.0), 1])
    };
    runner.ready(&[floats(1, 1)], vec![clusters]);
    refused(
        runner.ask(&CALL, &[]),
        &["step 1 (kernel `scale`)", "CUDA_ERROR_NOT_SUPPORTED"],
    );
    let huge = Program {
        buffers: vec![floats(1 << 23, 1)],
        ..Program::default()
    };
    let reply = runner.ask(&Request::Arrange(huge), &[]);
    refused(reply, &["CUDA_ERROR_OUT_OF_MEMORY"]);
    let one = |kernel: &str| Program {
        buffers: vec![floats(1, 1)],
        prepare: Vec::new(),
        steps: vec![step(kernel, 1, &[bits(1.0), 1])],
    };
    runner.ask(&Request::Arrange(one("scales")), &[]);
    let reply = runner.ask(&Request::Load, PTX.as_bytes());
    refused(reply, &["there is no kernel `scales`"]);
    let reply = runner.ask(&Request::Load, b".version 8.3\n.target sm_80\n.entry");
    refused(reply, &["CUDA_ERROR_INVALID_PTX", "line 3"]);
    refused(runner.ask(&CALL, &[]), &["nothing is loaded"]);
    let far = Request::Write(Place {
        at: u64::MAX,
        ..place(0, 4)
    });
    refused(runner.ask(&far, &[0; 4]), &["no 4 bytes"]);
    runner.ask(&Request::Arrange(one("scale")), &[]);
    runner.done(&Request::Load, PTX.as_bytes());
    runner.write(0, &[1.0]);
    runner.done(&CALL, &[]);
}

#[test]
fn a_kernel_that_never_ends_is_found() {
    let mut runner = Runner::simulated("64MiB");
    runner.ready(&[floats(1, 1)], vec![step("endless", 1, &[])]);
    let Reply::Broken(fault) = runner.ask(&CALL, &[]) else {
        panic!("it has ended")
    };
    assert_eq!(fault.error, "CUDA_ERROR_LAUNCH_TIMEOUT");
    assert!(runner.findings().contains("\"code\":\"too-long\""));
}

#[test]
fn without_a_driver_that_is_what_it_says() {
    if std::path::Path::new("/dev/nvidiactl").exists() {
        eprintln!("skipped: this machine has a GPU");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut runner = Runner::start(Policy::trusted(), folder);
    let Reply::Refused(text) = runner.ask(&Request::Open, &[]) else {
        panic!("there is no driver")
    };
    assert!(text.contains("libcuda.so.1 can't be loaded"), "{text}");
}
