//! The campaign's files, to look at.
//!
//! Agents and candidates write into the campaign's directory, so every path is
//! resolved by the kernel below the open directory (`openat2`), and no byte of
//! theirs is given to a browser as anything that it would run: text is
//! `text/plain`, pictures are of four kinds, known by their first bytes.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::text::harmless;
use super::view::SCHEMA;
use crate::store::{DATABASE, WAL_SUFFIX};
use crate::tools::files::beneath;

/// Most bytes of a text that are shown.
const TEXT_BYTES: u64 = 1 << 20;
/// Largest picture, in bytes.
const PICTURE_BYTES: u64 = 8 << 20;
/// Most entries of a folder that are looked at, and that are shown.
const ENTRIES: usize = 20_000;
const SHOWN: usize = 1_000;

/// Pictures, by their first bytes: PNG (ISO/IEC 15948, 5.2), JPEG (ITU-T T.81,
/// B.1), GIF (GIF89a specification, 17), WebP (RFC 9649, 2.4).
const PICTURES: [(&str, usize, &[u8]); 5] = [
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBPVP8"),
];

/// What may stand in a path of an address.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'/');

/// Why a file is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// No path below the directory.
    #[error("this is no path in the campaign's directory")]
    NoPath,
    /// Nothing there, or a link that leads out.
    #[error("there is nothing here that can be shown: {0}")]
    Absent(#[source] Errno),
    /// The database itself.
    #[error("this is the log: `alphalab replay` shows it")]
    Log,
    /// Neither text nor a picture.
    #[error("neither text nor a picture: {0} bytes")]
    Unknown(u64),
    /// A picture that is too large.
    #[error("a picture of {0} bytes, more than {PICTURE_BYTES}")]
    TooLarge(u64),
    /// The file system refused.
    #[error("failed to read: {0}")]
    Read(#[from] std::io::Error),
}

impl From<Errno> for FileError {
    fn from(errno: Errno) -> Self {
        Self::Absent(errno)
    }
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    /// A folder's entries.
    Folder(Value),
    /// A text, or its beginning.
    Text {
        /// It, made harmless.
        text: String,
        /// Bytes of the whole file.
        bytes: u64,
        /// Whether that is more than is here.
        cut: bool,
    },
    /// A picture.
    Picture {
        /// Its type.
        media_type: &'static str,
        /// It.
        bytes: Vec<u8>,
    },
}

/// The files of one campaign.
#[derive(Debug)]
pub(super) struct Files {
    dir: OwnedFd,
}

impl Files {
    /// Those in `dir`.
    pub(super) fn open(dir: &Path) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(dir, flags, Mode::empty())?;
        Ok(Self { dir })
    }

    /// What is at `encoded`, a path as it stands in an address.
    pub(super) fn look(&self, encoded: &str) -> Result<Found, FileError> {
        let path = decode(encoded)?;
        // A handle that doesn't open the file: closing it takes no lock away
        // from SQLite, and no pipe or device is touched.
        let handle = beneath(self.dir.as_fd(), &path, OFlags::PATH, Mode::empty())?;
        let stat = rustix::fs::fstat(&handle)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.folder(&path, &handle),
            FileType::RegularFile if self.is_database(&stat) => Err(FileError::Log),
            FileType::RegularFile => content(&handle, &stat),
            _ => Err(FileError::Absent(Errno::INVAL)),
        }
    }

    /// Whether a file is the database or belongs to it, whatever its name.
    fn is_database(&self, stat: &Stat) -> bool {
        ["", WAL_SUFFIX, "-shm", "-journal"].iter().any(|suffix| {
            let name = format!("{DATABASE}{suffix}");
            rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|own| (own.st_dev, own.st_ino) == (stat.st_dev, stat.st_ino))
        })
    }

    fn folder(&self, path: &Path, handle: &OwnedFd) -> Result<Found, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let open = beneath(self.dir.as_fd(), path, flags, Mode::empty())?;
        let mut entries = Vec::new();
        let mut more = false;
        for entry in Dir::new(open)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if entries.len() == ENTRIES {
                more = true;
                break;
            }
            entries.push((entry.file_type() != FileType::Directory, name.to_owned()));
        }
        entries.sort();
        let left_out = entries.len().saturating_sub(SHOWN);
        let shown: Vec<Value> = entries
            .iter()
            .take(SHOWN)
            .map(|(_, name)| entry(handle, path, name))
            .collect();
        Ok(Found::Folder(json!({
            "schema": SCHEMA,
            "path": shown_path(path),
            "entries": shown,
            "left_out": left_out,
            "at_least": more,
        })))
    }
}

