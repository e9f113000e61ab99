//! The shared object as a program finds it: through cudarc, on the library
//! path of a child process.
//!
//! Each test starts itself again with the stand-in on `LD_LIBRARY_PATH`, and
//! looks at what comes out.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Output;

const CHILD: &str = "CUDA_SIM_TEST_CHILD";

/// The shared object that was built with this test.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    let places = [folder.to_owned(), folder.parent().unwrap().to_owned()];
    let mut paths = places
        .iter()
        .map(|place| place.join("libcuda_sim_driver.so"));
    paths.find(|path| path.exists()).expect("it was built")
}

/// A child's folder, and what it is told.
struct Child {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Child {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["libcuda.so", "libcuda.so.1"] {
            std::os::unix::fs::symlink(library(), folder.path().join(name)).unwrap();
        }
        let findings = folder.path().join("findings.jsonl");
        let variables = vec![
            ("CUDA_SIM_FINDINGS", findings.to_str().unwrap().to_owned()),
            ("CUDA_SIM_MEMORY", "64MiB".to_owned()),
        ];
        Self { folder, variables }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Runs a test of this file in a child.
    #[expect(clippy::disallowed_methods, reason = "a test starts itself again")]
    fn run(&self, test: &str) -> Output {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args([test, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .env("LD_LIBRARY_PATH", self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// As `run`; what it found, a JSON object each.
    fn findings(&self, test: &str) -> (Output, Vec<serde_json::Value>) {
        let output = self.run(test);
        let text = std::fs::read_to_string(self.folder.path().join("findings.jsonl"));
        let lines = text.unwrap_or_default();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (output, lines.collect())
    }
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn well(output: &Output) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

/// What a child does.
mod child {
    use cudarc::driver::sys::{self, CUresult};
    use cudarc::driver::{
        CudaContext, DevicePtr, DriverError, LaunchConfig, PushKernelArg, result,
    };
    use cudarc::nvrtc::Ptx;

    const KERNELS: &str = "
.version 8.3
.target sm_80
.address_size 64
.visible .entry scale(.param .u64 x, .param .f32 by, .param .u32 n)
{
    .reg .pred %p<2>;
    .reg .f32 %f<3>;
    .reg .b32 %r<6>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [x];
    ld.param.f32 %f1, [by];
    ld.param.u32 %r1, [n];
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.s32 %r5, %r2, %r3, %r4;
    setp.ge.u32 %p1, %r5, %r1;
    @%p1 bra done;
    mad.wide.u32 %rd2, %r5, 4, %rd1;
    ld.global.f32 %f2, [%rd2];
    mul.f32 %f2, %f2, %f1;
    st.global.f32 [%rd2], %f2;
done:
    ret;
}";

    fn code<T>(result: Result<T, DriverError>) -> CUresult {
        result.map_or_else(|error| error.0, |_| CUresult::CUDA_SUCCESS)
    }

    pub(super) fn device() {
        let context = CudaContext::new(0).unwrap();
        let name = context.name().unwrap();
        assert_eq!(name, "AlphaLab cuda-sim H100 (simulator)");
        assert_eq!(context.compute_capability().unwrap(), (9, 0));
        assert_eq!(context.total_mem().unwrap(), 64 << 20);
        assert_eq!(CudaContext::device_count().unwrap(), 1);
        let missing = CudaContext::new(1).unwrap_err();
        assert_eq!(missing.0, CUresult::CUDA_ERROR_INVALID_DEVICE);
        assert!(missing.to_string().contains("no such device"));
    }

    pub(super) fn whole_program() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.new_stream().unwrap();
        let module = context.load_module(Ptx::from_src(KERNELS)).unwrap();
        let scale = module.load_function("scale").unwrap();
        let host: Vec<f32> = (0..1000_u16).map(f32::from).collect();
        let mut x = stream.clone_htod(&host).unwrap();
        let launch = |x: &mut cudarc::driver::CudaSlice<f32>, by: f32| {
            let config = LaunchConfig::for_num_elems(1000);
            let mut builder = stream.launch_builder(&scale);
            builder.arg(x).arg(&by).arg(&1000_u32);
            // SAFETY: they are the kernel's arguments.
            unsafe { builder.launch(config) }.unwrap();
        };
        let flags = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
        let start = stream.record_event(flags).unwrap();
        launch(&mut x, 2.0);
        let end = stream.record_event(flags).unwrap();
        assert!(start.elapsed_ms(&end).unwrap() > 0.0);
        let expected: Vec<f32> = host.iter().map(|value| value * 2.0).collect();
        assert_eq!(stream.clone_dtoh(&x).unwrap(), expected);

        // SAFETY: all that follows is in one stream.
        unsafe { context.disable_event_tracking() };
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        stream.begin_capture(mode).unwrap();
        launch(&mut x, 3.0);
        let graph = stream.end_capture(sys::CUgraphInstantiate_flags(0));
        let graph = graph.unwrap().unwrap();
        graph.launch().unwrap();
        graph.launch().unwrap();
        let expected: Vec<f32> = host.iter().map(|value| value * 18.0).collect();
        assert_eq!(stream.clone_dtoh(&x).unwrap(), expected);
    }

    pub(super) fn shared_memory_of_host_and_device() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let module = context.load_module(Ptx::from_src(KERNELS)).unwrap();
        let scale = module.load_function("scale").unwrap();
        // SAFETY: it is written before it is read.
        let mut x = unsafe { context.alloc_unified::<f32>(100, true) }.unwrap();
        x.as_mut_slice().unwrap().fill(2.0);
        let mut builder = stream.launch_builder(&scale);
        builder.arg(&mut x).arg(&4.0_f32).arg(&100_u32);
        // SAFETY: they are the kernel's arguments.
        unsafe { builder.launch(LaunchConfig::for_num_elems(100)) }.unwrap();
        stream.synchronize().unwrap();
        assert_eq!(x.as_slice().unwrap(), [8.0; 100]);
        x.as_mut_slice().unwrap().fill(1.0);
        assert_eq!(stream.clone_dtoh(&x).unwrap(), [1.0; 100]);
    }

    pub(super) fn an_access_beyond_the_end() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let module = context.load_module(Ptx::from_src(KERNELS)).unwrap();
        let scale = module.load_function("scale").unwrap();
        let x = stream.alloc_zeros::<f32>(100).unwrap();
        let mut builder = stream.launch_builder(&scale);
        builder.arg(&x).arg(&4.0_f32).arg(&101_u32);
        // SAFETY: it is wrong, which is what is looked for.
        unsafe { builder.launch(LaunchConfig::for_num_elems(101)) }.unwrap();
        let error = CUresult::CUDA_ERROR_ILLEGAL_ADDRESS;
        assert_eq!(code(stream.synchronize()), error);
        assert_eq!(code(stream.alloc_zeros::<f32>(1)), error);
        assert_eq!(code(context.synchronize()), error);
        assert_eq!(code(stream.clone_dtoh(&x)), error);
    }

    pub(super) fn a_leak() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let x = stream.clone_htod(&[1_u32, 2, 3]).unwrap();
        let _ = x.leak();
        Box::leak(Box::new(context));
    }

    pub(super) fn no_such_device() {
        let error = CudaContext::new(0).unwrap_err();
        assert_eq!(error.0, CUresult::CUDA_ERROR_NO_DEVICE);
    }

    pub(super) fn wrong_arguments() {
        let wild = std::ptr::without_provenance_mut::<std::ffi::c_void>;
        // SAFETY: a wrong handle is looked up, and a null pointer not followed;
        // that is what is tested.
        unsafe {
            let invalid = CUresult::CUDA_ERROR_INVALID_HANDLE;
            let value = CUresult::CUDA_ERROR_INVALID_VALUE;
            let not_yet = sys::cuStreamSynchronize(std::ptr::null_mut());
            assert_eq!(not_yet, CUresult::CUDA_ERROR_NOT_INITIALIZED);
            result::init().unwrap();
            let without = sys::cuStreamSynchronize(std::ptr::null_mut());
            assert_eq!(without, CUresult::CUDA_ERROR_INVALID_CONTEXT);
            let context = CudaContext::new(0).unwrap();
            for bits in [3, 0xdead_beef, usize::MAX, 0x00c5 << 48 | 0x63] {
                assert_eq!(sys::cuStreamSynchronize(wild(bits).cast()), invalid);
                assert_eq!(sys::cuEventQuery(wild(bits).cast()), invalid);
                assert_eq!(sys::cuGraphDestroy(wild(bits).cast()), invalid);
                assert_eq!(sys::cuModuleUnload(wild(bits).cast()), invalid);
                let set = sys::cuCtxSetCurrent(wild(bits).cast());
                assert_eq!(set, CUresult::CUDA_ERROR_INVALID_CONTEXT);
                assert_eq!(sys::cuMemFree_v2(bits as u64), value);
            }
            let event = context.new_event(None).unwrap();
            assert_eq!(sys::cuStreamSynchronize(event.cu_event().cast()), invalid);
            assert_eq!(sys::cuMemAlloc_v2(std::ptr::null_mut(), 8), value);
            let mut module = std::ptr::null_mut();
            let nothing = sys::cuModuleLoadData(&raw mut module, std::ptr::null());
            assert_eq!(nothing, value);

            let elf = b"\x7fELF\x02\x01\x01\x00";
            let binary = sys::cuModuleLoadData(&raw mut module, elf.as_ptr().cast());
            assert_eq!(binary, CUresult::CUDA_ERROR_INVALID_IMAGE);

            // The reason is in the log that a program hands over.
            let text = KERNELS.replace("mul.f32", "mul.f33") + "\0";
            let mut log = [1_u8; 64];
            let mut kinds = [
                sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER,
                sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
            ];
            let mut values = [log.as_mut_ptr().cast(), wild(log.len())];
            let loaded = sys::cuModuleLoadDataEx(
                &raw mut module,
                text.as_ptr().cast(),
                2,
                kinds.as_mut_ptr(),
                values.as_mut_ptr(),
            );
            assert_ne!(loaded, CUresult::CUDA_SUCCESS);
            let length = values[1].addr();
            assert!((10..64).contains(&length));
            assert_eq!(log[length], 0);
            let said = std::str::from_utf8(&log[..length]).unwrap();
            assert!(said.contains("mul.f33"), "{said}");
        }
    }

    pub(super) fn names() {
        let mut found = std::ptr::null_mut();
        let mut version = 0;
        // SAFETY: outputs are there.
        unsafe {
            let success = CUresult::CUDA_SUCCESS;
            assert_eq!(sys::cuDriverGetVersion(&raw mut version), success);
            assert_eq!(version, 13_000);
            for name in [c"cuInit", c"cuMemAlloc", c"cuCtxCreate", c"cuGraphLaunch"] {
                let mut status =
                    sys::CUdriverProcAddressQueryResult::CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
                let looked = sys::cuGetProcAddress_v2(
                    name.as_ptr(),
                    &raw mut found,
                    version,
                    0,
                    &raw mut status,
                );
                assert_eq!(looked, success, "{name:?}");
                assert!(!found.is_null());
            }
            let mut table = std::ptr::null();
            let none = sys::cuGetExportTable(&raw mut table, std::ptr::null());
            assert_eq!(none, CUresult::CUDA_ERROR_NOT_FOUND);
        }
    }

    pub(super) fn printing() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prints.ptx");
        let text = std::fs::read_to_string(path).unwrap();
        let module = context.load_module(Ptx::from_src(text)).unwrap();
        let prints = module.load_function("prints").unwrap();
        let mut builder = stream.launch_builder(&prints);
        builder.arg(&7_i32);
        // SAFETY: it is the kernel's argument.
        unsafe { builder.launch(LaunchConfig::for_num_elems(1)) }.unwrap();
        stream.synchronize().unwrap();
    }

