//! Events.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::c_uint;

use super::pointer::Out;
use super::stream::stream;
use super::{entries, wait};
use crate::error::Error;
use crate::handle::EventId;

fn event(raw: u64) -> Result<EventId, Error> {
    EventId::from_raw(raw).ok_or(Error::InvalidHandle)
}

entries! {
    fn cuEventCreate(to: Out<u64>, flags: c_uint) |driver, caller| {
        to.put(driver.enter().event_create(caller, flags)?.raw())
    };
    fn cuEventDestroy_v2(raw: u64) as cuEventDestroy |driver, caller| {
        driver.enter().event_destroy(caller, event(raw)?)
    };
    fn cuEventRecord(raw: u64, at: u64) |driver, caller| {
        driver.enter().event_record(caller, event(raw)?, stream(at)?)
    };
    fn cuEventRecordWithFlags(raw: u64, at: u64, flags: c_uint) |driver, caller| {
        if flags != 0 {
            return Err(Error::NotSupported);
        }
        driver.enter().event_record(caller, event(raw)?, stream(at)?)
    };
    fn cuEventQuery(raw: u64) |driver, caller| driver.enter().event_query(caller, event(raw)?);
    fn cuEventSynchronize(raw: u64) |driver, caller| {
        let pending = driver.enter().event_synchronize(caller, event(raw)?)?;
        wait(driver, pending)
    };
    fn cuEventElapsedTime_v2(ms: Out<f32>, start: u64, end: u64) as cuEventElapsedTime
        |driver, caller| {
        ms.put(driver.enter().event_elapsed(caller, event(start)?, event(end)?)?)
    };
}
