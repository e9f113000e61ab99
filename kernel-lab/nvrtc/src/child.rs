//! The child that compiles: reads a request in its working folder, and leaves
//! what NVRTC made of it there.
//!
//! A program that compiles starts itself again for it, or the program
//! `kernel-nvrtc` of this package.

use std::ffi::{CString, c_char};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use cudarc::nvrtc::{result, sys};

use crate::wire::{Files, REQUEST, Reply, Request};

/// Answers the request in the working folder.
///
/// # Errors
/// A line for whoever started it, if NVRTC can't be used. A source that does
/// not compile is an answer.
pub fn serve() -> Result<(), String> {
    let text =
        std::fs::read(REQUEST).map_err(|error| format!("failed to read {REQUEST}: {error}"))?;
    let request: Request =
        serde_json::from_slice(&text).map_err(|error| format!("{REQUEST}: {error}"))?;
    // cudarc finds the library by its name among those that are loaded, and
    // the library the builtins.
    if let Some(builtins) = &request.builtins {
        preload(builtins)?;
    }
    preload(&request.library)?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: NVRTC writes two integers.
    let asked = unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    asked
        .result()
        .map_err(|error| format!("nvrtcVersion: {error}"))?;
    let next = AtomicUsize::new(0);
    let problem = Mutex::new(Ok(()));
    let work = || {
        while let Some(arch) = request.archs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(what) = answer(&request, arch, (major, minor))
                && let Ok(mut problem) = problem.lock()
            {
                *problem = Err(what);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..request.threads.min(request.archs.len()) {
            scope.spawn(work);
        }
        work();
    });
    problem
        .into_inner()
        .unwrap_or_else(|_| Err("a thread ended".to_owned()))
}

fn write(name: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(name, bytes).map_err(|error| format!("failed to write {name}: {error}"))
}

/// Loads a library for the rest of this process.
fn preload(path: &Path) -> Result<(), String> {
    // SAFETY: runs the initialisers of NVIDIA's own library.
    let library = unsafe { libloading::Library::new(path) };
    let library = library.map_err(|error| format!("failed to load {}: {error}", path.display()))?;
    // It must outlive all calls, and this process ends after them.
    Box::leak(Box::new(library));
    Ok(())
}

fn answer(request: &Request, arch: &str, version: (i32, i32)) -> Result<(), String> {
    let files = Files::of(arch);
    let text =
        |what: &str, text: &str| CString::new(text).map_err(|_| format!("{what} has a zero byte"));
    let source = text("the source", &request.source)?;
    let name = text("the name", &request.name)?;
    let mut options = vec![format!("--gpu-architecture={arch}")];
    options.extend(request.options.iter().cloned());
    let start = Instant::now();
    let program = result::create_program(&source, Some(&name))
        .map_err(|error| format!("nvrtcCreateProgram: {error}"))?;
    // SAFETY: the program was made above and is destroyed below, and source
    // and name live as long.
    let (done, log) = unsafe {
        let done = result::compile_program(program, &options);
        let log = result::get_program_log(program);
        (
            done,
            log.map_err(|error| format!("nvrtcGetProgramLog: {error}"))?,
        )
    };
    let ms = start.elapsed().as_secs_f64() * 1e3;
    if done.is_ok() {
        // SAFETY: as above; it was compiled.
        let ptx = unsafe { result::get_ptx(program) };
        let ptx = ptx.map_err(|error| format!("nvrtcGetPTX: {error}"))?;
        write(&files.ptx, &bytes(&ptx))?;
        write(&files.cubin, &cubin(program)?)?;
    }
    // SAFETY: nobody uses it any more.
    unsafe { result::destroy_program(program) }
        .map_err(|error| format!("nvrtcDestroyProgram: {error}"))?;
    let reply = Reply {
        version,
        ok: done.is_ok(),
        log: String::from_utf8_lossy(&bytes(&log)).into_owned(),
        ms,
    };
    let text = serde_json::to_vec(&reply).map_err(|error| error.to_string())?;
    write(&files.reply, &text)
}

/// Up to the zero byte.
fn bytes(text: &[c_char]) -> Vec<u8> {
    let bytes = text.iter().map(|byte| byte.cast_unsigned());
    bytes.take_while(|byte| *byte != 0).collect()
}

fn cubin(program: sys::nvrtcProgram) -> Result<Vec<u8>, String> {
    let mut size = 0;
    // SAFETY: the program is compiled; NVRTC writes one integer.
    unsafe { sys::nvrtcGetCUBINSize(program, &raw mut size) }
        .result()
        .map_err(|error| format!("nvrtcGetCUBINSize: {error}"))?;
    let mut code = vec![0_u8; size];
    // SAFETY: NVRTC writes as many bytes as it has just said.
    unsafe { sys::nvrtcGetCUBIN(program, code.as_mut_ptr().cast()) }
        .result()
        .map_err(|error| format!("nvrtcGetCUBIN: {error}"))?;
    Ok(code)
}
