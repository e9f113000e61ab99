//! Reading and writing what is none of an agent's business.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Target, attempt, got, holds_canary, outcome, peek, refused};

pub(super) fn read_system() {
    for path in [
        "/etc/shadow",
        "/etc/sudoers",
        "/boot/grub/grub.cfg",
        "/proc/kcore",
    ] {
        attempt(path, File::open(path));
    }
}

pub(super) fn read_home(target: &Target) {
    peek(&target.place("home/.ssh/id_ed25519"));
    attempt("the list of the home", fs::read_dir(target.place("home")));
}

pub(super) fn read_beside(target: &Target) {
    peek(&target.place("outside/secret"));
}

pub(super) fn read_dotdot(target: &Target) {
    let absolute = target.place("outside/secret");
    let inner = absolute.strip_prefix("/").unwrap_or(&absolute);
    for path in [
        PathBuf::from("../outside/secret"),
        PathBuf::from("notes/../../outside/secret"),
        target.place("data/../outside/secret"),
        PathBuf::from("/proc/self/cwd/../outside/secret"),
        Path::new("/proc/self/root").join(inner),
        Path::new("/proc/1/root").join(inner),
        Path::new("/proc/thread-self/root").join(inner),
    ] {
        peek(&path);
    }
    let up = || {
        std::env::set_current_dir("..")?;
        fs::read("outside/secret")
    };
    match up() {
        Ok(bytes) if holds_canary(&bytes) => got("the folder above, step by step"),
        other => refused("the folder above", format!("{:?}", other.err())),
    }
}

pub(super) fn hidden(target: &Target) {
    for path in ["campaign.db", "private/notes"] {
        let path = target.place("workspace").join(path);
        peek(&path);
        // The scene shows whether it worked.
        let _ = fs::write(&path, "changed");
        let _ = fs::rename(&path, target.place("workspace/stolen"));
        peek(&target.place("workspace/stolen"));
    }
    let _ = fs::rename(
        target.place("workspace/private"),
        target.place("workspace/moved"),
    );
    peek(&target.place("workspace/moved/notes"));
}

/// The scene shows what of this worked: a private `/tmp` is no escape.
pub(super) fn write_outside(target: &Target) {
    let token = target.token();
    let everywhere = ["/tmp", "/var/tmp", "/dev/shm", "/", "/usr", "/etc", "/run"];
    // The control need not litter the system's folders to show that it could.
    let shown = if target.is_control() {
        3
    } else {
        everywhere.len()
    };
    for folder in &everywhere[..shown] {
        let path = Path::new(folder).join(&token);
        println!(
            "tried {}: {:?}",
            path.display(),
            fs::write(&path, "x").err()
        );
    }
    for place in ["outside", "home", ".", "logs"] {
        write_below(&target.place(place));
    }
}

pub(super) fn symlinks(target: &Target) {
    let outside = target.place("outside");
    let made = [
        symlink(outside.join("secret"), "link"),
        symlink(&outside, "folder-link"),
        symlink("/proc/self/root", "root-link"),
    ];
    println!("tried links: {made:?}");
    peek(Path::new("link"));
    peek(Path::new("folder-link/secret"));
    let inner = outside.strip_prefix("/").unwrap_or(&outside);
    peek(&Path::new("root-link").join(inner).join("secret"));
    let _ = fs::write("link", "changed");
    write_below(Path::new("folder-link"));
}

pub(super) fn hard_links(target: &Target) {
    for (index, place) in ["outside/secret", "data/data.csv", "workspace/.git/config"]
        .iter()
        .enumerate()
    {
        let name = PathBuf::from(format!("hard-{index}"));
        let linked = attempt(
            format!("a link to {place}"),
            fs::hard_link(target.place(place), &name),
        );
        if linked.is_some() {
            let _ = fs::write(&name, "changed");
        }
        let moved = fs::rename(target.place(place), format!("moved-{index}"));
        attempt(format!("{place}, moved"), moved);
    }
}

