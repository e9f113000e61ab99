//! Graphs.

#![expect(unsafe_code, reason = "names that programs look for")]

use core::ffi::c_void;

use super::entries;
use super::pointer::Out;
use super::stream::stream;
use crate::error::Error;
use crate::handle::{ExecId, GraphId};

fn graph(raw: u64) -> Result<GraphId, Error> {
    GraphId::from_raw(raw).ok_or(Error::InvalidHandle)
}

fn exec(raw: u64) -> Result<ExecId, Error> {
    ExecId::from_raw(raw).ok_or(Error::InvalidHandle)
}

entries! {
    fn cuGraphInstantiateWithFlags(to: Out<u64>, raw: u64, flags: u64) |driver, caller| {
        to.put(driver.enter().graph_instantiate(caller, graph(raw)?, flags)?.raw())
    };
    fn cuGraphInstantiate_v2(
        to: Out<u64>,
        raw: u64,
        node: Out<u64>,
        log: Out<u8>,
        log_bytes: usize,
    ) as cuGraphInstantiate |driver, caller| {
        // There is no node to blame and nothing to log.
        node.put_if_there(0);
        if log_bytes > 0 {
            log.put_if_there(0);
        }
        to.put(driver.enter().graph_instantiate(caller, graph(raw)?, 0)?.raw())
    };
    fn cuGraphLaunch(raw: u64, at: u64) |driver, caller| {
        driver.enter().graph_launch(caller, exec(raw)?, stream(at)?)
    };
    fn cuGraphUpload(raw: u64, at: u64) |driver, caller| {
        driver.enter().graph_upload(caller, exec(raw)?, stream(at)?)
    };
    fn cuGraphExecDestroy(raw: u64) |driver, caller| {
        driver.enter().graph_exec_destroy(caller, exec(raw)?)
    };
    fn cuGraphDestroy(raw: u64) |driver, caller| {
        driver.enter().graph_destroy(caller, graph(raw)?)
    };
    fn cuGraphGetNodes(raw: u64, nodes: *const c_void, count: Out<usize>) |driver, _| {
        if !nodes.is_null() {
            return Err(Error::NotSupported);
        }
        count.put(driver.enter().graph_nodes(graph(raw)?)?)
    };
}
