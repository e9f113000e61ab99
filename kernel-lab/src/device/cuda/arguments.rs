//! A plan's arguments against the parameters that its kernels have in PTX.
//!
//! A launch copies as many bytes as a parameter has from wherever it is told to: that both
//! sides mean the same is checked here, before anything runs.

use cuda_sim::ptx::{self, Array, Function, Type, Variable};
use kernel_cuda::wire::Arg;

use crate::plan::{BoundArg, BoundPlan, BoundStep, did_you_mean};

/// Whether all of it fits; what does not otherwise.
pub(super) fn check(plan: &BoundPlan, text: &str) -> Result<(), String> {
    let kernels = Kernels::read(plan, text)?;
    for (place, steps) in [("prepare", &plan.prepare), ("step", &plan.steps)] {
        for (number, step) in steps.iter().enumerate() {
            if let BoundStep::Kernel { kernel, args, .. } = step {
                let place = format!("{place} {}", number + 1);
                kernels.arguments(&place, *kernel, args)?;
            }
        }
    }
    Ok(())
}

/// The kernels of a plan with their parameters.
pub(super) struct Kernels<'a> {
    plan: &'a BoundPlan,
    /// By index into the plan's kernels.
    params: Vec<Vec<Variable<'a>>>,
}

impl<'a> Kernels<'a> {
    /// Finds a plan's kernels in PTX.
    pub(super) fn read(plan: &'a BoundPlan, text: &'a str) -> Result<Self, String> {
        let module = ptx::parse(text).map_err(|error| format!("the PTX can't be read: {error}"))?;
        let entries: Vec<Function<'a>> = module
            .functions
            .into_iter()
            .filter(|function| function.entry)
            .collect();
        let params = plan.kernels.iter().map(|kernel| {
            let name = kernel.symbol.as_str();
            let found = entries.iter().find(|entry| entry.name == name);
            let found = found.map(|entry| entry.params.clone());
            found.ok_or_else(|| missing(name, kernel.line, &entries))
        });
        Ok(Self {
            plan,
            params: params.collect::<Result<_, _>>()?,
        })
    }

    /// The arguments of a launch as the runner passes them on; `place` says which launch.
    pub(super) fn arguments(
        &self,
        place: &str,
        kernel: usize,
        args: &[BoundArg],
    ) -> Result<Vec<Arg>, String> {
        let name = &self.plan.kernels[kernel].symbol;
        let params = &self.params[kernel];
        if params.len() != args.len() {
            return Err(format!(
                "{place}: kernel `{name}` takes {} arguments, ({}), and the plan passes {}",
                params.len(),
                list(params),
                args.len()
            ));
        }
        let each = args.iter().zip(params).enumerate();
        each.map(|(index, (arg, param))| {
            self.argument(*arg, param).map_err(|what| {
                format!(
                    "{place}: kernel `{name}`: argument {} is {what}, and the kernel takes {} there",
                    index + 1,
                    type_of(param)
                )
            })
        })
        .collect()
    }

    /// One argument; the error says what it is, and why that does not do.
    fn argument(&self, arg: BoundArg, param: &Variable<'_>) -> Result<Arg, String> {
        let one = matches!(param.array, Array::One) && param.vector == 1;
        let width = param.ty.bytes();
        let floats = matches!(param.ty, Type::F32 | Type::F64);
        let integers = matches!(
            param.ty,
            Type::S8
                | Type::S16
                | Type::S32
                | Type::S64
                | Type::U8
                | Type::U16
                | Type::U32
                | Type::U64
                | Type::B8
                | Type::B16
                | Type::B32
                | Type::B64
        );
        match arg {
            BoundArg::Buffer(index) => {
                let fits = one && integers && width == 8;
                fits.then_some(Arg::Buffer(index))
                    .ok_or_else(|| format!("the address of `{}`", self.plan.buffers[index].role))
            }
            BoundArg::I64(value) => {
                let bits = width * 8;
                let fits = bits >= 64 || (-(1_i64 << (bits - 1))..1_i64 << bits).contains(&value);
                // Nothing is at address 0: that a plan may say, as for a bias that there is not.
                let address = param.pointer && value != 0;
                if one && integers && fits && !address {
                    Ok(Arg::Value(value.cast_unsigned()))
                } else if one && floats {
                    Err(format!("the integer {value} (as a float: `{value}.0`)"))
                } else if one && integers && !fits {
                    Err(format!("the integer {value}, which does not fit"))
                } else {
                    Err(format!("the integer {value}"))
                }
            }
            BoundArg::F64(value) => match param.ty {
                Type::F32 if one && (value as f32).is_finite() => {
                    Ok(Arg::Value((value as f32).to_bits().into()))
                }
                Type::F32 if one => Err(format!("the float {value:?}, which does not fit")),
                Type::F64 if one => Ok(Arg::Value(value.to_bits())),
                _ => Err(format!("the float {value:?}")),
            },
        }
    }
}

fn missing(name: &str, line: usize, entries: &[Function<'_>]) -> String {
    let names = entries.iter().map(|entry| entry.name);
    let known: Vec<&str> = names.clone().collect();
    let hint = did_you_mean(name, names)
        .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
    format!(
        "plan.toml:{line}: there is no kernel `{name}` in `kernel.cu`{hint}; it has {}, and takes \
         those that are declared `extern \"C\" __global__ void NAME(…)`",
        if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        }
    )
}