/// One line of a folder.
fn entry(folder: &OwnedFd, path: &Path, name: &OsString) -> Value {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok();
    let kind = match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Some(FileType::Directory) => "folder",
        Some(FileType::RegularFile) => "file",
        Some(FileType::Symlink) => "link",
        _ => "other",
    };
    let below = path.join(name);
    let below = below.strip_prefix(".").unwrap_or(&below);
    json!({
        // On one line, whatever is in it.
        "name": name.to_string_lossy().replace(['\n', '\r', '\t'], "\u{fffd}"),
        "href": percent_encode(below.as_os_str().as_bytes(), IN_PATH).to_string(),
        "kind": kind,
        "bytes": stat.filter(|_| kind == "file").map(|stat| stat.st_size),
        "modified_s": stat.map(|stat| stat.st_mtime),
    })
}

fn shown_path(path: &Path) -> String {
    path.strip_prefix(".")
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// The path in an address: its names, none of them special.
fn decode(encoded: &str) -> Result<PathBuf, FileError> {
    let bytes: Vec<u8> = percent_decode_str(encoded).collect();
    if bytes.contains(&0) {
        return Err(FileError::NoPath);
    }
    let mut path = PathBuf::from(".");
    for component in Path::new(&OsString::from_vec(bytes)).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(FileError::NoPath);
            }
        }
    }
    Ok(path)
}

fn content(handle: &OwnedFd, stat: &Stat) -> Result<Found, FileError> {
    // The very file that was looked at, whatever lies at its path by now.
    let mut file = File::open(format!("/proc/self/fd/{}", handle.as_raw_fd()))?;
    let size = stat.st_size.unsigned_abs();
    let mut bytes = Vec::new();
    file.by_ref().take(TEXT_BYTES).read_to_end(&mut bytes)?;
    if let Some(media_type) = picture(&bytes) {
        if size > PICTURE_BYTES {
            return Err(FileError::TooLarge(size));
        }
        // It may grow while it is read.
        file.take(PICTURE_BYTES).read_to_end(&mut bytes)?;
        return Ok(Found::Picture { media_type, bytes });
    }
    let cut = size > bytes.len() as u64;
    let text = text(&bytes, cut).ok_or(FileError::Unknown(size))?;
    Ok(Found::Text {
        text: harmless(text),
        bytes: size,
        cut,
    })
}

fn picture(bytes: &[u8]) -> Option<&'static str> {
    let found = PICTURES.iter().find(|(_, at, magic)| {
        let head = bytes.get(*at..);
        head.is_some_and(|head| head.starts_with(magic))
    });
    found.map(|(media_type, ..)| *media_type)
}

/// The text in `bytes`, of which the end may be missing.
fn text(bytes: &[u8], cut: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_ends_with_a_whole_character() {
        assert_eq!(text("aé".as_bytes(), false), Some("aé"));
        assert_eq!(text(&"aé".as_bytes()[..2], true), Some("a"));
        assert_eq!(text(&"aé".as_bytes()[..2], false), None);
        assert_eq!(text(b"a\0b", false), None);
        assert_eq!(text(b"a\xffb", true), None);
    }

    #[test]
    fn what_a_browser_would_run_is_no_picture() {
        assert_eq!(picture(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(picture(b"RIFF\0\0\0\0WEBPVP8L"), Some("image/webp"));
        for other in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
            b"GIF8",
            b"%PDF-1.7",
            b"",
        ] {
            assert_eq!(picture(other), None);
        }
    }
}
