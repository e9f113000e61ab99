//! Evaluations in a row leave nothing behind: no process, no file outside the
//! cache, no memory. Some of them here; a hundred, and the memory, with
//! `ALPHALAB_SOAK=1` (`cargo xtask soak leaks`).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{Candidate, Operation, Split};

/// A round of evaluations, each with the word of its verdict: right ones, and
/// those that end their process in each way there is. `product` is on another
/// task and in the other kind of runner.
const ROUND: [(&str, &str); 10] = [
    ("product", "ok"),
    ("honest", "ok"),
    ("returns_nan", "rejected"),
    ("segfault", "crashed"),
    ("compile_error", "rejected"),
    ("forks", "rejected"),
    ("thread_left", "rejected"),
    ("endless_loop", "timed_out"),
    ("honest", "ok"),
    ("product", "ok"),
];
/// Those that are quick, all kinds but one.
const QUICK: usize = 7;

/// Growth of a worker's memory that is none: pages of outputs are kept from one
/// evaluation to the next, and how many there are differs with the number of
/// timed rounds.
const GROWTH: f64 = 1.05;

/// How long what was killed may take to be gone, and what is started to be
/// there.
const SETTLE: Duration = Duration::from_secs(10);

/// What a worker has at a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    /// Processes below this one, by name.
    processes: BTreeMap<String, usize>,
    /// Entries of the folder for temporary files: those of living runners.
    temporary: usize,
    /// Open files of the worker.
    open: usize,
    /// Threads of the worker.
    threads: usize,
}

impl Held {
    fn now(worker: u32, temporary: &Path) -> Self {
        let count = |path: &str| fs::read_dir(path).map_or(0, Iterator::count);
        Self {
            processes: descendants(),
            temporary: files(temporary).len(),
            open: count(&format!("/proc/{worker}/fd")),
            threads: count(&format!("/proc/{worker}/task")),
        }
    }

    /// What there is once nothing comes or goes any more: a runner for the
    /// next candidate may be on its way.
    fn at_rest(worker: u32, temporary: &Path) -> Self {
        const REST: Duration = Duration::from_millis(100);
        const LOOKS: usize = 10;
        let since = Instant::now();
        let (mut last, mut same) = (Self::now(worker, temporary), 0);
        while same < LOOKS && since.elapsed() < SETTLE {
            std::thread::sleep(REST);
            let now = Self::now(worker, temporary);
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    /// What there is once it is `expected`, or after a while.
    fn settled(worker: u32, temporary: &Path, expected: &Self) -> Self {
        let since = Instant::now();
        loop {
            let now = Self::now(worker, temporary);
            if now == *expected || since.elapsed() > SETTLE {
                return now;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Living descendants of this process, by name. Orphans are ours as well:
/// this process adopts them.
fn descendants() -> BTreeMap<String, usize> {
    let mut children: BTreeMap<u32, Vec<(u32, String)>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // One that has just ended has none.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((pid, name, state, parent)) = parse_stat(&stat) else {
            continue;
        };
        // Nobody waits for those that we adopted.
        if state == "Z" && parent == std::process::id() {
            continue;
        }
        children.entry(parent).or_default().push((pid, name));
    }
    let mut names = BTreeMap::new();
    let mut queue = vec![std::process::id()];
    while let Some(pid) = queue.pop() {
        for (child, name) in children.remove(&pid).unwrap_or_default() {
            *names.entry(name).or_default() += 1;
            queue.push(child);
        }
    }
    names
}

/// Process, name, state and parent of `/proc/PID/stat`; a name may hold
/// anything.
fn parse_stat(text: &str) -> Option<(u32, String, &str, u32)> {
    let (start, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut rest = rest.split(' ');
    let state = rest.next()?;
    Some((
        start.parse().ok()?,
        name.to_owned(),
        state,
        rest.next()?.parse().ok()?,
    ))
}

/// All paths below a folder.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut queue = vec![folder.to_owned()];
    while let Some(folder) = queue.pop() {
        // What is gone meanwhile is not there.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                queue.push(entry.path());
            }
            found.insert(entry.path());
        }
    }
    found
}

/// Names in `/dev/shm` that could be a worker's, but for the lock that all
/// workers of a machine share.
fn shared_memory(worker: u32) -> BTreeSet<String> {
    let pid = worker.to_string();
    let names = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.contains("alphalab") || name.contains(&pid))
        .filter(|name| name != "alphalab-measure.lock")
        .collect()
}

/// Memory of a process in MiB: resident, and what only it has.
fn memory_mib(pid: u32) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let sum = |names: &[&str]| -> f64 {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| names.contains(name))
            .filter_map(|(_, value)| value.split_whitespace().next()?.parse::<f64>().ok())
            .sum()
    };
    (
        sum(&["Rss"]) / 1024.0,
        sum(&["Private_Clean", "Private_Dirty"]) / 1024.0,
    )
}

