//! Element types of buffers, and what they are called on either side.

use serde::{Deserialize, Serialize};

/// Element type of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE 754 binary32, `float`.
    F32,
    /// IEEE 754 binary64, `double`.
    F64,
    /// Signed 64-bit integer, `int64_t`.
    I64,
    /// Signed 32-bit integer, `int32_t`.
    I32,
    /// Unsigned 8-bit integer, `uint8_t`.
    U8,
    /// PyTorch's one-byte boolean, 0 or 1; `uint8_t` or `bool` in a kernel.
    /// Occurs in a task's buffers only: temporaries say `u8`.
    Bool,
}

impl Dtype {
    /// Every element type, in the order in which messages list them.
    pub const ALL: [Self; 6] = [
        Self::F32,
        Self::F64,
        Self::I64,
        Self::I32,
        Self::U8,
        Self::Bool,
    ];

    /// The name a plan uses, e.g. `f32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }

    /// The type with the plan's name `name`, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// The type PyTorch calls `name`, e.g. `torch.float32` or `float32`; `None`
    /// for types that no buffer can have.
    pub fn from_torch(name: &str) -> Option<Self> {
        match name.strip_prefix("torch.").unwrap_or(name) {
            "float32" | "float" => Some(Self::F32),
            "float64" | "double" => Some(Self::F64),
            "int64" | "long" => Some(Self::I64),
            "int32" | "int" => Some(Self::I32),
            "uint8" => Some(Self::U8),
            "bool" => Some(Self::Bool),
            _ => None,
        }
    }

    /// Bytes per element.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether values are floating point.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// The element type that a kernel's pointer parameter should have.
    pub fn cpp_name(self) -> &'static str {
        match self {
            Self::F32 => "float",
            Self::F64 => "double",
            Self::I64 => "int64_t",
            Self::I32 => "int32_t",
            Self::U8 | Self::Bool => "uint8_t",
        }
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
