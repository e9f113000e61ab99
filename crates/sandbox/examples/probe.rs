//! A program for the tests to run confined: each argument list makes it do one
//! thing a well-behaved or hostile program may do.
//!
//! Usage: `probe VERB [ARGUMENT]…`; see `main` for the verbs.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sandbox::lockdown::{self, FaultRecord, LockdownLimits};
use sandbox::{Backend, BackendChoice, Command, Limits, Output, Policy};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["connect", address] => connect(address),
        ["hog", bytes] => hog(number(bytes)),
        ["fork-for-ever"] => fork_for_ever(),
        ["spin", threads] => spin(number(threads)),
        ["serve", bytes] => serve(number(bytes)),
        ["escape"] => escape(),
        ["spawn-escape", backend] => spawn_escape(backend),
        ["affinity"] => println!("{}", affinity()),
        ["descriptors"] => descriptors(),
        ["locked", deed] => locked(deed),
        _ => panic!("unknown verb in {arguments:?}"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Tries to reach a listener.
fn connect(address: &str) {
    let address = address.parse().expect("an address");
    match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
        Ok(_) => println!("connected"),
        Err(error) => println!("refused: {error}"),
    }
}

/// Touches this much memory, then waits to be killed.
fn hog(bytes: usize) {
    let memory = vec![1_u8; bytes];
    println!(
        "{}",
        memory.iter().map(|&byte| u64::from(byte)).sum::<u64>()
    );
    park();
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

/// Forks until the system refuses; the children stay.
fn fork_for_ever() {
    for count in 0.. {
        // SAFETY: the child of this single-threaded process only sleeps.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: no preconditions.
                unsafe { libc::pause() };
            },
            -1 => {
                println!("{count}");
                return;
            }
            _ => {}
        }
    }
}

/// Burns processor time on this many threads, for ever.
fn spin(threads: usize) {
    let started = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                started.wait();
                loop {
                    std::hint::spin_loop();
                }
            });
        }
        started.wait();
        println!("ready");
        park();
    });
}

/// Prints where a buffer is, then prints its sum for every line it reads.
fn serve(bytes: usize) {
    let buffer: Vec<AtomicU64> = (0..bytes / 8).map(|_| AtomicU64::new(1)).collect();
    println!("{}", buffer.as_ptr() as usize);
    for _ in io::stdin().lock().lines() {
        let sum: u64 = buffer.iter().map(|word| word.load(Ordering::Relaxed)).sum();
        println!("{sum}");
    }
}

/// Leaves a grandchild in a session of its own behind, which keeps all
/// descriptors open, says so, and waits.
fn escape() {
    // SAFETY: this process has one thread; the children only make system calls.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            if libc::fork() == 0 {
                libc::setsid();
                let said = b"escaped\n";
                libc::write(1, said.as_ptr().cast(), said.len());
                loop {
                    libc::pause();
                }
            }
            libc::_exit(0);
        }
    }
    park();
}

/// Spawns `escape` with our descriptor 3, passes its words on, and waits.
fn spawn_escape(backend: &str) {
    let backend = match backend {
        "bubblewrap" => Backend::Bubblewrap,
        "landlock" => Backend::Landlock,
        _ => Backend::None,
    };
    // SAFETY: the test passes this descriptor, which nothing else owns.
    let witness = unsafe { File::from_raw_fd(3) };
    let program = std::env::current_exe().expect("own path");
    // From a thread that ends at once: the child must not end with it.
    let mut child = std::thread::spawn(move || {
        Command::new(program, Policy::isolated(), Limits::none())
            .backend(BackendChoice::Force(backend))
            .arg("escape")
            .stdout(Output::Piped)
            .inherit_fd(witness, 3)
            .spawn()
            .expect("a child")
    })
    .join()
    .expect("no panic");
    let mut said = [0; 8];
    let mut output = child.take_stdout().expect("a pipe");
    output.read_exact(&mut said).expect("its words");
    io::stdout().write_all(&said).expect("a reader");
    park();
}

/// How many processors this process may use.
fn affinity() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// Prints which descriptors are open.
fn descriptors() {
    for fd in 0..256 {
        // SAFETY: asking about a descriptor has no preconditions.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0 {
            println!("{fd}");
        }
    }
}

