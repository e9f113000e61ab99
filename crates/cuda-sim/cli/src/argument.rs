//! Arguments as they are typed: `x=f32[1000]:randn`, `n=i32:1000`.

use crate::element::{Element, Number};
use crate::fill::Fill;

/// One argument of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    /// What findings and outputs call it.
    pub(crate) name: String,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A number with its type.
    Scalar(Element, Number),
    /// Bytes of a struct that is handed over by value.
    Bytes(Vec<u8>),
    /// Memory of its own; a shape of `None` is that of the file.
    Buffer {
        element: Element,
        shape: Option<Vec<usize>>,
        fill: Fill,
    },
    /// What a `.npy` file holds, as it is there.
    File(std::path::PathBuf),
    /// Another argument's memory, so many bytes from its start.
    Same { name: String, offset: u64 },
    /// No memory.
    Null,
}

impl Argument {
    /// `NAME=VALUE`, or `VALUE` alone, which is then called by its place.
    pub(crate) fn parse(text: &str, place: usize) -> Result<Self, String> {
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) if is_name(name) => (name.to_owned(), rest),
            _ => (format!("arg{place}"), text),
        };
        let value = Value::parse(rest).map_err(|what| format!("--arg {text}: {what}"))?;
        Ok(Self { name, value })
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    !text.is_empty() && text.bytes().all(allowed)
}

impl Value {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "null" {
            return Ok(Self::Null);
        }
        if let Some(path) = text.strip_prefix('@') {
            return Ok(Self::File(path.into()));
        }
        if let Some(rest) = text.strip_prefix('&') {
            let (name, offset) = rest.split_once('+').unwrap_or((rest, "0"));
            let offset = offset
                .parse()
                .map_err(|_| format!("`{offset}` is no number of bytes"))?;
            let name = name.to_owned();
            return Ok(Self::Same { name, offset });
        }
        if let Some(digits) = text.strip_prefix("hex:") {
            return hexadecimal(digits).map(Self::Bytes);
        }
        if let Some((ty, rest)) = text.split_once('[') {
            let element = Element::parse(ty)?;
            let (sizes, rest) = rest.split_once(']').ok_or("`[` without `]`")?;
            let fill = match rest.strip_prefix(':') {
                Some(fill) => Fill::parse(fill, element)?,
                None if rest.is_empty() => Fill::Nothing,
                None => return Err(format!("`{rest}` behind `]`; a fill has a colon")),
            };
            let shape = shape(sizes)?;
            if shape.is_none() && !matches!(fill, Fill::File(_)) {
                return Err("how many? As in f32[1000] or f32[64x128]".to_owned());
            }
            return Ok(Self::Buffer {
                element,
                shape,
                fill,
            });
        }
        let Some((ty, number)) = text.split_once(':') else {
            return Err(
                "it needs a type: n=i32:1000 for a number, x=f32[1000]:randn for a buffer"
                    .to_owned(),
            );
        };
        let element = Element::parse(ty)?;
        if let Some(path) = number.strip_prefix('@') {
            let fill = Fill::File(path.into());
            return Ok(Self::Buffer {
                element,
                shape: None,
                fill,
            });
        }
        let number = element.parse_number(number)?;
        // So that what does not fit is said here.
        element.push(number, &mut Vec::new())?;
        Ok(Self::Scalar(element, number))
    }
}

/// `1000`, `64x128`, `64,128` or nothing.
fn shape(text: &str) -> Result<Option<Vec<usize>>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let size = |text: &str| {
        let size = text.trim().parse().ok();
        size.ok_or_else(|| format!("`{text}` is no size"))
    };
    text.split(['x', ',', '*'])
        .map(size)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn hexadecimal(text: &str) -> Result<Vec<u8>, String> {
    let bad = || "`hex:` needs an even number of hexadecimal digits".to_owned();
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err(bad());
    }
    let bytes = (0..text.len()).step_by(2);
    bytes
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| bad()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_as_they_are_typed() {
        let buffer = |element, shape: &[usize], fill| Value::Buffer {
            element,
            shape: Some(shape.to_vec()),
            fill,
        };
        for (text, name, value) in [
            (
                "n=i32:1000",
                "n",
                Value::Scalar(Element::I32, Number::Int(1000)),
            ),
            (
                "f32:0.5",
                "arg3",
                Value::Scalar(Element::F32, Number::Float(0.5)),
            ),
            ("x=f32[8]", "x", buffer(Element::F32, &[8], Fill::Nothing)),
            (
                "x=half[2x3]:randn:9",
                "x",
                buffer(Element::F16, &[2, 3], Fill::Normal(Some(9))),
            ),
            ("y=@a=b.npy", "y", Value::File("a=b.npy".into())),
            ("y=null", "y", Value::Null),
            (
                "y=&x+16",
                "y",
                Value::Same {
                    name: "x".to_owned(),
                    offset: 16,
                },
            ),
            ("p=hex:00fF", "p", Value::Bytes(vec![0, 255])),
            (
                "x=f32:@x.bin",
                "x",
                Value::Buffer {
                    element: Element::F32,
                    shape: None,
                    fill: Fill::File("x.bin".into()),
                },
            ),
        ] {
            let parsed = Argument::parse(text, 3).unwrap();
            assert_eq!(
                (parsed.name.as_str(), parsed.value),
                (name, value),
                "{text}"
            );
        }
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        for (text, expected) in [
            (
                "n=1000",
                "it needs a type: n=i32:1000 for a number, x=f32[1000]:randn for a buffer",
            ),
            ("x=f32[]", "how many? As in f32[1000] or f32[64x128]"),
            ("x=f32[1e3]", "`1e3` is no size"),
            ("x=f32[8", "`[` without `]`"),
            ("x=f32[8]randn", "`randn` behind `]`; a fill has a colon"),
            ("x=i8:300", "300 does not fit i8"),
            (
                "p=hex:0",
                "`hex:` needs an even number of hexadecimal digits",
            ),
        ] {
            let error = Argument::parse(text, 0).unwrap_err();
            assert_eq!(error, format!("--arg {text}: {expected}"));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC*") {
            let _ = Argument::parse(&text, 0);
        }

        #[test]
        fn nor_one_that_looks_right(text in "[a-z]{0,2}=?[fiub]?[0-9]{0,2}[\\[:@&]?[0-9x+\\-.]{0,4}[\\]:]?(randn|zeros|full|below|hex)?:?[0-9]{0,3}") {
            let _ = Argument::parse(&text, 0);
        }
    }
}
