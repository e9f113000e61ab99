//! Numpy's format for one array, version 1.0:
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use crate::element::Element;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Numbers with a type and a shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Array {
    /// Numbers, all dimensions together.
    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.element.size()
    }

    /// The same numbers as another type.
    pub(crate) fn converted(&self, element: Element) -> Result<Self, String> {
        let mut bytes = Vec::with_capacity(self.count() * element.size());
        for number in self.element.numbers(&self.bytes) {
            element.push(number, &mut bytes)?;
        }
        Ok(Self {
            element,
            shape: self.shape.clone(),
            bytes,
        })
    }

    /// Numpy has no `bfloat16`: those become singles, which hold them exactly.
    pub(crate) fn write(&self) -> Result<Vec<u8>, String> {
        if self.element == Element::Bf16 {
            return self.converted(Element::F32)?.write();
        }
        let kind = match self.element {
            Element::I8 => "|i1",
            Element::U8 => "|u1",
            Element::I16 => "<i2",
            Element::U16 => "<u2",
            Element::I32 => "<i4",
            Element::U32 => "<u4",
            Element::I64 => "<i8",
            Element::U64 => "<u8",
            Element::F16 => "<f2",
            Element::F32 | Element::Bf16 => "<f4",
            Element::F64 => "<f8",
        };
        let sizes: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let comma = if sizes.len() == 1 { "," } else { "" };
        let sizes = sizes.join(", ") + comma;
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
        // Header and what is before it take a multiple of 64 bytes.
        let length = (MAGIC.len() + 4 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 4;
        let mut out = MAGIC.to_vec();
        out.extend([1, 0]);
        out.extend((length as u16).to_le_bytes());
        out.extend(format!("{header:<width$}\n", width = length - 1).into_bytes());
        out.extend(&self.bytes);
        Ok(out)
    }

    pub(crate) fn read(file: &[u8]) -> Result<Self, String> {
        let rest = file.strip_prefix(MAGIC).ok_or("it is no .npy file")?;
        let short = "it is cut off in the header";
        let (version, rest) = rest.split_at_checked(2).ok_or(short)?;
        let width = if version[0] == 1 { 2 } else { 4 };
        let (length, rest) = rest.split_at_checked(width).ok_or(short)?;
        let mut whole = [0; 4];
        whole[..width].copy_from_slice(length);
        let length = u32::from_le_bytes(whole) as usize;
        let (header, data) = rest.split_at_checked(length).ok_or(short)?;
        let header = String::from_utf8_lossy(header);
        let kind = value(&header, "descr").ok_or("its header has no `descr`")?;
        let kind = kind.trim_matches(['\'', '"']);
        let element = element(kind).ok_or_else(|| format!("its numbers are `{kind}`"))?;
        let shape = value(&header, "shape").ok_or("its header has no `shape`")?;
        let shape: Option<Vec<usize>> = shape
            .trim_matches(['(', ')'])
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty())
            .map(|size| size.parse().ok())
            .collect();
        let shape = shape.ok_or("its shape can't be read")?;
        let by_column = value(&header, "fortran_order").is_some_and(|order| order == "True");
        if by_column && shape.len() > 1 {
            return Err("it is stored by columns; numpy.ascontiguousarray changes that".to_owned());
        }
        let bytes = shape
            .iter()
            .try_fold(element.size(), |bytes, size| bytes.checked_mul(*size));
        if bytes != Some(data.len()) {
            return Err(format!(
                "it has {} bytes of numbers for {shape:?}",
                data.len()
            ));
        }
        Ok(Self {
            element,
            shape,
            bytes: data.to_vec(),
        })
    }
}

fn element(kind: &str) -> Option<Element> {
    Some(match kind {
        "|i1" | "<i1" => Element::I8,
        "|u1" | "<u1" | "|b1" => Element::U8,
        "<i2" => Element::I16,
        "<u2" => Element::U16,
        "<i4" => Element::I32,
        "<u4" => Element::U32,
        "<i8" => Element::I64,
        "<u8" => Element::U64,
        "<f2" => Element::F16,
        "<f4" => Element::F32,
        "<f8" => Element::F64,
        _ => return None,
    })
}

/// What stands behind a key of Python's dictionary.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    let rest = rest.trim_start();
    let end = if rest.starts_with('(') {
        rest.find(')')? + 1
    } else {
        rest.find([',', '}'])?
    };
    Some(rest[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_read_as_it_was_written() {
        for shape in [vec![], vec![6], vec![2, 3], vec![0, 5]] {
            let count: usize = shape.iter().product();
            let array = Array {
                element: Element::F32,
                shape,
                bytes: (0..count * 4).map(|at| at as u8).collect(),
            };
            let file = array.write().unwrap();
            assert_eq!((file.len() - array.bytes.len()) % 64, 0);
            assert_eq!(Array::read(&file).unwrap(), array);
        }
    }

    /// As numpy 2.4 writes `np.arange(3, dtype="<i2").reshape(3, 1)`.
    const NUMPY: &[u8] = b"\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fortran_order': False, \
        'shape': (3, 1), }                                                          \n\x00\x00\x01\x00\x02\x00";

    #[test]
    fn a_file_of_numpys_is_read() {
        let array = Array::read(NUMPY).unwrap();
        assert_eq!(
            (array.element, &array.shape[..]),
            (Element::I16, &[3, 1][..])
        );
        assert_eq!(array.bytes, [0, 0, 1, 0, 2, 0]);
        // The header is padded to 64 bytes as numpy's is.
        assert_eq!(array.write().unwrap().len(), NUMPY.len());
    }

    #[test]
    fn cut_files_and_strange_ones_are_errors() {
        for length in 0..NUMPY.len() {
            assert!(Array::read(&NUMPY[..length]).is_err(), "{length}");
        }
        let strange = String::from_utf8_lossy(&NUMPY[8..]).replace("<i2", ">i2");
        let file = [&NUMPY[..8], strange.as_bytes()].concat();
        assert_eq!(Array::read(&file).unwrap_err(), "its numbers are `>i2`");
    }

    #[test]
    fn brains_become_singles() {
        let array = Array {
            element: Element::Bf16,
            shape: vec![1],
            bytes: vec![0x80, 0x3f],
        };
        let read = Array::read(&array.write().unwrap()).unwrap();
        assert_eq!(read.bytes, 1.0_f32.to_le_bytes());
    }
}
