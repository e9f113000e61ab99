//! One instruction as a kernel: a case a thread.

use std::fmt::Write;

use cuda_sim::{Checks, Device, Limits, Module, Shape};

/// Bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    B16,
    B32,
    B64,
}

impl Width {
    fn bits(self) -> u32 {
        match self {
            Self::B16 => 16,
            Self::B32 => 32,
            Self::B64 => 64,
        }
    }
}

/// What is run: PTX that leaves its result in `%d`, and may use the operands
/// `%a`, `%b`, `%c` and `%e`, and the predicates `%p` and `%q`.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) body: String,
    pub(crate) result: Width,
    pub(crate) operands: Vec<Width>,
}

impl Code {
    /// One instruction with a result and operands.
    pub(crate) fn of(opcode: &str, result: Width, operands: &[Width]) -> Self {
        let names = &["%a", "%b", "%c", "%e"][..operands.len()];
        Self {
            body: format!("{opcode} %d, {};", names.join(", ")),
            result,
            operands: operands.to_vec(),
        }
    }

    pub(crate) fn body(body: impl Into<String>, result: Width, operands: &[Width]) -> Self {
        Self {
            body: body.into(),
            result,
            operands: operands.to_vec(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from(
            ".version 8.3\n.target sm_90\n.address_size 64\n\
             .visible .entry k(.param .u64 in, .param .u64 out)\n{\n\
             .reg .pred %p, %q;\n.reg .b32 %r<4>;\n.reg .b64 %i, %o;\n",
        );
        let bits = self.result.bits();
        writeln!(text, ".reg .b{bits} %d;").unwrap();
        for (name, width) in ["%a", "%b", "%c", "%e"].iter().zip(&self.operands) {
            writeln!(text, ".reg .b{} {name};", width.bits()).unwrap();
        }
        text.push_str(
            "mov.u32 %r0, %ctaid.x;\nmov.u32 %r1, %ntid.x;\nmov.u32 %r2, %tid.x;\n\
             mad.lo.u32 %r3, %r0, %r1, %r2;\n\
             ld.param.u64 %i, [in];\nld.param.u64 %o, [out];\n\
             mad.wide.u32 %i, %r3, 32, %i;\nmad.wide.u32 %o, %r3, 8, %o;\n",
        );
        for (at, (name, width)) in ["%a", "%b", "%c", "%e"]
            .iter()
            .zip(&self.operands)
            .enumerate()
        {
            let bits = width.bits();
            writeln!(text, "ld.global.b{bits} {name}, [%i+{}];", at * 8).unwrap();
        }
        text.push_str(&self.body);
        write!(text, "\nst.global.b{bits} [%o], %d;\nret;\n}}\n").unwrap();
        text
    }

    /// The result of each case.
    pub(crate) fn run(&self, cases: &[[u64; 4]]) -> Vec<u64> {
        const THREADS: usize = 256;
        let blocks = cases.len().div_ceil(THREADS);
        let mut device = Device::new(1 << 32);
        let module = Module::load(device.heap_mut(), &self.text())
            .unwrap_or_else(|error| panic!("{}: {error}", self.body));
        let mut bytes: Vec<u8> = cases
            .iter()
            .flatten()
            .flat_map(|operand| operand.to_le_bytes())
            .collect();
        bytes.resize(blocks * THREADS * 32, 0);
        let input = device.upload("in", &bytes).unwrap();
        let output = device
            .upload("out", &vec![0; blocks * THREADS * 8])
            .unwrap();
        let mut arguments = input.base().to_le_bytes().to_vec();
        arguments.extend(output.base().to_le_bytes());
        let shape = Shape {
            grid: [blocks as u32, 1, 1],
            block: [THREADS as u32, 1, 1],
            dynamic_shared: 0,
        };
        let limits = Limits {
            threads: 1,
            checks: Checks::Memory,
            ..Limits::default()
        };
        let outcome = module
            .launch(device.heap(), "k", shape, &arguments, limits)
            .unwrap();
        assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
        let mut bytes = vec![0; cases.len() * 8];
        output.read(0, &mut bytes);
        bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect()
    }

    /// Each case must come to what `expected` says; `same` compares.
    pub(crate) fn check_by(
        &self,
        cases: &[[u64; 4]],
        same: impl Fn(u64, u64) -> bool,
        expected: impl Fn([u64; 4]) -> u64,
    ) {
        for (case, got) in cases.iter().zip(self.run(cases)) {
            let expected = expected(*case);
            assert!(
                same(got, expected),
                "{} of {:x?}: {got:#x} instead of {expected:#x}",
                self.body,
                &case[..self.operands.len()]
            );
        }
    }

    /// To the last bit.
    pub(crate) fn check(&self, cases: &[[u64; 4]], expected: impl Fn([u64; 4]) -> u64) {
        self.check_by(cases, |got, expected| got == expected, expected);
    }
}
