//! The files of an agent's workspace, as its tools reach them.
//!
//! These run in the harness, outside the sandbox, on folders in which an
//! agent's commands can leave anything: links to secrets among it. So every
//! path is resolved by the kernel below a folder that was opened before
//! (`openat2` with `RESOLVE_BENEATH`), and `..`, links that lead out and
//! `/proc` magic end in an error instead of elsewhere.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Largest file that is read or searched, in bytes.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// Largest picture, in bytes: what providers accept.
const MAX_IMAGE_BYTES: u64 = 5 << 20;

/// Why a file tool did nothing.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not below any folder of the agent's.
    #[error("`{path}` is outside of your folders: {folders}", path = path.display())]
    Outside {
        /// As it was asked for.
        path: PathBuf,
        /// The folders.
        folders: String,
    },
    /// Below a folder that may only be read.
    #[error("`{}` may only be read", .0.display())]
    ReadOnly(PathBuf),
    /// The file system refused.
    #[error("failed to {doing} `{path}`", path = path.display())]
    System {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Not a regular file.
    #[error("`{}` is no regular file", .0.display())]
    NotAFile(PathBuf),
    /// Too large.
    #[error("`{path}` has {bytes} bytes, more than {most}: read a part of it with a command", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// What is allowed.
        most: u64,
    },
    /// Not text.
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// Neither PNG nor JPEG.
    #[error("`{}` is neither PNG nor JPEG", .0.display())]
    NotAnImage(PathBuf),
    /// The text to replace is not there, or there more than once.
    #[error("the text to replace is there {found} times in `{path}`, and must be there once", path = path.display())]
    NotOnce {
        /// The file.
        path: PathBuf,
        /// How often it is there.
        found: usize,
    },
}

/// A folder that an agent may use.
#[derive(Debug)]
struct Root {
    dir: OwnedFd,
    path: PathBuf,
    writable: bool,
}

/// The folders of one agent. The first is where its relative paths begin.
#[derive(Debug)]
pub struct Workspace {
    roots: Vec<Root>,
}

