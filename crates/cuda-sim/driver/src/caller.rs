//! Who calls.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::handle::ContextId;

/// How strict a capture, or a thread, is about calls that a capture can't see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureMode {
    /// No thread may make them.
    #[default]
    Global,
    /// The thread that captures may not make them.
    ThreadLocal,
    /// Everyone may.
    Relaxed,
}

impl CaptureMode {
    /// By its number in `CUstreamCaptureMode`.
    pub fn of_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::Global),
            1 => Some(Self::ThreadLocal),
            2 => Some(Self::Relaxed),
            _ => None,
        }
    }

    /// Its number.
    pub fn code(self) -> u32 {
        self as u32
    }
}

/// A thread of the program, as the driver knows it.
#[derive(Debug)]
pub struct Caller {
    /// Never the same for two of them.
    pub(crate) id: u64,
    /// The last one is current.
    pub(crate) contexts: Vec<ContextId>,
    pub(crate) mode: CaptureMode,
}

impl Default for Caller {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            contexts: Vec::new(),
            mode: CaptureMode::Global,
        }
    }
}

impl Caller {
    /// The context that its calls are about.
    pub fn current(&self) -> Option<ContextId> {
        self.contexts.last().copied()
    }

    /// Replaces the current context; `None` leaves it without one.
    pub fn set_current(&mut self, context: Option<ContextId>) {
        self.contexts.pop();
        self.contexts.extend(context);
    }

    /// Changes how strict it is about captures; answers what it was.
    pub fn exchange_mode(&mut self, mode: CaptureMode) -> CaptureMode {
        std::mem::replace(&mut self.mode, mode)
    }
}
