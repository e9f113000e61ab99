//! What all lanes together come to: whether their addresses are alike, and
//! which of them a bit is set in.
//!
//! Every access of a warp begins here, and every comparison ends here. Left to
//! itself the compiler takes lanes apart and puts them together again through
//! memory, which costs more than all the rest; so the forms for AVX-512 are
//! written down.

#![expect(
    clippy::inline_always,
    reason = "compiled for a processor as part of a function that is"
)]
#![expect(
    unsafe_code,
    reason = "vectors are read and written at addresses of arrays of their length"
)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m512i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_loadu_epi32, _mm256_set1_epi32,
    _mm512_add_epi64, _mm512_cvtepu32_epi64, _mm512_loadu_epi32, _mm512_loadu_epi64,
    _mm512_mask_storeu_epi32, _mm512_mask_storeu_epi64, _mm512_movepi32_mask, _mm512_or_si512,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_sll_epi64, _mm512_storeu_epi64,
    _mm512_sub_epi64, _mm512_test_epi64_mask, _mm512_xor_si512,
};

use super::kernel::Level;
use super::rows::{LANES, Row32, Row64};
use super::survey::Form;

/// The address of the first lane that counts, and how many bytes the next
/// lane's lies behind in a row, as a logarithm.
#[derive(Clone, Copy)]
pub(super) struct Start {
    pub(super) first: u64,
    pub(super) shift: u32,
}

/// What is added to an offset.
#[derive(Clone, Copy)]
pub(super) enum Bases<'r> {
    Long(&'r Row64),
    /// In 32 bits.
    Word(&'r Row32),
}

/// Each lane's address, and how they lie to the first.
#[inline(always)]
pub(super) fn addresses(bases: Bases<'_>, offset: u64, start: Start, into: &mut Row64) -> Form {
    match Level::get() {
        // SAFETY: the processor has these instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(bases, offset, start, into) },
        _ => portable(bases, offset, start, into),
    }
}

/// The form of addresses of which no bit differs from where it would be.
fn form(apart: bool, astray: bool) -> Form {
    match (apart, astray) {
        (false, _) => Form::Same,
        (true, false) => Form::Row,
        (true, true) => Form::Any,
    }
}

fn portable(bases: Bases<'_>, offset: u64, start: Start, into: &mut Row64) -> Form {
    match bases {
        Bases::Long(row) => *into = row.map(|base| base.wrapping_add(offset)),
        Bases::Word(row) => {
            *into = row.map(|base| u64::from(base.wrapping_add(offset as u32)));
        }
    }
    let mut apart = 0;
    let mut astray = 0;
    for (lane, address) in into.iter().enumerate() {
        let behind = address.wrapping_sub(start.first);
        apart |= behind;
        astray |= behind ^ ((lane as u64) << start.shift);
    }
    form(apart != 0, astray != 0)
}

/// Of each lane.
#[cfg(target_arch = "x86_64")]
static NUMBERS: Row64 = {
    let mut numbers = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        numbers[lane] = lane as u64;
        lane += 1;
    }
    numbers
};

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn avx512(bases: Bases<'_>, offset: u64, start: Start, into: &mut Row64) -> Form {
    let more = _mm512_set1_epi64(offset.cast_signed());
    let more_words = _mm256_set1_epi32((offset as u32).cast_signed());
    let first = _mm512_set1_epi64(start.first.cast_signed());
    let shift = _mm_cvtsi32_si128(start.shift.cast_signed());
    let mut apart = _mm512_setzero_si512();
    let mut astray = _mm512_setzero_si512();
    let (eights, _) = into.as_chunks_mut::<8>();
    let (numbers, _) = NUMBERS.as_chunks::<8>();
    for (at, (eight, numbers)) in eights.iter_mut().zip(numbers).enumerate() {
        let address = match bases {
            Bases::Long(row) => _mm512_add_epi64(eight_longs(&row.as_chunks().0[at]), more),
            Bases::Word(row) => {
                let words: &[u32; 8] = &row.as_chunks().0[at];
                // SAFETY: that many words are read.
                let words = unsafe { _mm256_loadu_epi32(words.as_ptr().cast()) };
                _mm512_cvtepu32_epi64(_mm256_add_epi32(words, more_words))
            }
        };
        // SAFETY: that many are written.
        unsafe { _mm512_storeu_epi64(eight.as_mut_ptr().cast(), address) };
        let behind = _mm512_sub_epi64(address, first);
        let row = _mm512_sll_epi64(eight_longs(numbers), shift);
        apart = _mm512_or_si512(apart, behind);
        astray = _mm512_or_si512(astray, _mm512_xor_si512(behind, row));
    }
    form(
        _mm512_test_epi64_mask(apart, apart) != 0,
        _mm512_test_epi64_mask(astray, astray) != 0,
    )
}

