//! What an attack finds around it, and what it left changed.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use sandbox::NOBODY;
use tempfile::TempDir;

use crate::attack::CANARY;

/// Folders on the machine where an attack may leave a file of its token.
const ELSEWHERE: &[&str] = &["/", "/tmp", "/var/tmp", "/dev/shm", "/usr", "/etc", "/run"];

/// One attack's surroundings. File permissions allow everything, so that
/// nothing but the sandbox can hold it.
pub(crate) struct Scene {
    folder: TempDir,
    victim: Victim,
    tcp: TcpListener,
    udp: UdpSocket,
    datagrams: UnixDatagram,
    _streams: [UnixListener; 2],
    before: BTreeMap<PathBuf, String>,
}

/// A process outside of the user that the attacker has inside.
struct Victim {
    child: Child,
    address: String,
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Scene {
    pub(crate) fn new(program: &Path, git: bool) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("scene-").tempdir()?;
        let base = folder.path();
        let write = |name: &str, text: &str| -> io::Result<()> {
            let path = base.join(name);
            let above = path.parent().unwrap_or(base);
            fs::create_dir_all(above)?;
            fs::set_permissions(above, Permissions::from_mode(0o777))?;
            fs::write(&path, text)?;
            fs::set_permissions(&path, Permissions::from_mode(0o666))
        };
        write("workspace/notes/first.md", "a note\n")?;
        write("workspace/campaign.db", CANARY)?;
        write("workspace/private/notes", CANARY)?;
        write("scratch/x", "")?;
        write("logs/command.out", "a log\n")?;
        write("data/data.csv", "1,2\n")?;
        write("evaluation/score.py", CANARY)?;
        write("outside/secret", CANARY)?;
        write("home/.ssh/id_ed25519", CANARY)?;
        write("home/.profile", "# empty\n")?;
        if git {
            write("workspace/.git/config", "[core]\n")?;
            write("workspace/.git/hooks/update", "# empty\n")?;
        }
        for name in ["", "workspace", "scratch", "home"] {
            fs::set_permissions(base.join(name), Permissions::from_mode(0o777))?;
        }
        let name = format!("scene-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name)?;
        let streams = [
            UnixListener::bind(base.join("outside/stream.sock"))?,
            UnixListener::bind_addr(&abstract_name)?,
        ];
        let datagrams = UnixDatagram::bind(base.join("outside/datagram.sock"))?;
        datagrams.set_nonblocking(true)?;
        for name in ["stream.sock", "datagram.sock"] {
            let path = base.join("outside").join(name);
            fs::set_permissions(path, Permissions::from_mode(0o777))?;
        }
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        tcp.set_nonblocking(true)?;
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        udp.set_nonblocking(true)?;
        let victim = Victim::start(program)?;
        let mut scene = Self {
            folder,
            victim,
            tcp,
            udp,
            datagrams,
            _streams: streams,
            before: BTreeMap::new(),
        };
        scene.before = scene.snapshot();
        Ok(scene)
    }

    pub(crate) fn base(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.base().join(name)
    }

    /// What the attacker is told.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let port =
            |address: io::Result<std::net::SocketAddr>| address.map_or(0, |address| address.port());
        vec![
            format!("base={}", self.base().display()),
            format!("victim={}", self.victim.child.id()),
            format!("address={}", self.victim.address),
            format!("parent={}", std::process::id()),
            format!("tcp={}", port(self.tcp.local_addr())),
            format!("udp={}", port(self.udp.local_addr())),
            format!("abstract=scene-{}", std::process::id()),
        ]
    }

    /// What an attack changed, reached or left behind; nothing if it was held.
    pub(crate) fn damage(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let after = self.snapshot();
        for (path, state) in &self.before {
            if after.get(path) != Some(state) {
                found.push(format!("{} was changed", path.display()));
            }
        }
        for path in after.keys().filter(|path| !self.before.contains_key(*path)) {
            found.push(format!("{} was made", path.display()));
        }
        for path in self.elsewhere() {
            if path.symlink_metadata().is_ok() {
                found.push(format!("{} was made", path.display()));
            }
        }
        if self.tcp.accept().is_ok() {
            found.push("a connection arrived".into());
        }
        let mut buffer = [0; 16];
        if self.udp.recv(&mut buffer).is_ok() || self.datagrams.recv(&mut buffer).is_ok() {
            found.push("a datagram arrived".into());
        }
        if !matches!(self.victim.child.try_wait(), Ok(None)) {
            found.push("the victim is dead".into());
        }
        found
    }

    /// Removes what a control left on the machine.
    pub(crate) fn clean(&self) {
        for path in self.elsewhere() {
            let _ = fs::remove_file(path);
        }
    }

    fn elsewhere(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let name = self
            .base()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let token = format!("escaped-{name}");
        ELSEWHERE
            .iter()
            .map(move |folder| Path::new(folder).join(&token))
    }

    /// Processes that know the scene, other than the victim.
    pub(crate) fn left_behind(&self) -> Vec<u32> {
        let base = self.base().as_os_str().as_encoded_bytes();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|&pid: &u32| pid != self.victim.child.id())
            .filter(|pid| {
                fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| line.windows(base.len()).any(|window| window == base))
            })
            .collect()
    }

    /// Every file that no command may change: kind, permissions, content.
    fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let guarded = [
            "outside",
            "home",
            "logs",
            "data",
            "evaluation",
            "workspace/.git",
            "workspace/private",
            "workspace/campaign.db",
        ];
        for name in guarded {
            record(&self.place(name), &mut found);
        }
        for entry in fs::read_dir(self.base()).into_iter().flatten().flatten() {
            found.entry(entry.path()).or_insert_with(|| "there".into());
        }
        found
    }
}

fn record(path: &Path, into: &mut BTreeMap<PathBuf, String>) {
    let Ok(data) = path.symlink_metadata() else {
        return;
    };
    let content = if data.is_file() {
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
    } else {
        String::new()
    };
    into.insert(path.to_owned(), format!("{:o} {content}", data.mode()));
    if data.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            record(&entry.path(), into);
        }
    }
}

/// A process without a sandbox.
#[expect(
    clippy::disallowed_methods,
    reason = "the control is what happens without the sandbox"
)]
pub(crate) fn unconfined(program: &Path) -> std::process::Command {
    std::process::Command::new(program)
}

impl Victim {
    fn start(program: &Path) -> io::Result<Self> {
        let mut command = unconfined(program);
        command.args(["attack", "victim"]).stdout(Stdio::piped());
        if crate::is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command.spawn()?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut address)?;
        }
        Ok(Self {
            child,
            address: address.trim().to_owned(),
        })
    }
}

/// Opens a file so that every program inherits it that is not kept from it.
pub(crate) fn leak(path: &Path) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    let file = File::open(path)?;
    // SAFETY: the descriptor is open and ours.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

/// A terminal's two ends.
pub(crate) fn terminal() -> io::Result<[File; 2]> {
    use std::os::fd::FromRawFd;
    let (mut one, mut other) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: two places for descriptors, which are then ours alone.
    unsafe {
        let flags = (std::ptr::null(), std::ptr::null());
        if libc::openpty(&raw mut one, &raw mut other, none, flags.0, flags.1) < 0 {
            return Err(io::Error::last_os_error());
        }
        for fd in [one, other] {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        Ok([File::from_raw_fd(one), File::from_raw_fd(other)])
    }
}
