//! What a whole tree of processes uses, looked at from outside.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::process::{self, Seen, Usage};
use crate::walk;

/// The shortest time between two looks at the disk.
const DISK_EVERY: Duration = Duration::from_millis(50);
/// Looking at the disk may take one part in this many of one processor.
const DISK_SHARE: u32 = 10;
/// What the kernel needs for a file in memory besides its content.
const INODE_BYTES: u64 = 1024;

/// A watch over one tree. Processor time of processes that have ended counts,
/// memory is what the tree really holds, files without a name count too.
#[derive(Debug)]
pub(crate) struct TreeWatch {
    cpu: CpuClock,
    disk: DiskWatch,
}

/// What a tree holds beyond what its processes show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl TreeWatch {
    /// Watches a tree that is about to start and may write below `roots`.
    pub(crate) fn new(roots: &[PathBuf]) -> Self {
        Self {
            cpu: CpuClock::default(),
            disk: DiskWatch::new(roots),
        }
    }

    /// Starts to watch; `private_root` is a process whose `/tmp` and
    /// `/dev/shm` are the tree's own.
    pub(crate) fn start(&mut self, private_root: Option<u32>) {
        self.disk.start(private_root);
    }

    /// Sums up. Memory is exact only where the sum over processes, which counts
    /// shared pages more than once, is beyond `limit`.
    pub(crate) fn usage(&mut self, seen: &[Seen], limit: Option<u64>) -> Usage {
        let mut usage = process::usage(seen.iter().map(|process| process.stat));
        usage.cpu_s = self.cpu.update(seen);
        self.disk.tell(seen);
        let objects = self.disk.shared.memory.load(Ordering::Relaxed);
        usage.resident_bytes += objects;
        if limit.is_some_and(|limit| usage.resident_bytes > limit)
            && let Some(exact) = proportional(seen, objects)
        {
            usage.resident_bytes = exact;
        }
        usage
    }

    /// What the writable folders have gained, as last seen.
    pub(crate) fn growth(&self) -> Growth {
        Growth {
            bytes: self.disk.shared.bytes.load(Ordering::Relaxed),
            files: self.disk.shared.files.load(Ordering::Relaxed),
        }
    }

    /// Looks once more, after the end.
    pub(crate) fn last_growth(&mut self) -> Growth {
        self.disk.stop();
        let used = measure(&self.disk.shared.roots, &AtomicBool::new(false));
        used.beyond(self.disk.shared.base)
    }
}

impl Growth {
    fn beyond(self, base: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(base.bytes),
            files: self.files.saturating_sub(base.files),
        }
    }
}

/// Each page counted as the share of it that a process has, `None` where that
/// cannot be read. `objects` are bytes of files in memory, some of which
/// processes have mapped.
fn proportional(seen: &[Seen], objects: u64) -> Option<u64> {
    let (mut total, mut in_files) = (0, 0);
    for process in seen.iter().filter(|process| process.stat.alive()) {
        let Ok(text) = fs::read_to_string(format!("{}/smaps_rollup", process.folder)) else {
            // Gone meanwhile, or a zombie, or not ours to look at.
            if process.stat.resident_pages > 0 && fs::metadata(&process.folder).is_ok() {
                return None;
            }
            continue;
        };
        let field = |name: &str| -> u64 {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next())
                .and_then(|kib| kib.parse::<u64>().ok())
                .map_or(0, |kib| kib * 1024)
        };
        total += field("Pss:");
        in_files += field("Pss_Shmem:");
    }
    Some(total - in_files.min(total) + objects.max(in_files))
}

/// Processor time of a tree, of its dead too.
#[derive(Debug)]
struct CpuClock {
    /// Ticks of the living when last seen.
    living: HashMap<(u32, u64), u64>,
    /// Ticks of the dead when last seen, and an estimate of what they used
    /// after that where nobody waited for them.
    dead: f64,
    /// Ticks that the living have waited for.
    waited: u64,
    looked: Instant,
    most: f64,
}

impl Default for CpuClock {
    fn default() -> Self {
        Self {
            living: HashMap::new(),
            dead: 0.0,
            waited: 0,
            looked: Instant::now(),
            most: 0.0,
        }
    }
}

