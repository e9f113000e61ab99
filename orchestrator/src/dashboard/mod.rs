//! A page in the browser that shows a campaign: read-only, on loopback, behind
//! a token.
//!
//! It is a fold of the log and of nothing else, on a thread of its own; the
//! driver doesn't know of it. What agents wrote is hostile to the browser, too:
//! it leaves the server without control characters, is never served as anything
//! that a browser would run, and the page assigns it as text only.

mod connection;
mod files;
mod guard;
mod page;
mod server;
mod stream;
mod text;
mod view;
mod words;

use std::future::IntoFuture as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::watch;

use connection::Door;
use files::Files;
use guard::Guard;
use server::{App, router};
use view::View;

use crate::store::{Reader, StoreError};

/// Time that open connections have at the end for what there is left to say.
const FAREWELL: Duration = Duration::from_secs(2);
/// Time that a look under way has to end after that.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// Threads that wait for the disk.
const DISK_THREADS: usize = 4;

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The port is taken, most likely.
    #[error("failed to listen on port {port} of 127.0.0.1")]
    Listen {
        /// As it was asked for.
        port: u16,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The system has no thread, descriptor or random number left.
    #[error("failed to start")]
    Start(#[source] std::io::Error),
    /// The log can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A server, until dropped.
#[derive(Debug)]
pub struct Dashboard {
    url: String,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Dashboard {
    /// Shows the campaign in `dir` on `port`, or on a free one if that is 0.
    /// This process may be writing to it.
    pub fn start(dir: &Path, port: u16) -> Result<Self, DashboardError> {
        let reader = Reader::beside_writer(dir)?;
        let failed = DashboardError::Start;
        let files = Files::open(dir).map_err(failed)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|source| DashboardError::Listen { port, source })?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let guard = Guard::new(port).map_err(failed)?;
        let url = format!("http://127.0.0.1:{port}/?token={}", guard.token());
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App {
            view: Mutex::new(View::new(reader, dir)),
            files,
            stop: stopped,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(DISK_THREADS)
            .thread_name("dashboard-disk")
            .build()
            .map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, app, guard)) {
                    eprintln!("warning: the dashboard has ended: {error}");
                }
                // A look that is under way holds the database open.
                runtime.shutdown_timeout(LAST_LOOK);
            })
            .map_err(failed)?;
        Ok(Self {
            url,
            stop,
            thread: Some(thread),
        })
    }

    /// What to open in a browser: with the token, so for the user's eyes only.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // The thread may have ended.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Serves until told to stop, and for a moment after.
async fn serve(listener: TcpListener, app: Arc<App>, guard: Guard) -> std::io::Result<()> {
    let door = Door::new(tokio::net::TcpListener::from_std(listener)?);
    let stopped = |mut stop: watch::Receiver<bool>| async move {
        // An error says that nobody can tell any more.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let told = stopped(app.stop.clone());
    let late = {
        let told = stopped(app.stop.clone());
        async move {
            told.await;
            tokio::time::sleep(FAREWELL).await;
        }
    };
    let server = axum::serve(door, router(app, guard)).with_graceful_shutdown(told);
    select(pin!(server.into_future()), pin!(late)).await;
    Ok(())
}