    /// The address of a slice, to be found in a finding.
    pub(super) fn use_after_free() {
        let context = CudaContext::new(0).unwrap();
        let stream = context.default_stream();
        let module = context.load_module(Ptx::from_src(KERNELS)).unwrap();
        let scale = module.load_function("scale").unwrap();
        let x = stream.alloc_zeros::<f32>(100).unwrap();
        let address = x.device_ptr(&stream).0;
        drop(x);
        let mut builder = stream.launch_builder(&scale);
        builder.arg(&address).arg(&4.0_f32).arg(&1_u32);
        // SAFETY: it is wrong, which is what is looked for.
        unsafe { builder.launch(LaunchConfig::for_num_elems(1)) }.unwrap();
        let error = CUresult::CUDA_ERROR_ILLEGAL_ADDRESS;
        assert_eq!(code(stream.synchronize()), error);
    }
}

#[test]
fn a_device_says_that_it_is_simulated() {
    if is_child() {
        return child::device();
    }
    let child = Child::new().with("CUDA_SIM_DEVICE", "h100");
    let (output, findings) = child.findings("a_device_says_that_it_is_simulated");
    well(&output);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn a_program_of_cudarc_runs() {
    if is_child() {
        return child::whole_program();
    }
    let mut child = Child::new();
    let launches = child.folder.path().join("launches.jsonl");
    child = child.with("CUDA_SIM_LAUNCHES", launches.to_str().unwrap());
    let (output, findings) = child.findings("a_program_of_cudarc_runs");
    well(&output);
    assert!(findings.is_empty(), "{findings:?}");
    let text = std::fs::read_to_string(launches).unwrap();
    let launches: Vec<cuda_sim_driver::Launched> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(launches.len(), 3);
    for launched in launches {
        assert_eq!(
            (launched.kernel.as_str(), launched.complete),
            ("scale", true)
        );
        assert_eq!((launched.grid, launched.block), ([1, 1, 1], [1024, 1, 1]));
        assert_eq!(launched.counts.flops, 1000);
        assert_eq!(launched.counters.stores.bytes, 4000);
    }
}

#[test]
fn host_and_device_share_memory() {
    if is_child() {
        return child::shared_memory_of_host_and_device();
    }
    let (output, findings) = Child::new().findings("host_and_device_share_memory");
    well(&output);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn an_illegal_access_is_an_error_and_a_finding() {
    if is_child() {
        return child::an_access_beyond_the_end();
    }
    let (output, findings) = Child::new().findings("an_illegal_access_is_an_error_and_a_finding");
    well(&output);
    let found = &findings[0];
    assert_eq!(found["code"], "out-of-bounds");
    assert_eq!(found["error"], "CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_eq!(found["kernel"], "scale");
    assert_eq!(found["thread"], serde_json::json!([100, 0, 0]));
    assert_eq!(found["memory"]["buffer"]["offset"], 400);
}

#[test]
fn without_a_file_findings_are_told_on_standard_error() {
    if is_child() {
        return child::use_after_free();
    }
    let child = Child::new();
    let child = Child {
        variables: Vec::new(),
        ..child
    };
    let output = child.run("without_a_file_findings_are_told_on_standard_error");
    well(&output);
    let said = text(&output.stderr);
    let expected = "cuda-sim: read after release in `scale` at line ";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn what_is_never_freed_is_found_when_the_program_ends() {
    if is_child() {
        return child::a_leak();
    }
    let test = "what_is_never_freed_is_found_when_the_program_ends";
    let (output, findings) = Child::new().findings(test);
    well(&output);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "leak");
    assert_eq!(findings[0]["fatal"], false);
    assert_eq!(findings[0]["memory"]["bytes"], 12);
}

#[test]
fn an_unknown_device_is_none() {
    if is_child() {
        return child::no_such_device();
    }
    let child = Child::new().with("CUDA_SIM_DEVICE", "V100");
    let output = child.run("an_unknown_device_is_none");
    well(&output);
    let said = text(&output.stderr);
    let expected = "CUDA_SIM_DEVICE=V100 is not known; there are A100, H100, B200";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn wrong_arguments_do_no_harm() {
    if is_child() {
        return child::wrong_arguments();
    }
    well(&Child::new().run("wrong_arguments_do_no_harm"));
}

#[test]
fn entry_points_are_found_by_name() {
    if is_child() {
        return child::names();
    }
    well(&Child::new().run("entry_points_are_found_by_name"));
}

#[test]
fn what_kernels_print_comes_out_at_a_synchronisation() {
    if is_child() {
        return child::printing();
    }
    let output = Child::new().run("what_kernels_print_comes_out_at_a_synchronisation");
    well(&output);
    let said = text(&output.stdout);
    assert!(said.contains("value 7\n"), "{said}");
}

/// The name in the file is the one that programs load the driver by: whoever
/// preloads it needs no folder.
#[test]
fn it_has_the_name_of_the_driver() {
    let bytes = std::fs::read(library()).unwrap();
    let name = b"libcuda.so.1\0";
    let mut windows = bytes.windows(name.len());
    assert!(windows.any(|window| window == name));
    assert!(Path::new(&library()).file_name().unwrap() == "libcuda_sim_driver.so");
}
