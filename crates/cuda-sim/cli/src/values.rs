//! Arguments to device memory and to the bytes that a kernel gets.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cuda_sim::ptx::{self, Type, Variable};
use cuda_sim::{Allocation, Attributes, Device};

use crate::argument::{Argument, Value};
use crate::element::Element;
use crate::fill::Fill;
use crate::npy::Array;
use crate::problem::{Problem, file};

/// Memory that an argument has.
#[derive(Debug)]
pub(crate) struct Buffer {
    pub(crate) name: String,
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    pub(crate) memory: Arc<Allocation>,
}

impl Buffer {
    /// What is there now.
    pub(crate) fn array(&self) -> Array {
        let mut bytes = vec![0; self.memory.bytes() as usize];
        self.memory.read(0, &mut bytes);
        Array {
            element: self.element,
            shape: self.shape.clone(),
            bytes,
        }
    }
}

/// What a launch is given.
#[derive(Debug)]
pub(crate) struct Values {
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) bytes: Vec<u8>,
}

/// A parameter as PTX declares it: `.f32`, or `.b8[24]`.
pub(crate) fn declared(param: &Variable<'_>) -> String {
    let ty = format!("{:?}", param.ty).to_lowercase();
    match &param.array {
        ptx::Array::One => format!(".{ty}"),
        ptx::Array::Sizes(_) => format!(".{ty}[{}]", param.bytes()),
    }
}

