//! One runner process, and the conversation with it.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_cuda::wire::{Channel, ChannelError, Facts, Reply, Request, SOCKET_FD};
use sandbox::{Child, Command, ExitReason, Limits, Output, Policy, SpawnError};

use crate::error::HarnessError;

/// Longest start: the loader maps the driver, which makes a context.
const START: Duration = Duration::from_mins(1);
/// How long a process that has closed its socket may take to end.
const ENDING: Duration = Duration::from_secs(2);
/// Most address space: the simulated device's memory and what the simulator keeps about it.
const ADDRESS_SPACE_BYTES: u64 = 32 << 30;
/// Largest file that it writes: what it finds.
const FILE_BYTES: u64 = 256 << 20;
/// Memory of the simulated device.
const DEVICE_MEMORY: &str = "4GiB";
/// Instructions that one warp may run in a launch. A small size needs a thousandth of them; a
/// kernel that never ends has used them up in seconds.
const BUDGET: &str = "33554432";

/// Where NVIDIA's driver puts its libraries beside the system's own: in containers, and on
/// Windows' Linux.
const LIBRARIES: [&str; 2] = ["/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"];
/// What the driver reads about the machine.
const MACHINE: [&str; 2] = ["/sys/bus/pci", "/sys/devices"];

/// Folders and files in a runner's room.
const STAND_IN: &str = "stand-in";
const FOUND: &str = "found";
const WORDS: &str = "stderr";
/// Files in its folder of what was found.
pub(super) const FINDINGS: &str = "findings.jsonl";
pub(super) const LAUNCHES: &str = "launches.jsonl";

/// What every runner of a device has in common.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    /// The runner.
    pub(super) program: PathBuf,
    /// Whose driver it loads.
    pub(super) driver: Driver,
    /// Logical processors to run on.
    pub(super) cpus: Vec<usize>,
}

/// The driver that a runner loads.
#[derive(Clone, Debug)]
pub(super) enum Driver {
    /// The simulator's.
    StandIn {
        /// The library.
        library: PathBuf,
        /// Name of the device that is simulated.
        device: &'static str,
    },
    /// The system's.
    System {
        /// Which GPU, as `CUDA_VISIBLE_DEVICES` has it.
        gpu: String,
        /// The driver's device nodes and folders of them.
        nodes: Vec<PathBuf>,
    },
}

/// How a question was answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// So.
    Reply(Reply),
    /// Not in time; the process is no more.
    Silent,
    /// It ended instead.
    Died(ExitReason),
}

/// A started runner with a context.
#[derive(Debug)]
pub(super) struct Runner {
    channel: Channel,
    child: Child,
    room: tempfile::TempDir,
    facts: Facts,
}

impl Runner {
    /// Starts one and waits until it has a context.
    pub(super) fn start(spec: &Spec) -> Result<Self, HarnessError> {
        let room = make_room(&spec.driver)?;
        let (ours, theirs) = UnixStream::pair().map_err(|source| HarnessError::System {
            doing: "make a socket for the CUDA runner".to_owned(),
            source,
        })?;
        let policy = policy(spec, room.path());
        let spawn = |policy: Policy| -> Result<Result<Child, SpawnError>, HarnessError> {
            let theirs = theirs.try_clone().map_err(|source| HarnessError::System {
                doing: "duplicate the CUDA runner's socket".to_owned(),
                source,
            })?;
            Ok(Command::new(&spec.program, policy, limits(&spec.driver))
                .inherit_fd(theirs, SOCKET_FD)
                .stderr(Output::File(words(room.path())?))
                .spawn())
        };
        let child = match spawn(policy.clone())? {
            // A checkout that only its owner may enter: no other user can run it there.
            Err(SpawnError::Unreadable { .. }) => spawn(Policy {
                drop_user: false,
                ..policy
            })?,
            other => other,
        };
        let child = child.map_err(HarnessError::process("start the CUDA runner"))?;
        drop(theirs);
        let mut runner = Self {
            channel: Channel::new(ours),
            child,
            room,
            facts: Facts::default(),
        };
        let problem = match runner.ask(&Request::Open, &[], START)? {
            Answer::Reply(Reply::Opened(facts)) => {
                runner.facts = facts;
                return Ok(runner);
            }
            // The machine's affair: no driver, an old one, no device.
            Answer::Reply(Reply::Refused(text)) => return Err(HarnessError::CudaInput(text)),
            Answer::Reply(other) => format!("{other:?}"),
            Answer::Silent => format!("no answer within {} s", START.as_secs()),
            Answer::Died(reason) => format!("{reason}; {}", runner.last_words()),
        };
        Err(HarnessError::Runner {
            doing: "open the CUDA device",
            problem,
        })
    }

    /// What its device says about itself.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A file of what was found.
    pub(super) fn found(&self, name: &str) -> PathBuf {
        self.room.path().join(FOUND).join(name)
    }

