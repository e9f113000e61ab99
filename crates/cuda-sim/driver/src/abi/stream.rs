//! Streams and captures.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_int, c_uint};

use super::pointer::Out;
use super::{entries, wait};
use crate::caller::{Caller, CaptureMode};
use crate::driver::Driver;
use crate::error::Error;
use crate::handle::{EventId, StreamRef};
use crate::machine::CaptureStatus;

pub(super) fn stream(raw: u64) -> Result<StreamRef, Error> {
    StreamRef::from_raw(raw).ok_or(Error::InvalidHandle)
}

fn create(
    driver: &Driver,
    caller: &Caller,
    to: Out<u64>,
    flags: c_uint,
    priority: c_int,
) -> Result<(), Error> {
    if flags > 1 {
        return Err(Error::InvalidValue);
    }
    let mut machine = driver.enter();
    let made = machine.stream_create(caller, flags == 0, priority)?;
    to.put(made.raw())
}

fn mode(code: c_uint) -> Result<CaptureMode, Error> {
    CaptureMode::of_code(code).ok_or(Error::InvalidValue)
}

entries! {
    fn cuStreamCreate(to: Out<u64>, flags: c_uint) |driver, caller| {
        create(driver, caller, to, flags, 0)
    };
    fn cuStreamCreateWithPriority(to: Out<u64>, flags: c_uint, priority: c_int) |driver, caller| {
        create(driver, caller, to, flags, priority)
    };
    fn cuStreamDestroy_v2(raw: u64) as cuStreamDestroy |driver, caller| {
        driver.enter().stream_destroy(caller, stream(raw)?)
    };
    fn cuStreamGetFlags(raw: u64, flags: Out<c_uint>) |driver, caller| {
        flags.put(driver.enter().stream_properties(caller, stream(raw)?)?.0)
    };
    fn cuStreamGetPriority(raw: u64, priority: Out<c_int>) |driver, caller| {
        priority.put(driver.enter().stream_properties(caller, stream(raw)?)?.1)
    };
    fn cuStreamGetCtx(raw: u64, context: Out<u64>) |driver, caller| {
        context.put(driver.enter().stream_context(caller, stream(raw)?)?.raw())
    };
    fn cuStreamQuery(raw: u64) |driver, caller| driver.enter().stream_query(caller, stream(raw)?);
    fn cuStreamSynchronize(raw: u64) |driver, caller| {
        let pending = driver.enter().stream_synchronize(caller, stream(raw)?)?;
        wait(driver, pending)
    };
    fn cuStreamWaitEvent(raw: u64, event: u64, flags: c_uint) |driver, caller| {
        if flags > 1 {
            return Err(Error::InvalidValue);
        }
        let event = EventId::from_raw(event).ok_or(Error::InvalidHandle)?;
        driver.enter().stream_wait_event(caller, stream(raw)?, event)
    };
    fn cuStreamAttachMemAsync(raw: u64, address: u64, bytes: usize, flags: c_uint)
        |driver, caller| {
        if !matches!(flags, 1 | 2 | 4) {
            return Err(Error::InvalidValue);
        }
        driver.enter().stream_attach(caller, stream(raw)?, address, bytes as u64)
    };
    fn cuStreamBeginCapture(raw: u64) |driver, caller| {
        driver.enter().capture_begin(caller, stream(raw)?, CaptureMode::Global)
    };
    fn cuStreamBeginCapture_v2(raw: u64, code: c_uint) |driver, caller| {
        driver.enter().capture_begin(caller, stream(raw)?, mode(code)?)
    };
    fn cuStreamEndCapture(raw: u64, graph: Out<u64>) |driver, caller| {
        graph.put(0)?;
        graph.put(driver.enter().capture_end(caller, stream(raw)?)?.raw())
    };
    fn cuStreamIsCapturing(raw: u64, status: Out<c_uint>) |driver, caller| {
        status.put(match driver.enter().capture_status(caller, stream(raw)?)? {
            CaptureStatus::None => 0,
            CaptureStatus::Active => 1,
            CaptureStatus::Invalidated => 2,
        })
    };
    fn cuThreadExchangeStreamCaptureMode(code: Out<c_uint>) |_, caller| {
        let before = caller.exchange_mode(mode(code.get()?)?);
        code.put(before.code())
    };
}
