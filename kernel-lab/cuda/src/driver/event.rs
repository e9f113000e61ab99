//! Events: places in the stream, and the time between them.

use std::marker::PhantomData;

use cudarc::driver::{DriverError, result, sys};

use super::{Context, CudaError};

/// A place in the stream that is known to be reached or not.
#[derive(Debug)]
pub struct Event {
    raw: sys::CUevent,
    /// Of the context that is current on this thread.
    here: PhantomData<*const ()>,
}

impl Context {
    /// An event that notes the time.
    pub fn event(&self) -> Result<Event, CudaError> {
        let raw = result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT);
        Ok(Event {
            raw: raw.map_err(CudaError::of("cuEventCreate"))?,
            here: PhantomData,
        })
    }

    /// Puts the event behind all work that the stream has.
    pub fn record(&self, event: &Event) -> Result<(), CudaError> {
        // SAFETY: event and stream are there, and of one context.
        unsafe { result::event::record(event.raw, self.stream) }
            .map_err(CudaError::of("cuEventRecord"))
    }
}

impl Event {
    /// Whether it has been reached. This does not wait, and hears what went wrong before it.
    pub fn is_reached(&self) -> Result<bool, CudaError> {
        // SAFETY: the event is there.
        match unsafe { result::event::query(self.raw) } {
            Ok(()) => Ok(true),
            Err(DriverError(sys::CUresult::CUDA_ERROR_NOT_READY)) => Ok(false),
            Err(error) => Err(CudaError::of("cuEventQuery")(error)),
        }
    }

    /// Nanoseconds from `start` to this one, both reached. The driver counts in milliseconds
    /// of 32 bits and tells no less than half a microsecond apart.
    pub fn ns_since(&self, start: &Self) -> Result<f64, CudaError> {
        // SAFETY: both are there, with times.
        let ms = unsafe { result::event::elapsed(start.raw, self.raw) };
        Ok(f64::from(ms.map_err(CudaError::of("cuEventElapsedTime"))?) * 1e6)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made in `Context::event`, and nobody uses it any more.
        let _ = unsafe { result::event::destroy(self.raw) };
    }
}