/// Takes memory for arguments, fills it, and lays them out as the kernel
/// takes them. `shown` is the kernel with its parameters, for messages.
pub(crate) fn prepare(
    device: &mut Device,
    arguments: &[Argument],
    params: &[Variable<'_>],
    attributes: &Attributes,
    shown: &str,
    seed: u64,
) -> Result<Values, Problem> {
    if arguments.len() != params.len() {
        return Err(Problem::input(format!(
            "{} --arg given, and {shown} takes {}",
            arguments.len(),
            params.len()
        )));
    }
    let mut values = Values {
        buffers: Vec::new(),
        bytes: vec![0; attributes.param_bytes as usize],
    };
    for (at, (argument, param)) in arguments.iter().zip(params).enumerate() {
        let wrong = |what: String| {
            let place = at + 1;
            Problem::input(format!(
                "argument {place} (`{}`) of {shown} {what}",
                argument.name
            ))
        };
        if arguments[..at]
            .iter()
            .any(|other| other.name == argument.name)
        {
            return Err(wrong("has the name of another one".to_owned()));
        }
        let bytes = match &argument.value {
            Value::Scalar(element, number) => {
                let mut bytes = Vec::new();
                element.push(*number, &mut bytes).map_err(&wrong)?;
                fits(*element, param).map_err(&wrong)?;
                bytes
            }
            Value::Bytes(bytes) => bytes.clone(),
            Value::Null => vec![0; 8],
            Value::Same { name, offset } => {
                let found = values.buffers.iter().find(|buffer| buffer.name == *name);
                let found = found.ok_or_else(|| {
                    wrong(format!(
                        "is the memory of `{name}`, which is no buffer before it"
                    ))
                })?;
                found
                    .memory
                    .base()
                    .wrapping_add(*offset)
                    .to_le_bytes()
                    .to_vec()
            }
            Value::File(path) => {
                let array = read_npy(path)?;
                let buffer = own(device, &argument.name, &array, true).map_err(&wrong)?;
                let base = buffer.memory.base();
                values.buffers.push(buffer);
                base.to_le_bytes().to_vec()
            }
            Value::Buffer {
                element,
                shape,
                fill,
            } => {
                let (array, written) = filled(
                    *element,
                    shape.as_deref(),
                    fill,
                    seed.wrapping_add(at as u64),
                )
                .map_err(|error| match error {
                    Problem::Input(what) => wrong(what),
                    other => other,
                })?;
                let buffer = own(device, &argument.name, &array, written).map_err(&wrong)?;
                let base = buffer.memory.base();
                values.buffers.push(buffer);
                base.to_le_bytes().to_vec()
            }
        };
        let (offset, length) = attributes.params.get(at).copied().unwrap_or_default();
        let is_pointer = !matches!(argument.value, Value::Scalar(..) | Value::Bytes(_));
        if is_pointer && (length != 8 || is_float(param.ty)) {
            let what = "is a buffer, and the kernel takes a number there";
            return Err(wrong(format!("{what}: {}", declared(param))));
        }
        if bytes.len() != length as usize {
            let (given, takes) = (bytes.len(), declared(param));
            return Err(wrong(format!(
                "has {given} bytes, and the kernel takes {length} there: {takes}"
            )));
        }
        let place = values
            .bytes
            .get_mut(offset as usize..(offset + length) as usize);
        if let Some(place) = place {
            place.copy_from_slice(&bytes);
        }
    }
    Ok(values)
}

fn is_float(ty: Type) -> bool {
    matches!(ty, Type::F16 | Type::Bf16 | Type::F32 | Type::F64)
}

/// Whether a number is of the kind that a parameter is; NVRTC declares halves
/// as bytes.
fn fits(element: Element, param: &Variable<'_>) -> Result<(), String> {
    let untyped = matches!(
        param.ty,
        Type::B8 | Type::B16 | Type::B32 | Type::B64 | Type::B128
    );
    if untyped || element.is_float() == is_float(param.ty) {
        return Ok(());
    }
    let takes = declared(param);
    Err(format!(
        "is {}, and the kernel takes {takes} there",
        element.name()
    ))
}

/// Numbers, and whether somebody has written them.
fn filled(
    element: Element,
    shape: Option<&[usize]>,
    fill: &Fill,
    seed: u64,
) -> Result<(Array, bool), Problem> {
    if let Fill::File(path) = fill {
        let array = if path.extension().is_some_and(|ending| ending == "npy") {
            let array = read_npy(path)?;
            let kept = array.element.is_float() == element.is_float();
            if !kept {
                let holds = array.element.name();
                let what = format!("{} holds {holds}, not {}", path.display(), element.name());
                return Err(Problem::Input(what));
            }
            array.converted(element).map_err(Problem::Input)?
        } else {
            let bytes = fs::read(path).map_err(file("read", path))?;
            if bytes.len() % element.size() != 0 {
                let what = format!("{} has {} bytes", path.display(), bytes.len());
                return Err(Problem::Input(format!(
                    "{what}, no multiple of {}",
                    element.size()
                )));
            }
            Array {
                element,
                shape: vec![bytes.len() / element.size()],
                bytes,
            }
        };
        let wanted = shape.map_or(Some(array.count()), count);
        if wanted != Some(array.count()) {
            let what = format!("{} has {} numbers", path.display(), array.count());
            return Err(Problem::Input(format!("wants {shape:?}: {what}")));
        }
        let shape = shape.map_or_else(|| array.shape.clone(), <[usize]>::to_vec);
        return Ok((Array { shape, ..array }, true));
    }
    let shape = shape.unwrap_or_default();
    let too_much = || Problem::Input("is larger than this machine's memory".to_owned());
    let count = count(shape).filter(|count| {
        let bytes = count.checked_mul(element.size());
        bytes.is_some_and(|bytes| (bytes as u64) < memory_bytes())
    });
    let count = count.ok_or_else(too_much)?;
    let made = fill.bytes(element, count, seed).map_err(Problem::Input)?;
    let written = made.is_some();
    let bytes = made.unwrap_or_else(|| vec![0; count * element.size()]);
    let shape = shape.to_vec();
    Ok((
        Array {
            element,
            shape,
            bytes,
        },
        written,
    ))
}

fn count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size))
}

/// What this machine has left for a device's memory: a third of what is
/// available, for a buffer is copied, and who wrote it is noted.
pub(crate) fn memory_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| {
        let rest = line.strip_prefix("MemAvailable:")?;
        rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    available.map_or(1 << 30, |kilobytes| kilobytes * 1024 / 3)
}

fn own(device: &mut Device, name: &str, array: &Array, written: bool) -> Result<Buffer, String> {
    let memory = if written {
        device.upload(name, &array.bytes)
    } else {
        let bytes = array.bytes.len() as u64;
        device.heap_mut().allocate(bytes, name, false)
    };
    Ok(Buffer {
        name: name.to_owned(),
        element: array.element,
        shape: array.shape.clone(),
        memory: memory.map_err(|error| error.to_string())?,
    })
}

/// A `.npy` file.
pub(crate) fn read_npy(path: &Path) -> Result<Array, Problem> {
    let bytes = fs::read(path).map_err(file("read", path))?;
    Array::read(&bytes).map_err(|what| Problem::input(format!("{}: {what}", path.display())))
}