/// Part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines asked for.
    pub text: String,
    /// Number of the first of them, from 1.
    pub first_line: usize,
    /// Lines of the whole file.
    pub lines: usize,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Workspace {
    /// Opens `home`, which is writable, and folders that may only be read.
    pub fn open(home: &Path, read_only: &[PathBuf]) -> Result<Self, FileError> {
        let root = |path: &Path, writable| -> Result<Root, FileError> {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let dir = rustix::fs::open(path, flags, Mode::empty())
                .map_err(|errno| system("open", path)(errno))?;
            Ok(Root {
                dir,
                path: path.to_owned(),
                writable,
            })
        };
        let mut roots = vec![root(home, true)?];
        for path in read_only {
            roots.push(root(path, false)?);
        }
        Ok(Self { roots })
    }

    /// The folder that `path` lies in, and the path from there.
    fn locate(&self, path: &Path) -> Result<(&Root, PathBuf), FileError> {
        let outside = || FileError::Outside {
            path: path.to_owned(),
            folders: self
                .roots
                .iter()
                .map(|root| root.path.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        };
        // `..` is taken literally, before links are followed, and has to end in
        // one of the folders.
        let absolute;
        let path = if path.is_relative() && path.components().any(|c| c == Component::ParentDir) {
            let home = self.roots.first().ok_or_else(outside)?;
            absolute = lexical(&home.path.join(path)).ok_or_else(outside)?;
            absolute.as_path()
        } else {
            path
        };
        let (root, below) = if path.is_absolute() {
            self.roots
                .iter()
                .filter_map(|root| Some((root, path.strip_prefix(&root.path).ok()?)))
                .max_by_key(|(root, _)| root.path.components().count())
                .ok_or_else(outside)?
        } else {
            (self.roots.first().ok_or_else(outside)?, path)
        };
        let mut clean = PathBuf::new();
        for component in below.components() {
            match component {
                Component::Normal(name) => clean.push(name),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(outside());
                }
            }
        }
        Ok((root, clean))
    }

    fn open_below(&self, path: &Path, flags: OFlags) -> Result<File, FileError> {
        let (root, below) = self.locate(path)?;
        let below = if below.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &below
        };
        let file =
            beneath(root.dir.as_fd(), below, flags, Mode::empty()).map_err(system("open", path))?;
        Ok(File::from(file))
    }

    fn bytes(&self, path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
        // NONBLOCK: opening a named pipe must not wait for a writer.
        let file = self.open_below(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let meta = file.metadata().map_err(io("look at", path))?;
        if !meta.is_file() {
            return Err(FileError::NotAFile(path.to_owned()));
        }
        let too_large = |bytes| FileError::TooLarge {
            path: path.to_owned(),
            bytes,
            most,
        };
        if meta.len() > most {
            return Err(too_large(meta.len()));
        }
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        // It may grow while it is read.
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(io("read", path))?;
        if bytes.len() as u64 > most {
            return Err(too_large(bytes.len() as u64));
        }
        Ok(bytes)
    }

    fn text(&self, path: &Path) -> Result<String, FileError> {
        String::from_utf8(self.bytes(path, MAX_FILE_BYTES)?)
            .map_err(|_| FileError::NotText(path.to_owned()))
    }

    /// Lines of a text from `first_line` on, at most `most`.
    pub fn read(&self, path: &Path, first_line: usize, most: usize) -> Result<Excerpt, FileError> {
        let text = self.text(path)?;
        let first_line = first_line.max(1);
        let wanted: Vec<&str> = text.lines().skip(first_line - 1).take(most).collect();
        Ok(Excerpt {
            text: wanted.join("\n"),
            first_line,
            lines: text.lines().count(),
        })
    }

    /// Writes a whole file, with the folders it needs. It appears whole or not
    /// at all.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), FileError> {
        let (root, below) = self.locate(path)?;
        if !root.writable || below.iter().any(|name| name == ".git") {
            return Err(FileError::ReadOnly(path.to_owned()));
        }
        let Some(name) = below.file_name() else {
            return Err(FileError::NotAFile(path.to_owned()));
        };
        let folder = make_folders(root.dir.as_fd(), below.parent().unwrap_or(Path::new("")))
            .map_err(system("make the folder of", path))?;
        if let Ok(stat) = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
            && rustix::fs::FileType::from_raw_mode(stat.st_mode)
                != rustix::fs::FileType::RegularFile
        {
            return Err(FileError::NotAFile(path.to_owned()));
        }
        let mut making = name.to_owned();
        making.push(".writing");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
        let file = beneath(
            folder.as_fd(),
            Path::new(&making),
            flags,
            Mode::from_raw_mode(0o644),
        )
        .map_err(system("create", path))?;
        let written = File::from(file)
            .write_all(content)
            .map_err(io("write", path));
        let placed = written.and_then(|()| {
            rustix::fs::renameat(&folder, &making, &folder, name).map_err(system("replace", path))
        });
        if placed.is_err() {
            // What is left of a failed attempt harms nobody but takes room.
            let _ = rustix::fs::unlinkat(&folder, &making, AtFlags::empty());
        }
        placed
    }

    /// Replaces a text that is there exactly once.
    pub fn edit(&self, path: &Path, old: &str, new: &str) -> Result<(), FileError> {
        let text = self.text(path)?;
        let found = if old.is_empty() {
            0
        } else {
            text.matches(old).count()
        };
        if found != 1 {
            return Err(FileError::NotOnce {
                path: path.to_owned(),
                found,
            });
        }
        self.write(path, text.replacen(old, new, 1).as_bytes())
    }

    /// A picture, as models that see are shown it.
    pub fn picture(&self, path: &Path) -> Result<Picture, FileError> {
        let bytes = self.bytes(path, MAX_IMAGE_BYTES)?;
        let media_type = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            "image/png"
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            "image/jpeg"
        } else {
            return Err(FileError::NotAnImage(path.to_owned()));
        };
        Ok(Picture { media_type, bytes })
    }
}

/// A path with its `..` taken away; none if it leads above the top.
fn lexical(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                clean.push(component);
            }
        }
    }
    Some(clean)
}

/// Opens `path` below `dir`, wherever links in it point.
pub(crate) fn beneath(
    dir: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, resolve)
}

/// Opens a folder below `dir`, making what is missing of it.
fn make_folders(dir: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let mut at = beneath(dir, Path::new("."), flags, Mode::empty())?;
    let mut reached = PathBuf::new();
    for name in path {
        match rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        // From the top each time: a link may lead up, but not out.
        reached.push(name);
        at = beneath(dir, &reached, flags, Mode::empty())?;
    }
    Ok(at)
}

fn io(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::System {
        doing,
        path: path.clone(),
        source,
    }
}

