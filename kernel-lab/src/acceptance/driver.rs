//! Small programs, each for something that the driver must do: what they come to is known
//! exactly.

use std::time::Duration;

use kernel_nvrtc::{Arch, Built, Compiler};

use super::place::{Loaded, Place, compiled};
use crate::device::{Call, Ended, Run};
use crate::error::{HarnessError, chain};
use crate::plan::{BoundPlan, BufferMeta, Dtype, Limits, Role, Signature, Target, bind, parse};

/// The kernels.
const SOURCE: &str = include_str!("probes.cu");
/// Floats of input and output: two pieces of 64 KiB.
const ELEMENTS: usize = 2 * 16384;
/// Inputs repeat after so many: all sums of them are exact.
const PERIOD: usize = 64;
/// Longest call of what ends.
const LIMIT: Duration = Duration::from_secs(20);
/// How long what never ends is waited for.
const ENDLESS: Duration = Duration::from_secs(3);
/// Copies of input and output.
const SLOTS: usize = 2;

const ADD_ONE: &str = r#"
[[step]]
kernel = "add_one"
grid = ["ceil_div(n, 256)"]
block = [256]
args = ["in.0", "out.0", "n"]
"#;

const COOPERATIVE: &str = r#"
[temps.parts]
dtype = "f32"
shape = ["8"]
[[step]]
kernel = "sum_of_all"
grid = [8]
block = [128]
cooperative = true
args = ["in.0", "tmp.parts", "out.0", "n"]
"#;

const SHARED: &str = r#"
[[step]]
kernel = "through_shared"
grid = [2]
block = [256]
shared = 65536
args = ["in.0", "out.0"]
"#;

const VARIABLES: &str = r#"
[[step]]
kernel = "count_call"
grid = [1]
block = [1]
args = []
[[step]]
kernel = "tell_calls"
grid = ["ceil_div(n, 256)"]
block = [256]
args = ["out.0", "n"]
"#;

const STRAY: &str = r#"
[[step]]
kernel = "stray"
grid = ["ceil_div(n, 256)"]
block = [256]
args = ["in.0", "out.0", "far", "n"]
"#;

const ENDLESS_PLAN: &str = r#"
[[step]]
kernel = "endless"
grid = [1]
block = [1]
args = ["in.0", "out.0"]
"#;

/// Names of the cases, in their order.
pub(super) const CASES: [&str; 9] = [
    "allocate_write_read",
    "launch",
    "two_slots",
    "cooperative_launch",
    "large_shared_memory",
    "fresh_variables",
    "out_of_memory",
    "illegal_access",
    "endless_kernel",
];

/// What the cases are tried on.
pub(super) struct Driver<'a> {
    place: &'a mut dyn Place,
    /// The kernels.
    code: Built,
}

impl<'a> Driver<'a> {
    /// Compiles the kernels.
    pub(super) fn new(
        place: &'a mut dyn Place,
        compiler: &Compiler,
        arch: &Arch,
    ) -> Result<Self, HarnessError> {
        match compiled(compiler, SOURCE, arch)? {
            Ok(code) => Ok(Self { place, code }),
            Err(log) => Err(HarnessError::CudaInput(format!(
                "the lab's own kernels do not compile for {}: {log}",
                arch.name()
            ))),
        }
    }

    /// Tries one case; the error is what is wrong.
    pub(super) fn case(&mut self, name: &str) -> Result<String, String> {
        match name {
            "allocate_write_read" => self.memory(),
            "launch" => self.exact(ADD_ONE, &plus_one()),
            "two_slots" => self.two_slots(),
            "cooperative_launch" => self.exact(COOPERATIVE, &all(input().iter().sum())),
            "large_shared_memory" => self.exact(SHARED, &turned()),
            "fresh_variables" => self.variables(),
            "out_of_memory" => self.out_of_memory(),
            "illegal_access" => self.ends(STRAY, LIMIT),
            "endless_kernel" => self.ends(ENDLESS_PLAN, ENDLESS),
            other => Err(format!("there is no case `{other}`")),
        }
    }

    fn load(&mut self, plan: &BoundPlan) -> Result<Result<Box<dyn Loaded>, Ended>, String> {
        let loaded = self.place.load(plan, &self.code, &[], SLOTS);
        loaded.map_err(|error| chain(&error))
    }

    fn ready(&mut self, plan: &BoundPlan) -> Result<Box<dyn Loaded>, String> {
        self.load(plan)?
            .map_err(|ended| format!("it could not be loaded: {}", words(&ended)))
    }

