//! Types of numbers in buffers and scalars.

use half::{bf16, f16};

/// What one element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    Bf16,
    F32,
    F64,
}

/// All of them, as they are named, with what CUDA C++ and numpy call them too.
const NAMES: [(Element, &[&str]); 12] = [
    (Element::I8, &["i8", "s8", "char", "int8"]),
    (Element::U8, &["u8", "b8", "bool", "uint8"]),
    (Element::I16, &["i16", "s16", "short", "int16"]),
    (Element::U16, &["u16", "b16", "uint16"]),
    (Element::I32, &["i32", "s32", "int", "int32"]),
    (Element::U32, &["u32", "b32", "unsigned", "uint32"]),
    (Element::I64, &["i64", "s64", "long", "int64"]),
    (Element::U64, &["u64", "b64", "size_t", "uint64"]),
    (Element::F16, &["f16", "half", "float16"]),
    (Element::Bf16, &["bf16", "bfloat16"]),
    (Element::F32, &["f32", "float", "float32"]),
    (Element::F64, &["f64", "double", "float64"]),
];

/// A number of any type, without loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// Rounded, where it is a large integer.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl Element {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, names)| names.contains(&name));
        found.map(|(element, _)| *element).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, names)| names[0]).collect();
            format!("`{name}` is no type; there are {}", known.join(", "))
        })
    }

    pub(crate) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(element, _)| *element == self);
        found.map_or("?", |(_, names)| names[0])
    }

    /// In bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }

    /// Smallest and largest integer.
    fn range(self) -> (i128, i128) {
        match self {
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::U8 => (0, u8::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::I64 => (i64::MIN.into(), i64::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
            Self::F16 | Self::Bf16 | Self::F32 | Self::F64 => (i128::MIN, i128::MAX),
        }
    }

    /// Writes a number behind others; a float is rounded to nearest.
    pub(crate) fn push(self, number: Number, into: &mut Vec<u8>) -> Result<(), String> {
        if self.is_float() {
            let value = number.as_f64();
            match self {
                Self::F16 => into.extend(f16::from_f64(value).to_le_bytes()),
                Self::Bf16 => into.extend(bf16::from_f64(value).to_le_bytes()),
                Self::F32 => into.extend((value as f32).to_le_bytes()),
                _ => into.extend(value.to_le_bytes()),
            }
            return Ok(());
        }
        let value = match number {
            Number::Int(value) => value,
            Number::Float(value) => {
                return Err(format!(
                    "{value} is no whole number, as {} needs",
                    self.name()
                ));
            }
        };
        let (least, most) = self.range();
        if !(least..=most).contains(&value) {
            return Err(format!("{value} does not fit {}", self.name()));
        }
        into.extend(&value.to_le_bytes()[..self.size()]);
        Ok(())
    }

    /// The numbers that bytes hold; what is too short for one is left out.
    pub(crate) fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = Number> {
        bytes.chunks_exact(self.size()).map(move |bytes| {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            let bits = u64::from_le_bytes(whole);
            match self {
                Self::I8 => Number::Int((bits as i8).into()),
                Self::I16 => Number::Int((bits as i16).into()),
                Self::I32 => Number::Int((bits as i32).into()),
                Self::I64 => Number::Int((bits as i64).into()),
                Self::U8 | Self::U16 | Self::U32 | Self::U64 => Number::Int(bits.into()),
                Self::F16 => Number::Float(f16::from_bits(bits as u16).to_f64()),
                Self::Bf16 => Number::Float(bf16::from_bits(bits as u16).to_f64()),
                Self::F32 => Number::Float(f32::from_bits(bits as u32).into()),
                Self::F64 => Number::Float(f64::from_bits(bits)),
            }
        })
    }

    /// A number as people write it: `1000`, `-0x10`, `1e-5`, `inf`, `nan`.
    pub(crate) fn parse_number(self, text: &str) -> Result<Number, String> {
        let bad = || format!("`{text}` is no {}", self.name());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let whole = match digits.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16).ok(),
            None => digits
                .parse::<u128>()
                .ok()
                .and_then(|it| it.try_into().ok()),
        };
        if let Some(value) = whole {
            return Ok(Number::Int(if negative {
                value.wrapping_neg()
            } else {
                value
            }));
        }
        match text {
            "true" if self == Self::U8 => return Ok(Number::Int(1)),
            "false" if self == Self::U8 => return Ok(Number::Int(0)),
            _ => {}
        }
        if !self.is_float() {
            return Err(bad());
        }
        text.parse().map(Number::Float).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(element: Element, text: &str) -> Result<Vec<u8>, String> {
        let mut into = Vec::new();
        element.push(element.parse_number(text)?, &mut into)?;
        Ok(into)
    }

    #[test]
    fn numbers_of_all_types_and_back() {
        for (name, text, expected) in [
            ("i8", "-128", vec![0x80]),
            ("u8", "true", vec![1]),
            ("i32", "-2", vec![0xfe, 0xff, 0xff, 0xff]),
            ("u64", "0xffffffffffffffff", vec![0xff; 8]),
            (
                "i64",
                "-9223372036854775808",
                vec![0, 0, 0, 0, 0, 0, 0, 0x80],
            ),
            ("f16", "65504", vec![0xff, 0x7b]),
            ("bf16", "1", vec![0x80, 0x3f]),
            ("float", "1e-5", vec![0xac, 0xc5, 0x27, 0x37]),
            ("f32", "-inf", vec![0, 0, 0x80, 0xff]),
            ("double", "2", vec![0, 0, 0, 0, 0, 0, 0, 0x40]),
        ] {
            let element = Element::parse(name).unwrap();
            assert_eq!(bytes(element, text).unwrap(), expected, "{name} {text}");
            let number = element.numbers(&expected).next().unwrap();
            let mut again = Vec::new();
            element.push(number, &mut again).unwrap();
            assert_eq!(again, expected, "{name} {text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (name, text, expected) in [
            ("i8", "128", "128 does not fit i8"),
            ("u32", "-1", "-1 does not fit u32"),
            ("i32", "1.5", "`1.5` is no i32"),
            ("i32", "", "`` is no i32"),
            ("f32", "one", "`one` is no f32"),
            (
                "u64",
                "0x1ffffffffffffffff",
                "36893488147419103231 does not fit u64",
            ),
        ] {
            let element = Element::parse(name).unwrap();
            assert_eq!(bytes(element, text).unwrap_err(), expected);
        }
        let error = Element::parse("f24").unwrap_err();
        assert!(
            error.starts_with("`f24` is no type; there are i8, u8"),
            "{error}"
        );
    }
}
