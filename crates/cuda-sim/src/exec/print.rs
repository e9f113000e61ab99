//! `printf` on a device: C's formats.

/// One call's text ends behind the format in which it gets longer.
const MOST_BYTES: usize = 1 << 16;

/// What a format has between `%` and its letter.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "C's flags, each on its own")]
struct Spec {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    hash: bool,
    width: usize,
    precision: Option<usize>,
    long: bool,
}

/// The text of a format. `value` reads so many bytes at an offset of the
/// arguments, which lie at multiples of their width; `text` what an address
/// points to.
pub(crate) fn formatted(
    format: &[u8],
    value: impl Fn(u64, u64) -> u64,
    text: impl Fn(u64) -> Vec<u8>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0_usize;
    let mut offset = 0_u64;
    let mut take = |bytes: u64| {
        offset = offset.next_multiple_of(bytes);
        let found = value(offset, bytes);
        offset += bytes;
        found
    };
    while let Some(&byte) = format.get(at) {
        if out.len() > MOST_BYTES {
            break;
        }
        at += 1;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = format.get(at) {
            match flag {
                b'-' => spec.minus = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'0' => spec.zero = true,
                b'#' => spec.hash = true,
                _ => break,
            }
            at += 1;
        }
        let number = |at: &mut usize| {
            let mut number = 0_usize;
            while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
                number = (number * 10 + usize::from(digit - b'0')).min(512);
                *at += 1;
            }
            number
        };
        if format.get(at) == Some(&b'*') {
            at += 1;
            let width = (take(4) as u32).cast_signed();
            spec.minus |= width < 0;
            spec.width = (width.unsigned_abs() as usize).min(512);
        } else {
            spec.width = number(&mut at);
        }
        if format.get(at) == Some(&b'.') {
            at += 1;
            if format.get(at) == Some(&b'*') {
                at += 1;
                spec.precision = Some((take(4) as usize).min(512));
            } else {
                spec.precision = Some(number(&mut at));
            }
        }
        while let Some(b'l' | b'h' | b'z' | b'j' | b't') = format.get(at) {
            spec.long |= format[at] != b'h';
            at += 1;
        }
        let Some(&letter) = format.get(at) else {
            out.push(b'%');
            break;
        };
        at += 1;
        let width = if spec.long { 8 } else { 4 };
        match letter {
            b'%' => out.push(b'%'),
            b'd' | b'i' => {
                let bits = take(width);
                let number = if spec.long {
                    bits.cast_signed()
                } else {
                    i64::from((bits as u32).cast_signed())
                };
                let digits = number.unsigned_abs().to_string();
                out.extend(spec.number(number < 0, "", &digits));
            }
            b'u' => {
                let digits = take(width).to_string();
                out.extend(spec.unsigned("", &digits));
            }
            b'x' => {
                let bits = take(width);
                let prefix = if spec.hash && bits != 0 { "0x" } else { "" };
                out.extend(spec.unsigned(prefix, &format!("{bits:x}")));
            }
            b'X' => {
                let bits = take(width);
                let prefix = if spec.hash && bits != 0 { "0X" } else { "" };
                out.extend(spec.unsigned(prefix, &format!("{bits:X}")));
            }
            b'o' => {
                let bits = take(width);
                let prefix = if spec.hash && bits != 0 { "0" } else { "" };
                out.extend(spec.unsigned(prefix, &format!("{bits:o}")));
            }
            b'p' => {
                let bits = take(8);
                out.extend(spec.padded(format!("{bits:#x}").as_bytes()));
            }
            b'c' => {
                let byte = take(4) as u8;
                out.extend(spec.padded(&[byte]));
            }
            b's' => {
                let mut found = text(take(8));
                found.truncate(spec.precision.unwrap_or(usize::MAX));
                out.extend(spec.padded(&found));
            }
            b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
                let number = f64::from_bits(take(8));
                let digits = spec.float(number.abs(), letter);
                if number.is_finite() {
                    out.extend(spec.number_as_is(number.is_sign_negative(), &digits));
                } else {
                    let negative = number.is_sign_negative() && !number.is_nan();
                    let sign = if negative { "-" } else { "" };
                    out.extend(spec.padded(format!("{sign}{digits}").as_bytes()));
                }
            }
            // What is no format is printed as it stands.
            other => out.extend([b'%', other]),
        }
    }
    out
}

