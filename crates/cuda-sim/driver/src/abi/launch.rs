//! Launches, and how many blocks would fit.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::{c_int, c_uint, c_void};

use super::entries;
use super::module::function;
use super::pointer::{Arguments, Callback, Extra, Host, Out};
use super::stream::stream;
use crate::caller::Caller;
use crate::driver::Driver;
use crate::error::Error;
use crate::handle::FunctionId;
use crate::machine::Shape;

/// `CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE`.
const MOST_FLAGS: c_uint = 1;

fn packed(
    driver: &Driver,
    caller: &Caller,
    id: FunctionId,
    arguments: Arguments,
    extra: Extra,
) -> Result<Vec<u8>, Error> {
    if let Some(packed) = extra.pack()? {
        return if arguments.is_null() {
            Ok(packed)
        } else {
            Err(Error::InvalidValue)
        };
    }
    let machine = driver.enter();
    let (params, bytes) = machine.function_params(caller, id)?;
    if params.is_empty() {
        return Ok(Vec::new());
    }
    if arguments.is_null() {
        return Err(Error::InvalidValue);
    }
    arguments.pack(params, bytes)
}

fn number(value: c_int) -> Result<u32, Error> {
    u32::try_from(value).map_err(|_| Error::InvalidValue)
}

fn blocks(
    driver: &Driver,
    caller: &Caller,
    raw: u64,
    threads: c_int,
    dynamic: usize,
) -> Result<c_int, Error> {
    let id = function(raw)?;
    let dynamic = u32::try_from(dynamic).unwrap_or(u32::MAX);
    let blocks = driver
        .enter()
        .occupancy(caller, id, number(threads)?, dynamic)?;
    Ok(blocks.cast_signed())
}

/// Shared memory that a block of so many threads needs, if the program says.
type SharedOf = Option<extern "C" fn(c_int) -> usize>;

fn best(
    driver: &Driver,
    caller: &Caller,
    raw: u64,
    (shared_of, shared): (SharedOf, usize),
    limit: c_int,
) -> Result<(c_int, c_int), Error> {
    let id = function(raw)?;
    let candidates = driver
        .enter()
        .occupancy_candidates(caller, id, number(limit)?)?;
    // The program's function is called while nobody has the machine.
    let with_shared = candidates.into_iter().map(|threads| {
        let bytes = shared_of.map_or(shared, |of| of(threads.cast_signed()));
        (threads, u32::try_from(bytes).unwrap_or(u32::MAX))
    });
    let with_shared: Vec<_> = with_shared.collect();
    let (blocks, threads) = driver.enter().occupancy_best(caller, id, &with_shared)?;
    Ok((blocks.cast_signed(), threads.cast_signed()))
}

entries! {
    fn cuLaunchKernel(
        raw: u64,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        dynamic_shared: c_uint,
        at: u64,
        arguments: Arguments,
        extra: Extra,
    ) |driver, caller| {
        let id = function(raw)?;
        let shape = Shape {
            grid: [grid_x, grid_y, grid_z],
            block: [block_x, block_y, block_z],
            dynamic_shared,
        };
        let arguments = packed(driver, caller, id, arguments, extra)?;
        driver.enter().launch(caller, stream(at)?, id, shape, &arguments)
    };
    fn cuLaunchCooperativeKernel(
        raw: u64,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        dynamic_shared: c_uint,
        at: u64,
        arguments: Arguments,
    ) |driver, caller| {
        let id = function(raw)?;
        let shape = Shape {
            grid: [grid_x, grid_y, grid_z],
            block: [block_x, block_y, block_z],
            dynamic_shared,
        };
        let arguments = packed(driver, caller, id, arguments, Extra::none())?;
        let mut machine = driver.enter();
        machine.launch_cooperative(caller, stream(at)?, id, shape, &arguments)
    };
    /// What it adds to the others are clusters and the like.
    fn cuLaunchKernelEx(
        _config: *const c_void,
        raw: u64,
        _arguments: Arguments,
        _extra: Extra,
    ) |driver, caller| {
        driver.enter().function_check(caller, function(raw)?)?;
        Err(Error::NotSupported)
    };
    fn cuLaunchHostFunc(
        at: u64,
        called: Option<extern "C" fn(*mut c_void)>,
        data: Host,
    ) |driver, caller| {
        if called.is_none() {
            return Err(Error::InvalidValue);
        }
        let callback = Callback { function: called, data };
        let callback = std::sync::Arc::new(callback);
        driver.enter().stream_call(caller, stream(at)?, callback)
    };
    fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
        to: Out<c_int>,
        raw: u64,
        threads: c_int,
        dynamic: usize,
    ) |driver, caller| to.put(blocks(driver, caller, raw, threads, dynamic)?);
    fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        to: Out<c_int>,
        raw: u64,
        threads: c_int,
        dynamic: usize,
        flags: c_uint,
    ) |driver, caller| {
        if flags > MOST_FLAGS {
            return Err(Error::InvalidValue);
        }
        to.put(blocks(driver, caller, raw, threads, dynamic)?)
    };
    fn cuOccupancyMaxPotentialBlockSize(
        grid: Out<c_int>,
        block: Out<c_int>,
        raw: u64,
        shared_of: SharedOf,
        shared: usize,
        limit: c_int,
    ) |driver, caller| {
        let (blocks, threads) = best(driver, caller, raw, (shared_of, shared), limit)?;
        grid.put(blocks)?;
        block.put(threads)
    };
    fn cuOccupancyMaxPotentialBlockSizeWithFlags(
        grid: Out<c_int>,
        block: Out<c_int>,
        raw: u64,
        shared_of: SharedOf,
        shared: usize,
        limit: c_int,
        flags: c_uint,
    ) |driver, caller| {
        if flags > MOST_FLAGS {
            return Err(Error::InvalidValue);
        }
        let (blocks, threads) = best(driver, caller, raw, (shared_of, shared), limit)?;
        grid.put(blocks)?;
        block.put(threads)
    };
    fn cuOccupancyAvailableDynamicSMemPerBlock(
        to: Out<usize>,
        raw: u64,
        blocks: c_int,
        threads: c_int,
    ) |driver, caller| {
        let (blocks, threads) = (number(blocks)?, number(threads)?);
        let machine = driver.enter();
        let bytes = machine.occupancy_shared(caller, function(raw)?, blocks, threads)?;
        to.put(bytes as usize)
    };
    fn cuOccupancyMaxActiveClusters(_to: Out<c_int>, raw: u64, _config: *const c_void)
        |driver, caller| {
        driver.enter().function_check(caller, function(raw)?)?;
        Err(Error::NotSupported)
    };
    fn cuOccupancyMaxPotentialClusterSize(_to: Out<c_int>, raw: u64, _config: *const c_void)
        |driver, caller| {
        driver.enter().function_check(caller, function(raw)?)?;
        Err(Error::NotSupported)
    };
}