    /// Asks, and waits at most for `limit`. What comes behind the answer's head is to be
    /// taken by [`Self::take`].
    pub(super) fn ask(
        &mut self,
        request: &Request,
        bytes: &[u8],
        limit: Duration,
    ) -> Result<Answer, HarnessError> {
        let asked = self
            .channel
            .set_patience(Some(limit))
            .and_then(|()| self.channel.send(request, bytes))
            .and_then(|()| self.channel.receive());
        match asked {
            Ok((reply, _)) => Ok(Answer::Reply(reply)),
            Err(ChannelError::Silent) => {
                self.kill()?;
                Ok(Answer::Silent)
            }
            Err(ChannelError::Gone) => self.post_mortem().map(Answer::Died),
            Err(error) => Err(HarnessError::process("talk to the CUDA runner")(error)),
        }
    }

    /// Takes the bytes behind an answer.
    pub(super) fn take(&mut self, into: &mut [u8]) -> Result<(), HarnessError> {
        self.channel
            .take(into)
            .map_err(HarnessError::process("read from the CUDA runner"))
    }

    fn kill(&mut self) -> Result<(), HarnessError> {
        let killed = self.child.kill_tree().map(drop);
        killed.map_err(HarnessError::process("end the CUDA runner"))
    }

    fn post_mortem(&mut self) -> Result<ExitReason, HarnessError> {
        let reason = self
            .child
            .wait_timeout(ENDING)
            .map_err(HarnessError::process("wait for the CUDA runner"))?;
        match reason {
            Some(reason) => Ok(reason),
            None => Err(HarnessError::Runner {
                doing: "answer",
                problem: "the CUDA runner has closed its socket though it is alive".to_owned(),
            }),
        }
    }

    /// The end of what it wrote to its standard error, on one line.
    pub(super) fn last_words(&self) -> String {
        const SHOWN: usize = 4;
        let text = fs::read(self.room.path().join(WORDS)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join(" | ")
    }
}

fn policy(spec: &Spec, room: &Path) -> Policy {
    let mut policy = match &spec.driver {
        Driver::StandIn { library, device } => {
            let found = room.join(FOUND);
            let read_only = [room.join(STAND_IN), library.clone()];
            let mut policy = Policy::runner(read_only)
                .env("LD_LIBRARY_PATH", room.join(STAND_IN))
                .env("ALPHALAB_NVML", "off")
                .env("CUDA_SIM_DEVICE", device)
                .env("CUDA_SIM_MEMORY", DEVICE_MEMORY)
                .env("CUDA_SIM_BUDGET", BUDGET)
                .env("CUDA_SIM_THREADS", spec.cpus.len().to_string())
                .env("CUDA_SIM_FINDINGS", found.join(FINDINGS))
                .env("CUDA_SIM_LAUNCHES", found.join(LAUNCHES));
            policy.read_write = vec![found];
            policy
        }
        Driver::System { gpu, nodes } => {
            let present = |paths: &[&str]| -> Vec<PathBuf> {
                let paths = paths.iter().map(PathBuf::from);
                paths.filter(|path| path.exists()).collect()
            };
            let mut policy = Policy::runner(present(&MACHINE))
                .env("CUDA_VISIBLE_DEVICES", gpu)
                .env("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
                .env("CUDA_CACHE_DISABLE", "1");
            // Only folders of the system's base, which is visible anyway.
            if let Ok(path) = std::env::join_paths(present(&LIBRARIES)) {
                policy = policy.env("LD_LIBRARY_PATH", path);
            }
            policy.devices.clone_from(nodes);
            // Where an administrator has given the nodes to a group, nobody can't open them.
            policy.drop_user = nodes.iter().all(|node| is_open_to_all(node));
            policy
        }
    };
    policy.cpus = Some(spec.cpus.clone());
    policy
}

/// Whether every user may use a node; a folder of nodes is nobody's hindrance, since what lies in
/// it is for administration.
fn is_open_to_all(node: &Path) -> bool {
    const OTHERS: u32 = 0o006;
    fs::metadata(node)
        .is_ok_and(|data| data.is_dir() || data.permissions().mode() & OTHERS == OTHERS)
}

/// A driver maps all memory of all GPUs into one space of addresses, so that on a GPU there is
/// no limit for those.
fn limits(driver: &Driver) -> Limits {
    Limits {
        address_space_bytes: match driver {
            Driver::StandIn { .. } => Some(ADDRESS_SPACE_BYTES),
            Driver::System { .. } => None,
        },
        file_size_bytes: Some(FILE_BYTES),
        ..Limits::none()
    }
}

/// A folder with the stand-in under the names that programs look for: the one
/// without a number is tried first, and a real driver must not be found by it.
fn make_room(driver: &Driver) -> Result<tempfile::TempDir, HarnessError> {
    let make = || {
        let room = tempfile::Builder::new()
            .prefix("alphalab-cuda-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        for folder in [STAND_IN, FOUND] {
            fs::create_dir(room.path().join(folder))?;
        }
        if let Driver::StandIn { library, .. } = driver {
            for name in ["libcuda.so", "libcuda.so.1"] {
                symlink(library, room.path().join(STAND_IN).join(name))?;
            }
        }
        Ok(room)
    };
    make().map_err(|source| HarnessError::System {
        doing: "create a folder for the CUDA runner".to_owned(),
        source,
    })
}

/// Its standard error.
fn words(room: &Path) -> Result<File, HarnessError> {
    let path = room.join(WORDS);
    let opened = File::options().append(true).create(true).open(&path);
    opened.map_err(|source| HarnessError::File {
        doing: "create",
        path,
        source,
    })
}