impl Spec {
    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (.., true) => " ",
            _ => "",
        }
    }

    fn number(&self, negative: bool, prefix: &str, digits: &str) -> Vec<u8> {
        let least = self.precision.unwrap_or(1);
        let digits = format!("{digits:0>least$}");
        self.joined(
            self.sign(negative),
            prefix,
            &digits,
            self.precision.is_none(),
        )
    }

    fn unsigned(&self, prefix: &str, digits: &str) -> Vec<u8> {
        let least = self.precision.unwrap_or(1);
        let digits = format!("{digits:0>least$}");
        self.joined("", prefix, &digits, self.precision.is_none())
    }

    fn number_as_is(&self, negative: bool, digits: &str) -> Vec<u8> {
        self.joined(self.sign(negative), "", digits, true)
    }

    fn joined(&self, sign: &str, prefix: &str, digits: &str, zeros: bool) -> Vec<u8> {
        let length = sign.len() + prefix.len() + digits.len();
        if self.zero && !self.minus && zeros && length < self.width {
            let fill = "0".repeat(self.width - length);
            return format!("{sign}{prefix}{fill}{digits}").into_bytes();
        }
        self.padded(format!("{sign}{prefix}{digits}").as_bytes())
    }

    fn padded(&self, text: &[u8]) -> Vec<u8> {
        let fill = vec![b' '; self.width.saturating_sub(text.len())];
        if self.minus {
            [text, &fill].concat()
        } else {
            [&fill, text].concat()
        }
    }

    /// C's `%e`, `%f` and `%g` of what is not negative.
    fn float(&self, value: f64, letter: u8) -> String {
        let precision = self.precision.unwrap_or(6);
        let upper = letter.is_ascii_uppercase();
        let text = if value.is_nan() {
            "nan".to_owned()
        } else if value.is_infinite() {
            "inf".to_owned()
        } else {
            match letter.to_ascii_lowercase() {
                b'f' => format!("{value:.precision$}"),
                b'e' => scientific(value, precision),
                _ => self.general(value, precision.max(1)),
            }
        };
        if upper { text.to_uppercase() } else { text }
    }

    fn general(&self, value: f64, precision: usize) -> String {
        let rounded = scientific(value, precision - 1);
        let exponent: i64 = rounded
            .rsplit('e')
            .next()
            .and_then(|exponent| exponent.parse().ok())
            .unwrap_or_default();
        let small = exponent >= -4 && exponent < precision as i64;
        let text = if small {
            let places = usize::try_from(precision as i64 - 1 - exponent).unwrap_or_default();
            format!("{value:.places$}")
        } else {
            rounded
        };
        if self.hash || !text.contains('.') {
            return text;
        }
        let (mantissa, exponent) = match text.split_once('e') {
            Some((mantissa, exponent)) => (mantissa, format!("e{exponent}")),
            None => (text.as_str(), String::new()),
        };
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        format!("{mantissa}{exponent}")
    }
}

/// With a sign and at least two digits in the exponent.
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format: &str, arguments: &[u64], widths: &[u64]) -> String {
        let mut bytes = Vec::new();
        for (argument, width) in arguments.iter().zip(widths) {
            let width = *width as usize;
            bytes.resize(bytes.len().next_multiple_of(width), 0);
            bytes.extend(&argument.to_le_bytes()[..width]);
        }
        let value = |at: u64, count: u64| {
            (0..count).fold(0, |value, byte| {
                let found = bytes.get((at + byte) as usize).copied().unwrap_or_default();
                value | u64::from(found) << (byte * 8)
            })
        };
        String::from_utf8(formatted(format.as_bytes(), value, |_| b"text".to_vec())).unwrap()
    }

    /// Each as glibc's `printf` prints it.
    #[test]
    fn formats_as_in_c() {
        let double = |value: f64| value.to_bits();
        assert_eq!(
            print("%d|%5d|%-5d|%05d", &[7, 7, 7, 7], &[4; 4]),
            "7|    7|7    |00007"
        );
        assert_eq!(print("%d %u", &[u64::from(u32::MAX), 3], &[4; 2]), "-1 3");
        assert_eq!(print("%lld %llx", &[u64::MAX, 255], &[8; 2]), "-1 ff");
        assert_eq!(print("%#x %X %o", &[255, 255, 8], &[4; 3]), "0xff FF 10");
        assert_eq!(
            print("%f %.2f", &[double(1.5), double(2.345)], &[8; 2]),
            "1.500000 2.35"
        );
        assert_eq!(print("%e", &[double(12345.678)], &[8]), "1.234568e+04");
        assert_eq!(
            print(
                "%g %g %g",
                &[double(0.0001), double(1e-5), double(100_000.0)],
                &[8; 3]
            ),
            "0.0001 1e-05 100000"
        );
        assert_eq!(
            print("%08.3f|%+d", &[double(-1.5), 4], &[8, 4]),
            "-001.500|+4"
        );
        assert_eq!(print("%s %c %%", &[0, 65], &[8, 4]), "text A %");
        assert_eq!(print("%5s|%.2s", &[0, 0], &[8; 2]), " text|te");
        assert_eq!(print("%d %f", &[1, double(0.5)], &[4, 8]), "1 0.500000");
        assert_eq!(print("%f", &[double(f64::NEG_INFINITY)], &[8]), "-inf");
    }
}
