//! Takes what was written to the disk behind the writer's back.
//!
//! A commit is safe from a kill of every process at once, and from a power
//! failure once the disk has it. Waiting for the disk takes milliseconds and
//! would come into every turn of every agent; so the log is brought there by a
//! thread of its own, without pause while there is anything to bring. After a
//! power failure the log ends at most a moment before the end: SQLite keeps
//! whole transactions, in order.

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Brings a file's content to the disk whenever it is told that there is more.
#[derive(Debug)]
pub(super) struct Syncer {
    wake: SyncSender<()>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Syncer {
    /// For the file at `path`, which need not be there yet. The thread ends
    /// with the syncer.
    pub(super) fn start(path: PathBuf) -> Self {
        // One message is enough: it stands for all that was written before.
        let (wake, woken) = sync_channel(1);
        let failure = Arc::new(Mutex::new(None));
        let told = Arc::clone(&failure);
        std::thread::spawn(move || {
            if let Err(error) = follow(&path, &woken) {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        Self { wake, failure }
    }

    /// There is more to bring. An error is that of an earlier time: what was
    /// written since may not be on the disk.
    pub(super) fn more(&self) -> io::Result<()> {
        match self.wake.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            Err(TrySendError::Disconnected(())) => {
                let failure = self.failure.lock();
                let failure = failure.unwrap_or_else(PoisonError::into_inner).take();
                Err(failure.unwrap_or_else(|| io::Error::other("an earlier failure")))
            }
        }
    }
}

fn follow(path: &std::path::Path, woken: &Receiver<()>) -> io::Result<()> {
    let mut file = None;
    while woken.recv().is_ok() {
        if file.is_none() {
            file = Some(OpenOptions::new().read(true).write(true).open(path)?);
        }
        if let Some(file) = &file {
            file.sync_data()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_reported_to_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let syncer = Syncer::start(folder.path().join("absent"));
        syncer.more().expect("nothing is known yet");
        // The thread is gone when its end of the channel is.
        let error = loop {
            match syncer.more() {
                Ok(()) => std::thread::yield_now(),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(syncer.more().is_err(), "it stays so");
    }
}
