//! Values that cross the border, and views of a tensor's memory.

use std::mem::size_of;

use tch::{Device, Kind, Tensor};

use crate::fault::PyFault;

/// An argument of a model.
#[derive(Debug)]
pub enum Value {
    /// A tensor; on the Python side the same memory.
    Tensor(Tensor),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A truth value.
    Bool(bool),
}

impl Value {
    /// The tensor, if it is one.
    pub fn as_tensor(&self) -> Option<&Tensor> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => None,
        }
    }

    /// The tensor for filling in place, if it is one.
    pub fn as_tensor_mut(&mut self) -> Option<&mut Tensor> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => None,
        }
    }
}

/// The short name of a dtype, as in [`TensorMeta`](crate::TensorMeta):
/// `f32`, `f64`, `f16`, `bf16`, `i64`, `i32`, `i16`, `i8`, `u8`, `bool`, or
/// the debug form of one that kernels don't see.
pub fn dtype_name(kind: Kind) -> String {
    let name = match kind {
        Kind::Float => "f32",
        Kind::Double => "f64",
        Kind::Half => "f16",
        Kind::BFloat16 => "bf16",
        Kind::Int64 => "i64",
        Kind::Int => "i32",
        Kind::Int16 => "i16",
        Kind::Int8 => "i8",
        Kind::Uint8 => "u8",
        Kind::Bool => "bool",
        other => return format!("{other:?}").to_lowercase(),
    };
    name.to_owned()
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that a tensor's elements can be viewed as: every bit pattern
/// is a value of it.
pub trait Plain: sealed::Sealed + Copy + 'static {
    /// The dtype of such tensors.
    const KIND: Kind;
    /// The type's own name.
    const NAME: &'static str;
}

macro_rules! plain {
    ($($type:ident $kind:ident),*) => {$(
        impl sealed::Sealed for $type {}
        impl Plain for $type {
            const KIND: Kind = Kind::$kind;
            const NAME: &'static str = stringify!($type);
        }
    )*};
}
plain!(f32 Float, f64 Double, i64 Int64, i32 Int, i16 Int16, i8 Int8, u8 Uint8);

/// The memory of a contiguous CPU tensor as bytes.
///
/// Tensors are handles: Python and shallow clones share the memory. Let no
/// view live while a model runs or another handle of the tensor is written.
///
/// # Errors
/// [`PyFault::Unviewable`] if the tensor is strided, sparse or not on the CPU.
pub fn bytes(tensor: &Tensor) -> Result<&[u8], PyFault> {
    let (data, len) = raw_parts(tensor, "bytes")?;
    // SAFETY: `raw_parts` vouches for `len` readable bytes that live as long
    // as the tensor; bytes have no invalid patterns and no alignment.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// The memory of a contiguous CPU tensor as writable bytes, for filling it in
/// place. The rule of [`bytes`] holds: no other view may be alive.
///
/// # Errors
/// As for [`bytes`].
pub fn bytes_mut(tensor: &mut Tensor) -> Result<&mut [u8], PyFault> {
    let (data, len) = raw_parts(tensor, "bytes")?;
    // SAFETY: as in `bytes`; the caller holds the handle exclusively and, by
    // the documented rule, no view of another handle is alive.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

/// The elements of a contiguous CPU tensor in row-major order. The rule of
/// [`bytes`] holds.
///
/// # Errors
/// As for [`bytes`], and if the tensor's dtype is not that of `T`.
pub fn elements<T: Plain>(tensor: &Tensor) -> Result<&[T], PyFault> {
    let (data, len) = typed_parts(tensor)?;
    // SAFETY: `typed_parts` checked the dtype, so the memory holds `len`
    // aligned elements, and every bit pattern is a `T`.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// The elements of a contiguous CPU tensor for filling it in place. The rule
/// of [`bytes`] holds.
///
/// # Errors
/// As for [`elements`].
pub fn elements_mut<T: Plain>(tensor: &mut Tensor) -> Result<&mut [T], PyFault> {
    let (data, len) = typed_parts(tensor)?;
    // SAFETY: as in `elements` and `bytes_mut`.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

fn typed_parts<T: Plain>(tensor: &Tensor) -> Result<(*mut T, usize), PyFault> {
    if tensor.kind() != T::KIND {
        return Err(unviewable(tensor, T::NAME, "its dtype differs"));
    }
    let (data, len) = raw_parts(tensor, T::NAME)?;
    if !data.cast::<T>().is_aligned() {
        return Err(unviewable(tensor, T::NAME, "its memory is not aligned"));
    }
    Ok((data.cast(), len / size_of::<T>()))
}

/// Address and length in bytes of a tensor's memory: never null, and readable
/// and writable for that length as long as the tensor lives.
fn raw_parts(tensor: &Tensor, wanted: &'static str) -> Result<(*mut u8, usize), PyFault> {
    if tensor.device() != Device::Cpu {
        return Err(unviewable(tensor, wanted, "it is not in CPU memory"));
    }
    if tensor.is_sparse() || tensor.is_mkldnn() {
        return Err(unviewable(tensor, wanted, "it is not strided memory"));
    }
    if !tensor.is_contiguous() {
        return Err(unviewable(tensor, wanted, "it is not contiguous"));
    }
    let len = tensor.numel() * tensor.kind().elt_size_in_bytes();
    let data = tensor.data_ptr().cast::<u8>();
    if data.is_null() {
        // An empty tensor may have no memory at all; 64 suits every element.
        return Ok((std::ptr::without_provenance_mut(64), 0));
    }
    Ok((data, len))
}

fn unviewable(tensor: &Tensor, wanted: &'static str, reason: &'static str) -> PyFault {
    PyFault::Unviewable {
        dtype: dtype_name(tensor.kind()),
        shape: tensor.size(),
        wanted,
        reason,
    }
}