impl CpuClock {
    /// Time of processes that nobody waited for is in the first sum, time of
    /// those too short-lived to be seen in the second.
    fn update(&mut self, seen: &[Seen]) -> f64 {
        let gap_s = self.looked.elapsed().as_secs_f64();
        self.looked = Instant::now();
        self.advance(seen, gap_s)
    }

    fn advance(&mut self, seen: &[Seen], gap_s: f64) -> f64 {
        let living: HashMap<_, _> = seen
            .iter()
            .map(|process| ((process.pid, process.stat.start), process.stat.cpu_ticks))
            .collect();
        let gone = || {
            self.living
                .iter()
                .filter(|(process, _)| !living.contains_key(*process))
        };
        let gone_ticks = gone().map(|(_, ticks)| ticks).sum::<u64>();
        let waited = seen.iter().map(|process| process.stat.waited_ticks).sum();
        self.dead += gone_ticks as f64;
        if waited < self.waited + gone_ticks || waited == self.waited {
            // Nobody waited, so what they and others like them used since the
            // last look is in no count: as much as they can have.
            let processors = thread::available_parallelism().map_or(1, usize::from);
            let busy = gone().count().min(processors) as f64;
            self.dead += busy * gap_s * process::ticks_per_s();
        }
        let observed = self.dead + living.values().sum::<u64>() as f64;
        let own: u64 = seen.iter().map(|process| process.stat.cpu_ticks).sum();
        self.living = living;
        self.waited = waited;
        self.most = self.most.max(observed).max((own + waited) as f64);
        self.most / process::ticks_per_s()
    }
}

/// A thread that looks at the disk, so that a large folder delays no other
/// watch.
#[derive(Debug)]
struct DiskWatch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    roots: Vec<PathBuf>,
    base: Growth,
    /// Growth of the folders, with open files that have no name.
    bytes: AtomicU64,
    files: AtomicU64,
    /// Files in memory: anonymous ones, `/tmp`, `/dev/shm`.
    memory: AtomicU64,
    /// Folders in `/proc` of the living.
    processes: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl DiskWatch {
    fn new(roots: &[PathBuf]) -> Self {
        // A root inside another would count twice.
        let roots: Vec<PathBuf> = roots
            .iter()
            .filter(|root| {
                !roots
                    .iter()
                    .any(|other| other != *root && root.starts_with(other))
            })
            .cloned()
            .collect();
        let base = measure(&roots, &AtomicBool::new(false));
        Self {
            shared: Arc::new(Shared {
                roots,
                base,
                bytes: AtomicU64::new(0),
                files: AtomicU64::new(0),
                memory: AtomicU64::new(0),
                processes: Mutex::new(Vec::new()),
                stop: AtomicBool::new(false),
            }),
            thread: None,
        }
    }

    fn start(&mut self, private_root: Option<u32>) {
        let shared = Arc::clone(&self.shared);
        // Without the thread the kernel's own limits are still there.
        self.thread = thread::Builder::new()
            .name("sandbox-disk".into())
            .spawn(move || shared.run(private_root))
            .ok();
    }

    fn tell(&self, seen: &[Seen]) {
        let folders = seen
            .iter()
            .filter(|process| process.stat.alive())
            .map(|process| process.folder.clone())
            .collect();
        *self
            .shared
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = folders;
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It can only have panicked, and has nothing to hand over.
            let _ = thread.join();
        }
    }
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(&self, private_root: Option<u32>) {
        while !self.stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            let nameless = self.nameless();
            let growth = measure(&self.roots, &self.stop).beyond(self.base);
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let private = private_root.map_or(0, in_memory);
            self.bytes
                .store(growth.bytes + nameless.disk, Ordering::Relaxed);
            self.files.store(growth.files, Ordering::Relaxed);
            self.memory
                .store(private + nameless.memory, Ordering::Relaxed);
            let pause = started.elapsed() * DISK_SHARE;
            thread::park_timeout(pause.max(DISK_EVERY));
        }
    }

    /// Open files that have no name: a walk does not see them.
    fn nameless(&self) -> Nameless {
        let processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut found = Nameless::default();
        let mut counted = HashSet::new();
        for folder in processes {
            for fd in process::numeric_entries(&format!("{folder}/fd")) {
                let path = format!("{folder}/fd/{fd}");
                let Some((identity, bytes)) = unlinked(Path::new(&path)) else {
                    continue;
                };
                if !counted.insert(identity) {
                    continue;
                }
                if is_memory(&path) {
                    found.memory += bytes;
                } else {
                    found.disk += bytes;
                }
            }
        }
        found
    }
}