fn list(params: &[Variable<'_>]) -> String {
    let types: Vec<String> = params.iter().map(type_of).collect();
    types.join(", ")
}

/// A parameter's type as a reader of C++ knows it, and as PTX has it.
fn type_of(param: &Variable<'_>) -> String {
    let name = match param.ty {
        Type::F32 => "float (.f32)",
        Type::F64 => "double (.f64)",
        _ if param.pointer => "a pointer (.u64)",
        _ => "",
    };
    if matches!(param.array, Array::One) && param.vector == 1 {
        if name.is_empty() {
            let bits = param.ty.bytes() * 8;
            return format!("an integer of {bits} bits (.{:?})", param.ty).to_lowercase();
        }
        return name.to_owned();
    }
    format!("a struct of {} bytes", param.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{BufferMeta, Dtype, Limits, Signature, Target, bind, parse};

    const PTX: &str = "
.version 9.0
.target sm_80
.address_size 64
.visible .entry k(
    .param .u64 .ptr .align 1 k_param_0,
    .param .u32 k_param_1,
    .param .f32 k_param_2,
    .param .u64 k_param_3,
    .param .f64 k_param_4,
    .param .u8 k_param_5
)
{
    ret;
}
.visible .entry p()
{
    ret;
}
.visible .entry o(.param .u64 .ptr .align 1 o_param_0)
{
    ret;
}
.visible .entry s(.param .align 4 .b8 s_param_0[12])
{
    ret;
}";

    /// A plan of one launch, and of another one that makes use of the output.
    fn bound(kernel: &str, args: &str) -> BoundPlan {
        let meta = BufferMeta {
            dtype: Dtype::F32,
            shape: vec![4],
        };
        let signature = Signature {
            inputs: vec![meta.clone()],
            params: Vec::new(),
            outputs: vec![meta],
        };
        let text = format!(
            "schema = 1\n[[prepare]]\nkernel = \"p\"\nargs = []\ngrid = 1\nblock = 1\n[[step]]\n\
             kernel = \"p\"\nargs = []\ngrid = 1\nblock = 1\n[[step]]\nkernel = \"{kernel}\"\n\
             args = [{args}]\ngrid = 1\nblock = 1\n[[step]]\nkernel = \"o\"\nargs = [\"out.0\"]\n\
             grid = 1\nblock = 1\n"
        );
        let limits = Limits { temp_bytes: 0 };
        parse(&text, Target::Cuda)
            .and_then(|plan| bind(&plan, &signature, None, limits))
            .expect("a plan")
    }

    fn problem(kernel: &str, args: &str) -> String {
        check(&bound(kernel, args), PTX).expect_err(args)
    }

    #[test]
    fn arguments_get_the_width_that_the_kernel_has() {
        let plan = bound("k", "\"out.0\", -1, 0.1, -1, 0.1, 255");
        let kernels = Kernels::read(&plan, PTX).expect("its kernels");
        let BoundStep::Kernel { kernel, args, .. } = &plan.steps[1] else {
            panic!("a kernel")
        };
        let arguments = kernels.arguments("step 2", *kernel, args);
        let buffer = plan.buffers.len() - 1;
        let expected = [
            Arg::Buffer(buffer),
            Arg::Value(u64::MAX),
            Arg::Value(0.1_f32.to_bits().into()),
            Arg::Value(u64::MAX),
            Arg::Value(0.1_f64.to_bits()),
            Arg::Value(255),
        ];
        assert_eq!(arguments.as_deref(), Ok(expected.as_slice()));
        // A pointer to nothing, and an address as a number.
        assert!(check(&bound("k", "0, 4294967295, 1.0, \"in.0\", 1.0, -128"), PTX).is_ok());
    }

    #[test]
    fn what_does_not_fit_names_step_argument_and_both_types() {
        for (kernel, args, words) in [
            (
                "k",
                "\"out.0\", 4294967296, 1.0, 1, 1.0, 1",
                "step 2: kernel `k`: argument 2 is the integer 4294967296, which does not fit, and \
                 the kernel takes an integer of 32 bits (.u32) there",
            ),
            (
                "k",
                "\"out.0\", 1, 3, 1, 1.0, 1",
                "argument 3 is the integer 3 (as a float: `3.0`), and the kernel takes float (.f32)",
            ),
            (
                "k",
                "\"out.0\", 1, 1e300, 1, 1.0, 1",
                "argument 3 is the float 1e300, which does not fit",
            ),
            (
                "k",
                "7, 1, 1.0, 1, 1.0, 1",
                "argument 1 is the integer 7, and the kernel takes a pointer (.u64)",
            ),
            (
                "k",
                "\"out.0\", \"in.0\", 1.0, 1, 1.0, 1",
                "argument 2 is the address of `in.0`",
            ),
            (
                "k",
                "\"out.0\", 1.5, 1.0, 1, 1.0, 1",
                "argument 2 is the float 1.5",
            ),
            (
                "k",
                "\"out.0\"",
                "kernel `k` takes 6 arguments, (a pointer (.u64), an integer of 32 bits (.u32), \
                 float (.f32), an integer of 64 bits (.u64), double (.f64), an integer of 8 bits \
                 (.u8)), and the plan passes 1",
            ),
            (
                "s",
                "1",
                "argument 1 is the integer 1, and the kernel takes a struct of 12 bytes",
            ),
            (
                "kk",
                "\"out.0\"",
                "plan.toml:12: there is no kernel `kk` in `kernel.cu` (did you mean `k`?); it has k, p, o, s",
            ),
        ] {
            let text = problem(kernel, args);
            assert!(text.contains(words), "{text}");
        }
    }
}