    /// Runs a plan on the input and compares all of the output.
    fn exact(&mut self, text: &str, want: &[f32]) -> Result<String, String> {
        let plan = plan(text)?;
        let mut session = self.ready(&plan)?;
        give(session.as_mut(), &plan, 0, &input())?;
        call(session.as_mut(), 0)?;
        same(&output(session.as_mut(), &plan, 0)?, want)?;
        Ok(format!("{ELEMENTS} values are exact"))
    }

    fn memory(&mut self) -> Result<String, String> {
        let plan = plan(ADD_ONE)?;
        let mut session = self.ready(&plan)?;
        give(session.as_mut(), &plan, 0, &input())?;
        let back = floats(session.as_mut(), index(&plan, &Role::In(0))?, 0)?;
        same(&back, &input())?;
        Ok(format!(
            "{} KiB come back as they went",
            ELEMENTS * 4 / 1024
        ))
    }

    fn two_slots(&mut self) -> Result<String, String> {
        let plan = plan(ADD_ONE)?;
        let mut session = self.ready(&plan)?;
        if session.slots() != SLOTS {
            return Err(format!("{} slots instead of {SLOTS}", session.slots()));
        }
        let other: Vec<f32> = input().iter().map(|value| value + 100.0).collect();
        give(session.as_mut(), &plan, 0, &input())?;
        give(session.as_mut(), &plan, 1, &other)?;
        call(session.as_mut(), 0)?;
        call(session.as_mut(), 1)?;
        same(&output(session.as_mut(), &plan, 0)?, &plus_one())?;
        let want: Vec<f32> = other.iter().map(|value| value + 1.0).collect();
        same(&output(session.as_mut(), &plan, 1)?, &want)?;
        Ok("each call reads and writes its own".to_owned())
    }

    /// Variables of a module live from call to call, and are gone when it is loaded afresh.
    fn variables(&mut self) -> Result<String, String> {
        let plan = plan(VARIABLES)?;
        let mut session = self.ready(&plan)?;
        for calls in [1.0, 2.0] {
            call(session.as_mut(), 0)?;
            same(&output(session.as_mut(), &plan, 0)?, &all(calls))?;
        }
        let loaded = session.reload(&self.code);
        loaded.map_err(|error| chain(&error))?;
        call(session.as_mut(), 0)?;
        same(&output(session.as_mut(), &plan, 0)?, &all(1.0))?;
        Ok("a module that is loaded afresh has forgotten them".to_owned())
    }

    /// More memory than there is: a refusal, and all goes on.
    fn out_of_memory(&mut self) -> Result<String, String> {
        let facts = self.place.facts();
        let memory: u64 = facts
            .get("gpu_memory_bytes")
            .and_then(|text| text.parse().ok())
            .ok_or("the device does not say how much memory it has")?;
        let plan = plan(&format!(
            "[temps.huge]\ndtype = \"f32\"\nshape = [\"{}\"]\n[[step]]\nkernel = \"add_one_beside\"\n\
             grid = [\"ceil_div(n, 256)\"]\nblock = [256]\nargs = [\"in.0\", \"tmp.huge\", \"out.0\", \"n\"]\n",
            memory / 4 + 1
        ))?;
        match self.load(&plan)? {
            Err(Ended::Refused(reason)) if reason.contains("OUT_OF_MEMORY") => {
                self.goes_on()?;
                Ok(reason)
            }
            Err(ended) => Err(format!("another refusal: {}", words(&ended))),
            Ok(_) => Err(format!(
                "more than the device's {memory} bytes could be taken"
            )),
        }
    }

    /// Something that must end badly: it is told, and the next candidate has a new process.
    fn ends(&mut self, text: &str, limit: Duration) -> Result<String, String> {
        let plan = plan(text)?;
        let mut session = self.ready(&plan)?;
        give(session.as_mut(), &plan, 0, &input())?;
        let ran = session.run(Call::Plan { slot: 0 }, limit);
        drop(session);
        let told = match ran.map_err(|error| chain(&error))? {
            Run::Ended(ended) => words(&ended),
            Run::Done(()) => return Err("it ended as if all was well".to_owned()),
        };
        self.goes_on()?;
        Ok(format!("{told}; a new runner works"))
    }

    fn goes_on(&mut self) -> Result<(), String> {
        let worked = self.exact(ADD_ONE, &plus_one());
        worked
            .map(drop)
            .map_err(|why| format!("nothing works afterwards: {why}"))
    }
}

