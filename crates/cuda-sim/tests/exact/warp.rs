//! One warp that runs a few lines of PTX.

use cuda_sim::{Counts, Device, Limits, Module, Shape};

/// A body between loads from `in` and stores to `out`: each lane has `%in` and
/// `%out`, its own addresses, and `%lane`; where both start is `%from` and `%to`.
#[derive(Clone, Debug)]
pub(crate) struct Warp {
    /// Declarations and instructions.
    pub(crate) body: String,
    /// Bytes of each lane in `in` and in `out`.
    pub(crate) bytes: [usize; 2],
}

impl Warp {
    fn text(&self) -> String {
        let [given, left] = self.bytes;
        format!(
            ".version 8.7\n.target sm_100a\n.address_size 64\n\
             .visible .entry k(.param .u64 in, .param .u64 out)\n{{\n\
             .reg .b32 %lane;\n.reg .b64 %in, %out, %from, %to;\n\
             mov.u32 %lane, %tid.x;\n\
             ld.param.u64 %from, [in];\nld.param.u64 %to, [out];\n\
             mad.wide.u32 %in, %lane, {given}, %from;\n\
             mad.wide.u32 %out, %lane, {left}, %to;\n{}\nret;\n}}\n",
            self.body
        )
    }

    /// Why it can't be run.
    pub(crate) fn load_error(&self) -> String {
        let mut device = Device::new(1 << 20);
        match Module::load(device.heap_mut(), &self.text()) {
            Ok(_) => panic!("{} can be run", self.body),
            Err(error) => error.to_string(),
        }
    }

    /// What all lanes leave, and what was counted.
    pub(crate) fn run(&self, given: &[u8]) -> (Vec<u8>, Counts) {
        assert_eq!(given.len(), 32 * self.bytes[0]);
        let mut device = Device::new(1 << 24);
        let module = Module::load(device.heap_mut(), &self.text())
            .unwrap_or_else(|error| panic!("{}: {error}", self.body));
        let input = device.upload("in", given).unwrap();
        let mut left = vec![0xee; 32 * self.bytes[1]];
        let output = device.upload("out", &left).unwrap();
        let arguments = [input.base(), output.base()].map(u64::to_le_bytes);
        let shape = Shape {
            grid: [1, 1, 1],
            block: [32, 1, 1],
            dynamic_shared: 0,
        };
        let heap = device.heap();
        let outcome = module
            .launch(
                heap,
                "k",
                shape,
                arguments.as_flattened(),
                Limits::default(),
            )
            .unwrap();
        assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
        output.read(0, &mut left);
        (left, outcome.counts)
    }
}

/// `{%a0, %a1}`.
pub(crate) fn registers(name: char, count: usize) -> String {
    let names: Vec<String> = (0..count).map(|at| format!("%{name}{at}")).collect();
    format!("{{{}}}", names.join(", "))
}
