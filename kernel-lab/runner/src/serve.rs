//! The runner's loop: wait to be asked, do it, answer.

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use crate::arena::Arena;
use crate::exec::Loaded;
use crate::exercise::Exercise;
use crate::node::Library;
use crate::pool::Pool;
use crate::wire::{CONTROL_FD, Control, MAGIC, Program, Request, Status, futex_wait, futex_wake};

/// The whole of a runner's `main`. `library` executes the library nodes;
/// without one, a program that has any is refused.
pub fn main(library: Option<&dyn Library>) -> ExitCode {
    let Some(cpus) = std::env::args().nth(1).as_deref().and_then(parse_cpus) else {
        eprintln!("kernel-runner is started by kernel-lab; see `kernel-lab --help`");
        return ExitCode::from(2);
    };
    match serve(&cpus, library) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("kernel-runner: {message}");
            ExitCode::FAILURE
        }
    }
}

fn parse_cpus(text: &str) -> Option<Vec<usize>> {
    let cpus: Option<Vec<usize>> = text.split(',').map(|cpu| cpu.parse().ok()).collect();
    cpus.filter(|cpus| !cpus.is_empty())
}

/// What the runner has by now; each request moves it on by one.
enum Stage {
    Idle,
    Arranged(Program, Arena),
    Loaded(Loaded),
}

fn serve(cpus: &[usize], library: Option<&dyn Library>) -> Result<(), String> {
    let control = map_control()?;
    // The main thread's own affinity is set last: libtorch's threads are
    // placed by libgomp from the mask that the process started with.
    if let Some(library) = library {
        library.warm_up(cpus.len());
    }
    let pool = Pool::start(cpus).map_err(|error| chain(&error))?;
    // SAFETY: the control block stays mapped until the process ends.
    unsafe { sandbox::lockdown::install_fault_handlers(&raw const control.fault) }
        .map_err(|error| chain(&error))?;

    let mut stage = Stage::Idle;
    // Only a runner that is asked to needs the memory of an exercise.
    let mut drill = None;
    let mut seen = 0;
    loop {
        let asked = control.asked.load(Ordering::Acquire);
        if asked == seen {
            futex_wait(&control.asked, seen, None);
            continue;
        }
        seen = asked;
        let request = Request::from_u32(control.request.load(Ordering::Acquire));
        let slot = control.slot.load(Ordering::Acquire) as usize;
        let result = match request {
            Some(Request::Null) => Ok(()),
            Some(Request::Exercise) => exercise(&stage, &mut drill, control, &pool),
            Some(Request::Arrange) => arrange(control).map(|next| stage = next),
            Some(Request::Load) => load(&mut stage, pool.parts(), library),
            Some(Request::Prepare) => match &mut stage {
                Stage::Loaded(loaded) => loaded.prepare(&pool).map_err(|error| chain(&error)),
                _ => Err("nothing is loaded".to_owned()),
            },
            Some(Request::Run) => match &mut stage {
                Stage::Loaded(loaded) => loaded.run(slot, &pool).map_err(|error| chain(&error)),
                _ => Err("nothing is loaded".to_owned()),
            },
            None => Err("unknown request".to_owned()),
        };
        let status = match result {
            Ok(()) => Status::Done,
            Err(message) => {
                control.put(message.as_bytes());
                Status::Failed
            }
        };
        control.status.store(status as u32, Ordering::Release);
        control.answered.store(seen, Ordering::Release);
        futex_wake(&control.answered, 1);
    }
}

fn arrange(control: &Control) -> Result<Stage, String> {
    let program: Program = serde_json::from_slice(&control.take())
        .map_err(|error| format!("failed to read the program: {error}"))?;
    let arena = Arena::map(&program).map_err(|error| chain(&error))?;
    control.arena_base.store(arena.base(), Ordering::Release);
    Ok(Stage::Arranged(program, arena))
}

fn exercise(
    stage: &Stage,
    drill: &mut Option<Exercise>,
    control: &Control,
    pool: &Pool,
) -> Result<(), String> {
    if !matches!(stage, Stage::Idle) {
        return Err("the time for exercises is over".to_owned());
    }
    let drill = drill.get_or_insert_with(|| Exercise::new(pool.parts()));
    let work_ns = drill.run(pool).as_nanos();
    control.work_ns.store(work_ns as u64, Ordering::Release);
    Ok(())
}

fn load(stage: &mut Stage, parts: usize, library: Option<&dyn Library>) -> Result<(), String> {
    let Stage::Arranged(program, arena) = &*stage else {
        return Err("nothing is arranged".to_owned());
    };
    sandbox::lockdown::install(sandbox::lockdown::LockdownLimits {
        max_mapping_bytes: program.max_mapping_bytes,
    })
    .map_err(|error| chain(&error))?;
    let loaded = Loaded::load(program, arena, parts, library).map_err(|error| chain(&error))?;
    *stage = Stage::Loaded(loaded);
    Ok(())
}

fn map_control() -> Result<&'static Control, String> {
    // SAFETY: maps a file descriptor that the host handed over; the result
    // is checked below.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size_of::<Control>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            CONTROL_FD,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(format!(
            "failed to map the control block: {}",
            std::io::Error::last_os_error()
        ));
    }
    // SAFETY: the mapping is as large as a Control, page-aligned, lives until
    // the process ends, and every field of Control is valid for any bits.
    let control = unsafe { &*address.cast::<Control>() };
    if control.magic.load(Ordering::Acquire) != MAGIC {
        return Err("the control block is of another version".to_owned());
    }
    Ok(control)
}

/// An error and its sources on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
