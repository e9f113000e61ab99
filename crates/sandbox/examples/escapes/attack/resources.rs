//! Using more than was given. Every attack ends by itself, so that it can run
//! without a sandbox too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::FromRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Target, attempt, got, refused};

const MIB: usize = 1 << 20;

/// Children that live as long as this process.
fn children(count: usize, mut work: impl FnMut()) -> io::Result<usize> {
    for made in 0..count {
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            -1 => {
                return if made == 0 {
                    Err(io::Error::last_os_error())
                } else {
                    Ok(made)
                };
            }
            0 => {
                // SAFETY: plain numbers.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                work();
                loop {
                    // SAFETY: no preconditions.
                    unsafe { libc::pause() };
                }
            }
            _ => {}
        }
    }
    Ok(count)
}

pub(super) fn fork(count: usize) {
    match children(count, || {}) {
        Ok(made) if made == count => got(format!("{made} processes")),
        Ok(made) => println!("forked {made}"),
        Err(error) => refused("processes", error),
    }
}

fn touch(bytes: usize) {
    let memory = vec![1_u8; bytes].into_boxed_slice();
    std::hint::black_box(Box::leak(memory));
}

pub(super) fn memory(mib: usize) {
    touch(mib * MIB);
    got(format!("{mib} MiB"));
}

/// Many processes with little each, once all of them have it.
pub(super) fn memory_many(mib: usize) {
    const EACH: usize = 20;
    let Ok((mut reader, mut writer)) = io::pipe() else {
        return refused("a pipe", io::Error::last_os_error());
    };
    let count = mib / EACH;
    let made = children(count, || {
        touch(EACH * MIB);
        let _ = writer.write_all(b"x");
        wait_a_little();
    });
    let mut ready = vec![0; count];
    match made {
        Ok(made) if made == count && reader.read_exact(&mut ready).is_ok() => {
            wait_a_little();
            got(format!("{mib} MiB in {count} processes"));
        }
        other => refused("processes", format!("{other:?}")),
    }
}

pub(super) fn memory_shared(mib: usize) {
    // SAFETY: a new mapping that is never undone.
    let bytes = unsafe {
        let base = libc::mmap(
            std::ptr::null_mut(),
            mib * MIB,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if base == libc::MAP_FAILED {
            return refused("shared memory", io::Error::last_os_error());
        }
        std::slice::from_raw_parts_mut(base.cast::<u8>(), mib * MIB)
    };
    bytes.fill(1);
    got(format!("{mib} MiB of shared memory"));
}

fn fill(file: &mut File, mib: usize) -> io::Result<()> {
    let block = vec![1; MIB];
    (0..mib).try_for_each(|_| file.write_all(&block))
}

/// Memory that no process has mapped.
pub(super) fn memory_files(mib: usize) {
    const EACH: usize = 10;
    let mut files = Vec::new();
    for _ in 0..mib / EACH {
        // SAFETY: a C string; the new descriptor is ours alone.
        let mut file = unsafe {
            let fd = libc::memfd_create(c"hidden".as_ptr(), 0);
            if fd < 0 {
                return refused("a file in memory", io::Error::last_os_error());
            }
            File::from_raw_fd(fd)
        };
        if let Err(error) = fill(&mut file, EACH) {
            return refused("a file in memory", error);
        }
        files.push(file);
    }
    wait_a_little();
    got(format!("{mib} MiB in files that have no name"));
}

/// Files in folders that lie in memory.
pub(super) fn memory_folders(target: &Target, mib: usize) {
    const EACH: usize = 10;
    let mut any = false;
    for folder in ["/dev/shm", "/", "/dev", "/run"] {
        let names: Vec<PathBuf> = (0..mib / EACH)
            .map(|index| Path::new(folder).join(format!("{}-{index}", target.token())))
            .collect();
        let filled = names
            .iter()
            .try_for_each(|name| fill(&mut File::create(name)?, EACH));
        if filled.is_ok() {
            wait_a_little();
        }
        for name in &names {
            let _ = fs::remove_file(name);
        }
        any |= attempt(format!("{mib} MiB in {folder}"), filled).is_some();
        if any {
            break;
        }
    }
}

/// Longer than any watch takes to look again.
fn wait_a_little() {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(super) fn sparse() {
    let made = File::create("sparse").and_then(|file| file.set_len(1 << 38));
    attempt("a file of 256 GiB without content", made);
}

pub(super) fn disk(mib: usize, nameless: bool) {
    const EACH: usize = 8;
    let mut files = Vec::new();
    let mut one = |index: usize| -> io::Result<()> {
        let name = format!("filler-{index}");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&name)?;
        if nameless {
            fs::remove_file(&name)?;
        }
        fill(&mut file, EACH)?;
        files.push(file);
        Ok(())
    };
    let filled = (0..mib / EACH).try_for_each(&mut one);
    if filled.is_ok() && nameless {
        wait_a_little();
    }
    attempt(format!("{mib} MiB on disk"), filled);
}

pub(super) fn many_files(count: usize) {
    let made = (0..count).try_for_each(|index| File::create(format!("file-{index}")).map(|_| ()));
    attempt(format!("{count} files"), made);
}

/// Folders so deep that a watch with a limited reach would not see the file.
pub(super) fn deep() {
    let down = || -> io::Result<()> {
        for _ in 0..200 {
            fs::create_dir("d")?;
            std::env::set_current_dir("d")?;
        }
        fs::write("hidden", "x")
    };
    attempt("200 folders deep", down());
}

pub(super) fn flood(mib: usize) {
    let block = vec![b'x'; MIB];
    let mut output = io::stdout().lock();
    let written = (0..mib).try_for_each(|_| output.write_all(&block));
    drop(output);
    println!();
    attempt("flooding", written);
}

fn spin(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::black_box(started);
    }
}

/// Two threads, so that no one of them alone reaches a limit.
pub(super) fn burn(ms: u64) {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| spin(Duration::from_millis(ms / 2)));
        }
    });
    got(format!("{ms} ms of processor time"));
}

/// Children that end soon and that nobody waits for.
pub(super) fn burn_children(ms: u64) {
    const EACH: u64 = 40;
    // SAFETY: ignoring is no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    for _ in 0..ms / EACH {
        // SAFETY: this process has one thread.
        unsafe {
            match libc::fork() {
                -1 => return refused("a process", io::Error::last_os_error()),
                0 => {
                    spin(Duration::from_millis(EACH));
                    libc::_exit(0);
                }
                _ => {
                    libc::waitpid(-1, std::ptr::null_mut(), 0);
                }
            }
        }
    }
    got(format!("{ms} ms of processor time in children"));
}
