//! Output of a child, kept with bounded memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;

/// Bytes kept from the start and, separately, from the end.
const KEPT_BYTES: usize = 256 << 10;

/// What a child wrote to one stream: all of it, or its first and last
/// 256 KiB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total_bytes: u64,
    copied_bytes: u64,
}

impl Captured {
    fn push(&mut self, bytes: &[u8]) {
        self.total_bytes += bytes.len() as u64;
        let room = (KEPT_BYTES - self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        let rest = &rest[rest.len().saturating_sub(KEPT_BYTES)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(KEPT_BYTES);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    /// Bytes that the child wrote.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Bytes that are in the file of [`crate::Output::Copy`], the first ones.
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }

    /// The kept bytes of the start; those of the end are in [`Self::tail`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The kept bytes of the end that are not in [`Self::head`].
    pub fn tail(&self) -> Vec<u8> {
        self.tail.iter().copied().collect()
    }

    /// Whether bytes in the middle were left out.
    pub fn truncated(&self) -> bool {
        self.total_bytes > (self.head.len() + self.tail.len()) as u64
    }

    /// The kept bytes, the start followed by the end.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        bytes.extend(&self.tail);
        bytes
    }

    /// The kept bytes as text, with a line that says how many were left out.
    pub fn text(&self) -> String {
        if !self.truncated() {
            return String::from_utf8_lossy(&self.bytes()).into_owned();
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        format!(
            "{}\n[… {} bytes left out …]\n{}",
            String::from_utf8_lossy(&self.head),
            self.total_bytes - (self.head.len() + self.tail.len()) as u64,
            String::from_utf8_lossy(&tail)
        )
    }
}

/// The reading end of a captured stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// `None` once the other end is closed.
    pub(crate) pipe: Option<PipeReader>,
    pub(crate) captured: Captured,
    /// A file that gets all of it, and how many bytes more it takes.
    copy: Option<(File, u64)>,
}

impl Stream {
    /// Takes a pipe over; reading from it will not block.
    pub(crate) fn new(pipe: PipeReader, copy: Option<(File, u64)>) -> io::Result<Self> {
        // SAFETY: the descriptor is open and ours.
        let result = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            pipe: Some(pipe),
            captured: Captured::default(),
            copy,
        })
    }

    fn take(&mut self, bytes: &[u8]) {
        self.captured.push(bytes);
        if let Some((file, room)) = &mut self.copy {
            let fits = bytes
                .len()
                .min(usize::try_from(*room).unwrap_or(usize::MAX));
            // A full disk ends the copy, not the command.
            if file.write_all(&bytes[..fits]).is_err() {
                self.copy = None;
                return;
            }
            *room -= fits as u64;
            self.captured.copied_bytes += fits as u64;
        }
    }

    /// Reads what is there.
    pub(crate) fn pump(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    self.take(&buffer[..count]);
                    // One buffer per visit, so that a flood cannot keep the
                    // caller from looking at the clock.
                    if count == buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is left after all writers have ended, but no more than a
    /// pipe holds: somebody else may still write.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        const PIPE_BUFFERS: usize = 16;
        for _ in 0..PIPE_BUFFERS {
            let before = self.captured.total_bytes;
            self.pump()?;
            if self.captured.total_bytes == before {
                break;
            }
        }
        self.pipe = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_head_and_tail() {
        let mut captured = Captured::default();
        captured.push(b"start");
        assert!(!captured.truncated());
        assert_eq!(captured.text(), "start");
        for _ in 0..100 {
            captured.push(&[b'x'; 10_000]);
        }
        captured.push(b"end");
        assert!(captured.truncated());
        assert_eq!(captured.total_bytes(), 5 + 1_000_000 + 3);
        assert_eq!(captured.bytes().len(), 2 * KEPT_BYTES);
        let text = captured.text();
        assert!(text.starts_with("startx") && text.ends_with("xend"));
        assert!(text.contains("bytes left out"));
    }

    #[test]
    fn a_copy_ends_at_its_cap() {
        let (reader, mut writer) = io::pipe().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut stream = Stream::new(reader, Some((file.reopen().unwrap(), 10))).unwrap();
        writer.write_all(b"0123456789abcdef").unwrap();
        drop(writer);
        stream.pump().unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"0123456789");
        assert_eq!(stream.captured.copied_bytes(), 10);
        assert_eq!(stream.captured.text(), "0123456789abcdef");
    }

    #[test]
    fn one_huge_push_is_the_same_as_many() {
        let bytes: Vec<u8> = (0..2_000_000_u32).map(|i| (i % 251) as u8).collect();
        let mut once = Captured::default();
        once.push(&bytes);
        let mut often = Captured::default();
        bytes.chunks(777).for_each(|chunk| often.push(chunk));
        assert_eq!(once, often);
    }
}
