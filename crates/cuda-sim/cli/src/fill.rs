//! What a buffer starts with.

use std::path::PathBuf;

use crate::element::{Element, Number};

/// How a buffer is filled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fill {
    /// As `cudaMalloc` leaves it: nobody has written it.
    Nothing,
    Zeros,
    Ones,
    /// 0, 1, 2 and so on.
    Iota,
    /// The same number everywhere.
    Full(Number),
    /// Normal, with mean 0 and deviation 1.
    Normal(Option<u64>),
    /// Between 0 and 1, without 1.
    Uniform(Option<u64>),
    /// Whole numbers from 0, below the limit.
    Below(u64, Option<u64>),
    /// What a file has.
    File(PathBuf),
}

impl Fill {
    pub(crate) fn parse(text: &str, element: Element) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix('@') {
            return Ok(Self::File(PathBuf::from(path)));
        }
        let mut parts = text.split(':');
        let word = parts.next().unwrap_or_default();
        let mut number = |what: &str| -> Result<Option<u64>, String> {
            let Some(text) = parts.next() else {
                return Ok(None);
            };
            let bad = |_| format!("`{text}` is no {what}");
            text.parse().map(Some).map_err(bad)
        };
        let fill = match word {
            "uninit" => Self::Nothing,
            "zeros" => Self::Zeros,
            "ones" => Self::Ones,
            "iota" => Self::Iota,
            "randn" => Self::Normal(number("seed")?),
            "uniform" => Self::Uniform(number("seed")?),
            "below" => match number("limit")? {
                Some(limit) if limit > 0 => Self::Below(limit, number("seed")?),
                _ => return Err("`below` needs a limit: below:10".to_owned()),
            },
            "full" => {
                let text = parts.next().unwrap_or_default();
                Self::Full(element.parse_number(text)?)
            }
            _ => {
                return Err(format!(
                    "`{word}` fills no buffer; uninit, zeros, ones, iota, full:VALUE, \
                     randn[:SEED], uniform[:SEED], below:LIMIT[:SEED] and @FILE do"
                ));
            }
        };
        if let Some(rest) = parts.next() {
            return Err(format!("`{rest}` is too much for `{word}`"));
        }
        if !element.is_float() && matches!(fill, Self::Normal(_) | Self::Uniform(_)) {
            return Err(format!(
                "`{word}` makes no {}; below:LIMIT does",
                element.name()
            ));
        }
        Ok(fill)
    }

    /// So many elements; `seed` where the fill has none. `None` if nothing is
    /// written. Files are for [`crate::npy`].
    pub(crate) fn bytes(
        &self,
        element: Element,
        count: usize,
        seed: u64,
    ) -> Result<Option<Vec<u8>>, String> {
        let mut bytes = Vec::with_capacity(count.saturating_mul(element.size()));
        let random = |own: Option<u64>| Random(own.unwrap_or(seed));
        match self {
            Self::Nothing | Self::File(_) => return Ok(None),
            Self::Zeros => bytes.resize(count * element.size(), 0),
            Self::Ones => element.repeat(Number::Int(1), count, &mut bytes)?,
            Self::Full(number) => element.repeat(*number, count, &mut bytes)?,
            Self::Iota => {
                for at in 0..count {
                    element.push(Number::Int(at as i128), &mut bytes)?;
                }
            }
            Self::Normal(own) => {
                let mut random = random(*own);
                for _ in 0..count {
                    element.push(Number::Float(random.normal()), &mut bytes)?;
                }
            }
            Self::Uniform(own) => {
                let mut random = random(*own);
                for _ in 0..count {
                    element.push(Number::Float(random.uniform()), &mut bytes)?;
                }
            }
            Self::Below(limit, own) => {
                let mut random = random(*own);
                for _ in 0..count {
                    element.push(Number::Int((random.next() % limit).into()), &mut bytes)?;
                }
            }
        }
        Ok(Some(bytes))
    }
}

impl Element {
    fn repeat(self, number: Number, count: usize, into: &mut Vec<u8>) -> Result<(), String> {
        for _ in 0..count {
            self.push(number, into)?;
        }
        Ok(())
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In 2^24 steps, so that it stays below 1 as a single.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 40) as f64 / (1_u64 << 24) as f64
    }

    /// Box and Muller's transform.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The reference implementation's first numbers for the seed 1234567:
        // https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
        let mut random = Random(1_234_567);
        assert_eq!(
            [(); 3].map(|()| random.next()),
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    fn numbers(text: &str, element: Element, count: usize) -> Vec<f64> {
        let fill = Fill::parse(text, element).unwrap();
        let bytes = fill.bytes(element, count, 7).unwrap().unwrap();
        element.numbers(&bytes).map(Number::as_f64).collect()
    }

    #[test]
    fn fills_are_what_their_names_say() {
        assert_eq!(numbers("iota", Element::F16, 3), [0.0, 1.0, 2.0]);
        assert_eq!(numbers("full:-2", Element::I8, 2), [-2.0; 2]);
        assert_eq!(numbers("ones", Element::Bf16, 2), [1.0; 2]);
        let normal = numbers("randn", Element::F32, 40_000);
        let mean = normal.iter().sum::<f64>() / 40_000.0;
        let square = normal.iter().map(|it| it * it).sum::<f64>() / 40_000.0;
        // Five standard errors: 1 / 200, and sqrt(2) / 200.
        assert!(
            mean.abs() < 0.025 && (square - 1.0).abs() < 0.036,
            "{mean} {square}"
        );
        let uniform = numbers("uniform", Element::F32, 10_000);
        assert!(uniform.iter().all(|it| (0.0..1.0).contains(it)));
        let below = numbers("below:3", Element::U8, 1000);
        assert!([0.0, 1.0, 2.0].iter().all(|it| below.contains(it)));
        assert!(below.iter().all(|it| *it < 3.0));
        assert_eq!(numbers("randn:7", Element::F32, 4), normal[..4]);
        assert_ne!(numbers("randn:8", Element::F32, 4), normal[..4]);
    }

    #[test]
    fn what_can_not_be_is_said() {
        for (text, element, expected) in [
            (
                "randn",
                Element::I32,
                "`randn` makes no i32; below:LIMIT does",
            ),
            ("randn:x", Element::F32, "`x` is no seed"),
            ("zeros:1", Element::F32, "`1` is too much for `zeros`"),
            ("below", Element::I32, "`below` needs a limit: below:10"),
            ("full:x", Element::I32, "`x` is no i32"),
        ] {
            assert_eq!(Fill::parse(text, element).unwrap_err(), expected);
        }
        assert!(Fill::parse("", Element::F32).is_err());
        let fill = Fill::parse("iota", Element::I8).unwrap();
        assert_eq!(
            fill.bytes(Element::I8, 129, 0).unwrap_err(),
            "128 does not fit i8"
        );
    }
}