/// Locks itself down, with a second thread running and the record in
/// descriptor 3, then does the deed.
fn locked(deed: &str) {
    let record = shared_record();
    let barrier = Barrier::new(2);
    // Asking for this later would open files and reserve memory.
    let page = vec![0_u8; 1 << 16];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            lockdown::use_alternate_stack().expect("a signal stack");
            barrier.wait();
            barrier.wait();
            if let Some(deed) = deed.strip_prefix("thread-") {
                act(deed, &page);
            }
            barrier.wait();
        });
        barrier.wait();
        // SAFETY: the mapping is never undone.
        unsafe { lockdown::install_fault_handlers(record) }.expect("handlers");
        let limits = LockdownLimits {
            max_mapping_bytes: 1 << 30,
        };
        lockdown::install(limits).expect("a filter");
        barrier.wait();
        act(deed, &page);
        barrier.wait();
    });
}

/// The record in the memory file that the test passed.
fn shared_record() -> *const FaultRecord {
    // SAFETY: the descriptor is a memory file of one page; the mapping stays.
    unsafe {
        let base = libc::mmap(
            std::ptr::null_mut(),
            size_of::<FaultRecord>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            3,
            0,
        );
        assert_ne!(base, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        base.cast()
    }
}

#[expect(unconditional_recursion, reason = "overflows the stack on purpose")]
fn overflow(depth: &mut [u8; 4096]) -> u8 {
    let mut next = *depth;
    next[0] = next[0].wrapping_add(1);
    std::hint::black_box(&mut next);
    overflow(&mut next).wrapping_add(next[7])
}

/// Does something right or wrong.
fn act(deed: &str, page: &[u8]) {
    // SAFETY: what is wrong here is what the tests are about; it ends this
    // process before it can matter.
    unsafe {
        match deed {
            "compute" => compute(page),
            "clone" => {
                let _ = std::thread::Builder::new().spawn(|| {});
            }
            "fork" => {
                libc::fork();
            }
            "exec" => {
                let path = c"/usr/bin/true".as_ptr();
                libc::execv(path, [path, std::ptr::null()].as_ptr());
            }
            "socket" => {
                libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
            }
            "create" => {
                libc::open(
                    c"/tmp/created".as_ptr(),
                    libc::O_CREAT | libc::O_RDWR,
                    0o600,
                );
            }
            "kill" => {
                libc::kill(libc::getppid(), libc::SIGTERM);
            }
            "alarm" => {
                libc::alarm(1);
            }
            "affinity" => {
                libc::syscall(libc::SYS_sched_setaffinity, 0, 8, &raw const AFFINITY);
            }
            "map" => {
                libc::mmap(
                    std::ptr::null_mut(),
                    2 << 30,
                    libc::PROT_READ,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                );
            }
            "segv" => std::ptr::write_volatile(0x40 as *mut u8, 1),
            "abort" => libc::abort(),
            "divide" => {
                std::arch::asm!("xor edx, edx", "mov eax, 1", "xor ecx, ecx", "div ecx",
                    out("eax") _, out("edx") _, out("ecx") _);
            }
            "illegal" => std::arch::asm!("ud2"),
            "overflow" => {
                std::hint::black_box(overflow(&mut [0; 4096]));
            }
            _ => {}
        }
    }
}

/// One processor.
static AFFINITY: u64 = 1;

/// Everything that an honest kernel's process does: allocate, read a file,
/// load a library, tell the time, sleep, write to an open file.
fn compute(page: &[u8]) {
    let sum: usize = page.iter().map(|&byte| usize::from(byte)).sum();
    let large = vec![1_u8; 64 << 20];
    let mut file = File::open("/usr/bin/true").expect("readable");
    let mut magic = [0; 4];
    file.read_exact(&mut magic).expect("content");
    // SAFETY: loading a system library and finding a function in it.
    let found = unsafe {
        let library = libc::dlopen(c"libm.so.6".as_ptr(), libc::RTLD_NOW);
        !library.is_null() && !libc::dlsym(library, c"cbrt".as_ptr()).is_null()
    };
    std::thread::sleep(Duration::from_micros(1));
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{} {} {found} {}",
        sum + large.len(),
        magic[0],
        output_is_open()
    )
    .expect("a reader");
}

fn output_is_open() -> bool {
    io::stdout().as_raw_fd() == 1
}
