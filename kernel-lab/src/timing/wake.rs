//! Puts the host into the state that the runner is in when its clock starts.
//!
//! A thaw wakes every thread of the runner, so its processors are up before
//! the plan begins, and what the hand-shake costs with cold caches is
//! measured and subtracted. The host comes from scrubbing them on one
//! processor: the other has gone to sleep (on a virtual machine, waking it is
//! the hypervisor's affair), and the interpreter's code is in no cache any
//! more. Together they made a baseline of 2.7 ms pay 0.1 ms that a candidate
//! did not pay.

use std::collections::BTreeMap;
use std::io::Write as _;

use torch_bridge::tch::{Device, Kind, Tensor};
use torch_bridge::{BoundCall, Interp, Value};

use crate::error::HarnessError;

/// Elements that PyTorch spreads over two threads: twice its grain.
const ELEMENTS_PER_THREAD: i64 = 1 << 15;

/// A small operation in place on all of the host's threads.
#[derive(Debug)]
pub(crate) struct Waker {
    call: BoundCall,
}

impl Waker {
    /// For an interpreter of `threads` threads.
    pub(crate) fn new(interp: &Interp, threads: usize) -> Result<Self, HarnessError> {
        let failed = |source| HarnessError::System {
            doing: "write the module that wakes the threads".to_owned(),
            source,
        };
        let mut file = tempfile::Builder::new()
            .prefix("alphalab-wake-")
            .suffix(".py")
            .tempfile()
            .map_err(failed)?;
        file.write_all(
            b"import torch\n\n\nclass Model(torch.nn.Module):\n    def forward(self, x):\n        \
              return x.neg_()\n\n\ndef get_inputs():\n    return []\n",
        )
        .map_err(failed)?;
        let elements = ELEMENTS_PER_THREAD * threads.max(1) as i64;
        let tensor = Tensor::ones([elements], (Kind::Float, Device::Cpu));
        let call = interp
            .load_task(file.path(), &BTreeMap::new())
            .and_then(|module| module.model(0))
            .and_then(|model| model.callable().bind(&[Value::Tensor(tensor)]))
            .map_err(HarnessError::python("preparing to wake the threads"))?;
        Ok(Self { call })
    }

    /// To be called after the caches were scrubbed, before the clock starts.
    pub(crate) fn wake(&self) -> Result<(), HarnessError> {
        self.call
            .call()
            .map(drop)
            .map_err(HarnessError::python("waking the threads"))
    }
}