fn system(doing: &'static str, path: &Path) -> impl Fn(Errno) -> FileError {
    let path = path.to_owned();
    move |errno| FileError::System {
        doing,
        path: path.clone(),
        source: errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Fixture {
        dir: tempfile::TempDir,
        workspace: Workspace,
    }

    fn fixture() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        for name in ["home", "data", "home/.git"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::write(dir.path().join("data/rows.csv"), "a\n1\n2\n").unwrap();
        let workspace =
            Workspace::open(&dir.path().join("home"), &[dir.path().join("data")]).unwrap();
        Fixture { dir, workspace }
    }

    #[test]
    fn files_are_written_whole_read_in_parts_and_edited() {
        let Fixture { dir, workspace } = fixture();
        let path = Path::new("scripts/deep/a.py");
        workspace.write(path, b"one\ntwo\nthree\n").unwrap();
        let excerpt = workspace.read(path, 2, 1).unwrap();
        assert_eq!(
            (excerpt.text.as_str(), excerpt.first_line, excerpt.lines),
            ("two", 2, 3)
        );
        workspace.edit(path, "two", "2").unwrap();
        let absolute = dir.path().join("home/scripts/deep/a.py");
        assert_eq!(
            std::fs::read_to_string(&absolute).unwrap(),
            "one\n2\nthree\n"
        );
        assert_eq!(workspace.read(&absolute, 1, 9).unwrap().lines, 3);
        for (old, times) in [("e", 3), ("", 0), ("absent", 0)] {
            let error = workspace.edit(path, old, "x").unwrap_err();
            assert!(matches!(error, FileError::NotOnce { found, .. } if found == times));
        }
        let left: Vec<_> = absolute.parent().unwrap().read_dir().unwrap().collect();
        assert_eq!(left.len(), 1, "nothing half-written is left");
    }

    #[test]
    fn data_is_read_and_not_written() {
        let Fixture { dir, workspace } = fixture();
        let path = dir.path().join("data/rows.csv");
        assert_eq!(workspace.read(&path, 1, 1).unwrap().text, "a");
        assert!(matches!(
            workspace.write(&path, b"x"),
            Err(FileError::ReadOnly(_))
        ));
        assert!(matches!(
            workspace.write(Path::new(".git/hooks/post-commit"), b"x"),
            Err(FileError::ReadOnly(_))
        ));
        assert!(matches!(
            workspace.write(Path::new("sub/.git"), b"x"),
            Err(FileError::ReadOnly(_))
        ));
    }

    #[test]
    fn no_path_leads_out() {
        let Fixture { dir, workspace } = fixture();
        let home = dir.path().join("home");
        symlink("../secret", home.join("relative")).unwrap();
        symlink(dir.path().join("secret"), home.join("absolute")).unwrap();
        symlink("..", home.join("up")).unwrap();
        symlink("/proc/self/environ", home.join("environ")).unwrap();
        for path in [
            "relative",
            "absolute",
            "up/secret",
            "environ",
            "../secret",
            "a/../../secret",
            "/etc/passwd",
        ] {
            assert!(
                workspace.read(Path::new(path), 1, 1).is_err(),
                "read {path}"
            );
            assert!(
                workspace.write(Path::new(path), b"x").is_err(),
                "write {path}"
            );
        }
        let outside = dir.path().join("secret");
        assert!(workspace.read(&outside, 1, 1).is_err());
        assert_eq!(std::fs::read_to_string(outside).unwrap(), "secret");
        // A link that stays inside is fine.
        std::fs::write(home.join("inside"), "in\n").unwrap();
        symlink("inside", home.join("link")).unwrap();
        assert_eq!(workspace.read(Path::new("link"), 1, 1).unwrap().text, "in");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let Fixture { dir, workspace } = fixture();
        let home = dir.path().join("home");
        std::fs::write(home.join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::create_dir(home.join("folder")).unwrap();
        std::fs::write(home.join("plot.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
        let huge = File::create(home.join("huge")).unwrap();
        huge.set_len(MAX_FILE_BYTES + 1).unwrap();
        let read = |name: &str| workspace.read(Path::new(name), 1, 1).unwrap_err();
        assert!(matches!(read("binary"), FileError::NotText(_)));
        assert!(matches!(read("folder"), FileError::NotAFile(_)));
        assert!(matches!(read("huge"), FileError::TooLarge { .. }));
        assert!(matches!(read("absent"), FileError::System { .. }));
        assert_eq!(
            workspace.picture(Path::new("plot.png")).unwrap().media_type,
            "image/png"
        );
        assert!(matches!(
            workspace.picture(Path::new("binary")),
            Err(FileError::NotAnImage(_))
        ));
        assert!(matches!(
            workspace.write(Path::new("folder"), b"x"),
            Err(FileError::NotAFile(_))
        ));
    }
}
