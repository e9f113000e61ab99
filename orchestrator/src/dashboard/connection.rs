//! Connections, as many as there is room for, each as long as it moves.
//!
//! Whoever connects may be anybody on this machine, before a token was seen: so
//! neither their number nor the time that one can be held is left to them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Most connections at a time. A browser opens six to a host.
const PLACES: usize = 48;

/// Time after which a connection is closed over which no byte has gone. Events
/// have a heartbeat, so only a reader that doesn't read is met.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Gives out connections while there are places.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(PLACES)),
        }
    }
}

impl Listener for Door {
    type Io = Impatient<tokio::net::TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Events are small and wanted at once.
        let _ = stream.set_nodelay(true);
        (Impatient::new(stream, place), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing has moved for [`PATIENCE`].
#[derive(Debug)]
pub(super) struct Impatient<T> {
    inner: T,
    until: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<T> Impatient<T> {
    fn new(inner: T, place: Option<OwnedSemaphorePermit>) -> Self {
        Self {
            inner,
            until: Box::pin(sleep(PATIENCE)),
            _place: place,
        }
    }

    /// Lets time begin anew, or run out.
    fn watch<R>(
        &mut self,
        context: &mut Context<'_>,
        poll: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        match poll {
            Poll::Ready(result) => {
                self.until.as_mut().reset(Instant::now() + PATIENCE);
                Poll::Ready(result)
            }
            Poll::Pending if self.until.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Impatient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_read(context, into);
        self.watch(context, poll)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Impatient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(test);
    }

    #[test]
    fn a_reader_that_does_not_read_is_dropped() {
        run(async {
            let (near, _far) = duplex(64);
            let mut near = Impatient::new(near, None);
            near.write_all(&[0; 64]).await.unwrap();
            let error = near.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn one_that_moves_is_kept_however_slow() {
        run(async {
            let (near, mut far) = duplex(64);
            let mut near = Impatient::new(near, None);
            let reader = async {
                for _ in 0..10 {
                    sleep(PATIENCE / 2).await;
                    far.read_exact(&mut [0; 64]).await.unwrap();
                }
            };
            let writer = async {
                near.write_all(&[0; 640]).await.unwrap();
            };
            futures_util::future::join(reader, writer).await;
        });
    }

    #[test]
    fn one_that_says_nothing_is_dropped() {
        run(async {
            let (near, _far) = duplex(64);
            let mut near = Impatient::new(near, None);
            let error = near.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