fn plan(steps: &str) -> Result<BoundPlan, String> {
    let text = format!("schema = 1\n[dims]\nn = \"in.0.numel\"\nfar = \"274877906944\"\n{steps}");
    let meta = || BufferMeta {
        dtype: Dtype::F32,
        shape: vec![ELEMENTS as i64],
    };
    let signature = Signature {
        inputs: vec![meta()],
        params: Vec::new(),
        outputs: vec![meta()],
    };
    // Too much memory is asked for on purpose.
    let limits = Limits {
        temp_bytes: u64::MAX,
    };
    parse(&text, Target::Cuda)
        .and_then(|plan| bind(&plan, &signature, None, limits))
        .map_err(|error| error.to_string())
}

fn input() -> Vec<f32> {
    (0..ELEMENTS).map(|index| (index % PERIOD) as f32).collect()
}

fn all(value: f32) -> Vec<f32> {
    vec![value; ELEMENTS]
}

fn plus_one() -> Vec<f32> {
    input().iter().map(|value| value + 1.0).collect()
}

/// The input, each half turned around.
fn turned() -> Vec<f32> {
    let mut values = input();
    for piece in values.chunks_mut(ELEMENTS / 2) {
        piece.reverse();
    }
    values
}

fn index(plan: &BoundPlan, role: &Role) -> Result<usize, String> {
    plan.find(role)
        .ok_or_else(|| format!("the plan has no `{role}`"))
}

fn give(
    session: &mut dyn Loaded,
    plan: &BoundPlan,
    slot: usize,
    values: &[f32],
) -> Result<(), String> {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let written = session.write(index(plan, &Role::In(0))?, slot, &bytes);
    written.map_err(|error| chain(&error))
}

fn output(session: &mut dyn Loaded, plan: &BoundPlan, slot: usize) -> Result<Vec<f32>, String> {
    floats(session, index(plan, &Role::Out(0))?, slot)
}

fn floats(session: &mut dyn Loaded, buffer: usize, slot: usize) -> Result<Vec<f32>, String> {
    let mut bytes = vec![0; ELEMENTS * 4];
    let read = session.read(buffer, slot, &mut bytes);
    read.map_err(|error| chain(&error))?;
    let values = bytes.as_chunks::<4>().0.iter();
    Ok(values.map(|four| f32::from_le_bytes(*four)).collect())
}

fn call(session: &mut dyn Loaded, slot: usize) -> Result<(), String> {
    let ran = session.run(Call::Plan { slot }, LIMIT);
    match ran.map_err(|error| chain(&error))? {
        Run::Done(()) => Ok(()),
        Run::Ended(ended) => Err(words(&ended)),
    }
}

/// The first value that is another one.
fn same(got: &[f32], want: &[f32]) -> Result<(), String> {
    let differs = |(got, want): (&f32, &f32)| got.to_bits() != want.to_bits();
    match got.iter().zip(want).position(differs) {
        None if got.len() == want.len() => Ok(()),
        None => Err(format!("{} values instead of {}", got.len(), want.len())),
        Some(at) => Err(format!(
            "value {at} is {:?} instead of {:?}",
            got[at], want[at]
        )),
    }
}

/// How something ended, in words.
pub(super) fn words(ended: &Ended) -> String {
    match ended {
        Ended::Found(finding) => finding.to_string(),
        Ended::TimedOut { doing, limit } => {
            format!("no answer to `{doing}` within {} s", limit.as_secs())
        }
        Ended::Refused(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_binds() {
        for text in [ADD_ONE, COOPERATIVE, SHARED, VARIABLES, STRAY, ENDLESS_PLAN] {
            let bound = plan(text).expect("a plan");
            assert_eq!(index(&bound, &Role::In(0)), Ok(0));
        }
    }

    #[test]
    fn the_first_other_value_is_named() {
        assert_eq!(same(&[1.0, 2.0], &[1.0, 2.0]), Ok(()));
        let why = same(&[1.0, 2.5], &[1.0, 2.0]).expect_err("another value");
        assert_eq!(why, "value 1 is 2.5 instead of 2.0");
        assert!(same(&[1.0], &[1.0, 2.0]).is_err());
    }

    #[test]
    fn sums_of_the_input_are_exact() {
        let exact: u64 = (0..ELEMENTS).map(|index| (index % PERIOD) as u64).sum();
        assert_eq!(input().iter().sum::<f32>() as u64, exact);
        assert!(exact < 1 << 24, "beyond that floats skip integers");
        let last = input()[ELEMENTS / 2 - 1];
        assert_eq!(turned()[0].to_bits(), last.to_bits());
    }
}