/// Lanes whose highest bit is set.
#[inline(always)]
pub(crate) fn highest_bits(row: &Row32) -> u32 {
    match Level::get() {
        // SAFETY: the processor has these instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { highest_bits_avx512(row) },
        _ => {
            let lanes = row.iter().enumerate();
            lanes.fold(0, |held, (lane, bits)| held | bits >> 31 << lane)
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn highest_bits_avx512(row: &Row32) -> u32 {
    // SAFETY: sixteen words are read, twice, of thirty-two.
    let [low, high] = [0, 16].map(|at| unsafe { _mm512_loadu_epi32(row.as_ptr().add(at).cast()) });
    u32::from(_mm512_movepi32_mask(low)) | u32::from(_mm512_movepi32_mask(high)) << 16
}

macro_rules! take {
    ($name:ident, $avx512:ident, $bits:ty, $width:literal, $load:ident, $store:ident) => {
        /// Takes over the lanes of a mask.
        #[inline(always)]
        pub(super) fn $name(row: &mut [$bits; LANES], new: &[$bits; LANES], mask: u32) {
            match Level::get() {
                // SAFETY: the processor has these instructions.
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => unsafe { $avx512(row, new, mask) },
                _ => {
                    for (lane, (bits, new)) in row.iter_mut().zip(new).enumerate() {
                        *bits = if mask >> lane & 1 == 1 { *new } else { *bits };
                    }
                }
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn $avx512(row: &mut [$bits; LANES], new: &[$bits; LANES], mask: u32) {
            let (rows, _) = row.as_chunks_mut::<$width>();
            let (news, _) = new.as_chunks::<$width>();
            for (at, (row, new)) in rows.iter_mut().zip(news).enumerate() {
                let mask = mask >> (at * $width);
                // SAFETY: a vector is read from an array of its length, and one
                // written.
                unsafe {
                    let new = $load(new.as_ptr().cast());
                    $store(row.as_mut_ptr().cast(), mask as _, new);
                }
            }
        }
    };
}

take!(
    take_words,
    take_words_avx512,
    u32,
    16,
    _mm512_loadu_epi32,
    _mm512_mask_storeu_epi32
);
take!(
    take_longs,
    take_longs_avx512,
    u64,
    8,
    _mm512_loadu_epi64,
    _mm512_mask_storeu_epi64
);

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn eight_longs(eight: &[u64; 8]) -> __m512i {
    // SAFETY: that many are read.
    unsafe { _mm512_loadu_epi64(eight.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Both forms say the same.
    fn both(bases: Bases<'_>, offset: u64, start: Start) -> Form {
        let mut expected = [0; LANES];
        let form = portable(bases, offset, start, &mut expected);
        let mut found = [1; LANES];
        assert_eq!(addresses(bases, offset, start, &mut found), form);
        assert_eq!(found, expected);
        form
    }

    proptest! {
        #[test]
        fn lanes_of_a_mask(
            old in prop::array::uniform32(any::<u64>()),
            new in prop::array::uniform32(any::<u64>()),
            mask in any::<u32>(),
        ) {
            let expected: Row64 =
                std::array::from_fn(|lane| if mask >> lane & 1 == 1 { new[lane] } else { old[lane] });
            let mut row = old;
            take_longs(&mut row, &new, mask);
            prop_assert_eq!(row, expected);
            let mut words = old.map(|bits| bits as u32);
            take_words(&mut words, &new.map(|bits| bits as u32), mask);
            prop_assert_eq!(words, expected.map(|bits| bits as u32));
        }

        #[test]
        fn highest_bits_of_lanes(row in prop::array::uniform32(any::<u32>())) {
            let expected = (0..LANES).map(|lane| row[lane] >> 31 << lane).sum::<u32>();
            prop_assert_eq!(highest_bits(&row), expected);
        }

        #[test]
        fn forms_for_processors_agree(
            first in any::<u64>(),
            offset in any::<u64>(),
            shift in 0_u32..5,
            stride in 0_u64..40,
            odd in prop::option::of((0..LANES, any::<u64>())),
        ) {
            let mut row: Row64 =
                std::array::from_fn(|lane| first.wrapping_add(stride * lane as u64));
            if let Some((lane, value)) = odd {
                row[lane] = value;
            }
            let start = Start { first: row[0].wrapping_add(offset), shift };
            let form = both(Bases::Long(&row), offset, start);
            if odd.is_none() {
                let expected = match stride {
                    0 => Form::Same,
                    _ if stride == 1 << shift => Form::Row,
                    _ => Form::Any,
                };
                prop_assert_eq!(form, expected);
            }
            let words = row.map(|base| base as u32);
            let first = u64::from(words[0].wrapping_add(offset as u32));
            both(Bases::Word(&words), offset, Start { first, shift });
        }
    }
}