#[derive(Debug, Default)]
struct Nameless {
    disk: u64,
    memory: u64,
}

/// Identity and size of an open regular file that has no name.
fn unlinked(path: &Path) -> Option<((u64, u64), u64)> {
    use std::os::unix::fs::MetadataExt;
    let data = fs::metadata(path).ok()?;
    (data.is_file() && data.nlink() == 0).then(|| ((data.dev(), data.ino()), data.blocks() * 512))
}

/// Whether a file's system keeps it in memory.
fn is_memory(path: &str) -> bool {
    statfs(path).is_some_and(|system| system.f_type == libc::TMPFS_MAGIC)
}

fn statfs(path: &str) -> Option<libc::statfs> {
    let path = std::ffi::CString::new(path).ok()?;
    // SAFETY: all-zero is a valid `statfs`; both pointers are to live objects.
    unsafe {
        let mut system: libc::statfs = std::mem::zeroed();
        (libc::statfs(path.as_ptr(), &raw mut system) == 0).then_some(system)
    }
}

/// Bytes in the private `/tmp` and `/dev/shm` of a process.
fn in_memory(process: u32) -> u64 {
    ["tmp", "dev/shm"]
        .iter()
        .filter_map(|folder| statfs(&format!("/proc/{process}/root/{folder}")))
        .filter(|system| system.f_type == libc::TMPFS_MAGIC)
        .map(|system| {
            let blocks = system.f_blocks.saturating_sub(system.f_bfree);
            let files = system.f_files.saturating_sub(system.f_ffree);
            blocks * system.f_bsize.unsigned_abs() + files * INODE_BYTES
        })
        .sum()
}

/// What the folders hold.
fn measure(roots: &[PathBuf], stop: &AtomicBool) -> Growth {
    let mut total = Growth::default();
    let mut linked = HashSet::new();
    for root in roots {
        // A root that its owner took away holds nothing.
        let _ = walk::walk(root, &mut |entry| {
            if stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            total.files += 1;
            if entry.too_deep {
                // Nobody builds this but to hide something.
                total.files = u64::MAX / 2;
            }
            let more_names = !entry.is_folder() && entry.stat.st_nlink > 1;
            if !more_names || linked.insert(entry.identity()) {
                total.bytes += entry.stat.st_blocks.unsigned_abs() * 512;
            }
            ControlFlow::Continue(())
        });
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Stat;

    fn seen(pid: u32, start: u64, cpu_ticks: u64, waited_ticks: u64) -> Seen {
        let line = format!(
            "{pid} (x) R 1 2 3 4 5 6 7 8 9 10 {cpu_ticks} 0 {waited_ticks} 0 0 0 1 0 {start} 0 0"
        );
        Seen {
            pid,
            folder: format!("/proc/{pid}"),
            stat: Stat::parse(line.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn the_dead_are_counted_whether_or_not_they_were_waited_for() {
        let mut clock = CpuClock::default();
        let gap_s = 7.0 / process::ticks_per_s();
        let mut ticks =
            |seen: &[Seen]| (clock.advance(seen, gap_s) * process::ticks_per_s()).round() as u64;
        assert_eq!(ticks(&[seen(1, 1, 10, 0), seen(2, 5, 30, 0)]), 40);
        // 2 ended and nobody waited, so it may have used the gap too; its
        // number is used again.
        assert_eq!(ticks(&[seen(1, 1, 10, 0), seen(2, 9, 5, 0)]), 45 + 7);
        // 1 waited for that, and for many that were never seen.
        assert_eq!(ticks(&[seen(1, 1, 10, 500)]), 510);
        assert_eq!(ticks(&[seen(1, 1, 20, 500)]), 520);
    }

    #[test]
    fn growth_counts_links_once_and_sparse_files_by_their_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let roots = [folder.path().to_owned(), folder.path().join("inner")];
        fs::create_dir(&roots[1]).unwrap();
        let mut watch = TreeWatch::new(&roots);
        fs::write(folder.path().join("a"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(folder.path().join("a"), roots[1].join("b")).unwrap();
        let sparse = fs::File::create(folder.path().join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let growth = watch.last_growth();
        assert_eq!(growth.files, 3);
        assert!((1 << 20..2 << 20).contains(&growth.bytes), "{growth:?}");
    }
}