/// Lets this process adopt what a worker's processes leave behind.
fn adopt_orphans() {
    // SAFETY: sets an attribute of this process; no memory is involved.
    let code = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    assert_eq!(code, 0);
}

/// Tasks: a softmax, and a product that a library node makes.
fn tasks(into: &Path) {
    for file in ["softmax_small.py", "softmax_small.toml"] {
        fs::copy(worker::data("tasks").join(file), into.join(file)).unwrap();
    }
    let task = "import torch\n\n\nclass Model(torch.nn.Module):\n    def forward(self, x, y):\n        \
                return x @ y\n\n\ndef get_inputs():\n    return [torch.randn(256, 256), torch.randn(256, 256)]\n";
    fs::write(into.join("product.py"), task).unwrap();
    fs::write(into.join("product.toml"), "[cpu]\n").unwrap();
}

/// An experiment of the round.
fn experiment(name: &str, id: &str, into: &Path) -> PathBuf {
    let dir = into.join(id);
    if name != "product" {
        return worker::experiment(name, "softmax_small", &dir);
    }
    fs::create_dir_all(&dir).unwrap();
    let plan = "schema = 1\n[[step]]\nlibrary = \"aten::mm\"\n\
                inputs = [\"in.0\", \"in.1\"]\noutputs = [\"out.0\"]\n";
    fs::write(dir.join("plan.toml"), plan).unwrap();
    let files = vec!["plan.toml".into()];
    worker::write_experiment(&dir, id, "product", Candidate::Files { files });
    dir
}

#[test]
fn evaluations_in_a_row_leave_nothing_behind() {
    let soak = std::env::var_os("ALPHALAB_SOAK").is_some();
    // The first evaluations load torch's compiler, and the heap grows to what
    // the largest needs.
    let (warm_up, sequence) = if soak {
        (2 * ROUND.len(), ROUND.repeat(10))
    } else {
        let again = &ROUND[1..QUICK];
        (QUICK, [&ROUND[..QUICK], again].concat())
    };

    adopt_orphans();
    // The sandbox's other user has to get through to its folders in there.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let dir = tempfile::Builder::new()
        .permissions(readable)
        .tempdir()
        .unwrap();
    let folder = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (home, temporary, cwd) = (folder("home"), folder("tmp"), folder("cwd"));
    let (task_folder, experiments) = (folder("tasks"), folder("experiments"));
    tasks(&task_folder);
    let task_files = files(&task_folder);
    let cache = std::env::var_os("ALPHALAB_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/alphalab"),
        PathBuf::from,
    );
    let policy = environment::of_labs()
        .env("HOME", &home)
        .env("TMPDIR", &temporary)
        .env("ALPHALAB_CACHE", cache);
    let policy = sandbox::Policy {
        cwd: cwd.clone(),
        ..policy
    };
    let mut lab = worker::start_under(policy, &task_folder, &[]);
    lab.line();
    let pid = lab.child.pid().unwrap();
    let shared = shared_memory(pid);

    let since = Instant::now();
    let mut before = None;
    for (number, (name, verdict)) in (1..).zip(&sequence) {
        let id = format!("e{number:04}");
        let report = lab.report(&Operation::Evaluate {
            dir: experiment(name, &id, &experiments),
            attempt: 1,
            split: Split::Search,
        });
        let reason = report.verdict.reason();
        assert_eq!(report.verdict.word(), *verdict, "{id}, {name}: {reason}");
        let (resident, private) = memory_mib(pid);
        eprintln!(
            "{id} {name}: {verdict}; {:.0} s, {resident:.0} MiB resident, {private:.0} MiB private",
            since.elapsed().as_secs_f64()
        );
        if number == warm_up {
            before = Some((Held::at_rest(pid, &temporary), memory_mib(pid)));
        }
    }
    let (held, (resident, _)) = before.unwrap();
    assert_eq!(Held::settled(pid, &temporary, &held), held);
    let (after, _) = memory_mib(pid);
    // A few evaluations say nothing: where torch's heap grows, it does so by
    // tens of MiB at once.
    assert!(
        !soak || after <= GROWTH * resident,
        "{resident:.0} MiB resident became {after:.0}"
    );
    assert_eq!(files(&home), BTreeSet::new());
    assert_eq!(files(&cwd), BTreeSet::new());
    assert_eq!(files(&task_folder), task_files);

    // A worker that ends takes everything along.
    drop(lab.requests);
    let reason = lab.child.wait().unwrap();
    assert_eq!(reason, sandbox::ExitReason::Exited(0));
    let gone = Held::settled(
        pid,
        &temporary,
        &Held {
            processes: BTreeMap::new(),
            temporary: 0,
            open: 0,
            threads: 0,
        },
    );
    assert!(gone.processes.is_empty(), "{gone:?}");
    assert_eq!(files(&temporary), BTreeSet::new());
    assert_eq!(shared_memory(pid), shared);
}
