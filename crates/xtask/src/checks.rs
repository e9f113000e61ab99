//! What else the machine must have: a platform that the labs run on, a C++
//! compiler, room on the disk. And what is good to have.

use std::fs;
use std::path::Path;

use crate::problem::Problem;
use crate::spawn;

/// The labs compile C++ and load it; they know this platform only.
pub(crate) fn platform() -> Option<Problem> {
    (!cfg!(all(target_os = "linux", target_arch = "x86_64"))).then(|| {
        Problem::new(
            "this is not Linux on x86-64",
            "run AlphaLab on an x86-64 Linux machine or virtual machine",
        )
    })
}

/// torch's bindings and the candidates are C++.
pub(crate) fn compiler() -> Option<Problem> {
    let found = ["g++", "clang++"]
        .into_iter()
        .any(|name| spawn::on_path(name).is_some());
    (!found).then(|| {
        Problem::new(
            "no C++ compiler (g++ or clang++) on PATH",
            "apt install g++ (Debian, Ubuntu) or dnf install gcc-c++ (Fedora)",
        )
    })
}

/// Room for a virtual environment, in GB; `None` as well where `df` can't tell.
/// `variable` is what puts the environment elsewhere.
pub(crate) fn room(venv: &Path, needed_gb: u64, variable: &str) -> Option<Problem> {
    let existing = venv.ancestors().find(|folder| folder.is_dir())?;
    let mut df = spawn::command("df");
    df.args(["-Pk"]).arg(existing);
    let output = df.output().ok()?;
    let free_gb = free_gb(&String::from_utf8_lossy(&output.stdout))?;
    (free_gb < needed_gb).then(|| {
        Problem::new(
            format!(
                "{free_gb} GB free in {}, {needed_gb} GB needed",
                existing.display()
            ),
            format!("free some space, or set {variable} to a folder on a larger disk"),
        )
    })
}

/// Reads the fourth column of `df -Pk`, in 1024-byte blocks.
fn free_gb(df: &str) -> Option<u64> {
    let kib: u64 = df.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib * 1024 / 1_000_000_000)
}

/// What candidates will be confined by; either will do. For the reader only.
pub(crate) fn sandbox() -> String {
    let bubblewrap = if spawn::on_path("bwrap").is_some() {
        "bubblewrap is installed"
    } else {
        "bubblewrap is not installed (apt install bubblewrap confines candidates best)"
    };
    // Not every system lets its list of security modules be read.
    let landlock = match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(modules) if modules.split(',').any(|name| name.trim() == "landlock") => {
            "Landlock is available"
        }
        Ok(_) => "Landlock is not available",
        Err(_) => "whether Landlock is available can't be told",
    };
    format!("{bubblewrap}; {landlock}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_df() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  /dev/vda 263174212 15700000 78125000 18% /\n";
        assert_eq!(free_gb(df), Some(80));
        assert_eq!(free_gb("df: no such file"), None);
    }
}