/// The scene shows what of this worked.
pub(super) fn write_git(target: &Target) {
    let git = target.place("workspace/.git");
    write_below(&git);
    write_below(&git.join("hooks"));
    let _ = fs::rename(&git, target.place("workspace/old-git"));
    let _ = fs::remove_dir_all(&git);
    let _ = fs::create_dir(&git);
    let _ = fs::write(git.join("config"), "[core]\n\tfsmonitor = evil\n");
    let _ = symlink(target.place("workspace/evil"), &git);
}

/// Tries all that changes a folder; the scene shows what worked.
pub(super) fn write_below(folder: &Path) {
    let report = |what: &str, result: io::Result<()>| {
        println!(
            "tried to {what} in {}: {:?}",
            folder.display(),
            result.err()
        );
    };
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    for file in &files {
        report(
            "unlock",
            fs::set_permissions(file, fs::Permissions::from_mode(0o666)),
        );
        let append = OpenOptions::new().append(true).open(file);
        report(
            "append",
            append.and_then(|mut file| file.write_all(b"changed")),
        );
        report("reopen", reopen(file));
        let cut = OpenOptions::new().write(true).truncate(true).open(file);
        report("truncate", cut.map(|_| ()));
        report("rename", fs::rename(file, folder.join("renamed")));
        report("delete", fs::remove_file(file));
    }
    report("make a file", fs::write(folder.join("new"), "x"));
    report("make a folder", fs::create_dir(folder.join("folder")));
    report(
        "make a link",
        symlink("/etc/passwd", folder.join("new-link")),
    );
}

/// Opens a file for reading and then, through the descriptor, for writing.
fn reopen(file: &Path) -> io::Result<()> {
    let read = File::open(file)?;
    let again = format!("/proc/self/fd/{}", read.as_raw_fd());
    OpenOptions::new()
        .write(true)
        .open(again)?
        .write_all(b"changed")
}

pub(super) fn devices() {
    for path in [
        "/dev/mem",
        "/dev/kmsg",
        "/dev/port",
        "/dev/sda",
        "/dev/vda",
        "/dev/nvme0n1",
        "/dev/kvm",
        "/dev/fuse",
        "/dev/loop-control",
        "/dev/vhost-vsock",
        "/dev/uinput",
    ] {
        attempt(path, OpenOptions::new().write(true).open(path));
    }
    for (name, kind, major, minor) in [
        (c"block", libc::S_IFBLK, 254, 0),
        (c"memory", libc::S_IFCHR, 1, 1),
    ] {
        // SAFETY: a C string and plain numbers.
        let made = unsafe { libc::mknod(name.as_ptr(), kind | 0o666, libc::makedev(major, minor)) };
        attempt(format!("device {major}:{minor}"), outcome(i64::from(made)));
    }
}

/// Leaves things behind that a later command, or the user, might run.
pub(super) fn plant(target: &Target) {
    for name in [
        ".profile",
        ".bashrc",
        ".config/git/config",
        ".ssh/authorized_keys",
    ] {
        let path = target.place("home").join(name);
        println!(
            "tried {}: {:?}",
            path.display(),
            fs::write(&path, "evil").err()
        );
    }
    // Asking is enough; as root and without a sandbox it would succeed.
    // SAFETY: a C string and a plain number.
    let writable = unsafe { libc::access(c"/etc".as_ptr(), libc::W_OK) };
    attempt("/etc/ld.so.preload", outcome(i64::from(writable)));
    let home = std::env::var_os("HOME").map(PathBuf::from);
    for folder in home.into_iter().chain([target.place("workspace")]) {
        for name in [
            ".profile",
            ".bashrc",
            "sh",
            "ls",
            "sitecustomize.py",
            "usercustomize.py",
        ] {
            let path = folder.join(name);
            let evil = "#!/bin/sh\necho planted\nexport LD_PRELOAD=planted\n";
            println!(
                "tried {}: {:?}",
                path.display(),
                fs::write(&path, evil).err()
            );
            let _ = fs::set_permissions(&path, fs::Permissions::from_mode(0o755));
        }
    }
}
