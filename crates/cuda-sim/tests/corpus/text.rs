//! Bytes and texts: exact.

use crate::case::{Case, blocks, case, exactly};
use crate::harness::{integers, numbers};
use crate::reference::each;

const TEXT: &str = "It is a truth universally acknowledged, that a single man in possession of a \
                    good fortune, must be in want of a wife. However little known the feelings or \
                    views of such a man may be on his first entering a neighbourhood ...";

fn edit_distance(a: &str, b: &str) -> Case {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let swap = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = swap.min(corner + 1).min(row[j] + 1);
        }
    }
    case("edit_distance", 1, 32 * (a.len() + 1).div_ceil(32))
        .shared(3 * (a.len() + 1) * 4)
        .read(a.as_bytes())
        .read(b.as_bytes())
        .writes(exactly(&[row[b.len()] as i32]))
        .ints(&[a.len(), b.len()])
}

fn base64(count: usize) -> Case {
    let x: Vec<u8> = integers(1, count, 256).iter().map(|x| *x as u8).collect();
    let digits = [('A', 26), ('a', 26), ('0', 10)];
    let digits = digits.iter().flat_map(|(first, n)| (0..*n).map(|k| *first as u8 + k));
    let digits: Vec<u8> = digits.chain(*b"+/").collect();
    let mut text = Vec::new();
    for part in x.chunks(3) {
        let word = (0..3).fold(0, |word, k| word << 8 | u32::from(*part.get(k).unwrap_or(&0)));
        for k in 0..4 {
            let digit = digits[(word >> (18 - 6 * k) & 63) as usize];
            text.push(if k <= part.len() { digit } else { b'=' });
        }
    }
    case("base64", 2, 32).read(&x).writes(exactly(&text)).int(count)
}

/// Bit by bit, without a table.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xedb8_8320 ^ crc >> 1 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn checksums() -> Case {
    // The check value of CRC-32 in the catalogue of parametrised algorithms.
    assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    let (rows, length) = (33, 20);
    let x: Vec<u8> = integers(2, rows * length, 256).iter().map(|x| *x as u8).collect();
    let sums: Vec<u32> = x.chunks(length).map(crc).collect();
    case("crc_prepare", 1, 256)
        .read(&x)
        .writes(exactly(&sums))
        .ints(&[rows, length])
        .takes(&[])
        .then("crc_rows", 2, 32, &[0, 1, 2, 3])
}

fn decimals() -> Case {
    let values = each(40, |i| {
        let x = f64::from(numbers(3, 40)[i]);
        (x * 10_f64.powi(i as i32 / 3)) as i64
    });
    let mut text = String::new();
    let mut at = Vec::new();
    for value in &values {
        at.push(text.len() as i32);
        text.push_str(&value.to_string());
        text.push(',');
    }
    case("parse_numbers", 2, 32)
        .read(text.as_bytes())
        .read(&at)
        .writes(exactly(&values))
        .int(40)
}

pub(crate) fn cases() -> Vec<Case> {
    let bytes = TEXT.as_bytes();
    let whole = &TEXT[..TEXT.len() / 4 * 4];
    let pattern = "man";
    vec![
        case("to_upper", 3, 32)
            .read(whole.as_bytes())
            .writes(exactly(whole.to_ascii_uppercase().as_bytes()))
            .int(whole.len() / 4),
        case("count_words", blocks(bytes.len(), 64), 64)
            .read(bytes)
            .changes(&[0_i32], exactly(&[TEXT.split_whitespace().count() as i32]))
            .int(bytes.len()),
        case("find_pattern", blocks(bytes.len(), 64), 64)
            .read(bytes)
            .read(pattern.as_bytes())
            .changes(&[i32::MAX], exactly(&[TEXT.find(pattern).unwrap() as i32]))
            .ints(&[bytes.len(), pattern.len()]),
        // The text's end is the pattern's start.
        case("find_pattern", blocks(bytes.len(), 64), 64)
            .read(bytes)
            .read(b"...?")
            .changes(&[77], exactly(&[77]))
            .ints(&[bytes.len(), 4])
            .mutant("find_pattern__beyond_the_text"),
        edit_distance("kitten sitting on a mitten", "sitting kittens in mittens"),
        edit_distance(&TEXT[..70], &TEXT[60..101]),
        base64(100),
        base64(98),
        base64(3),
        checksums(),
        decimals(),
    ]
}
