//! A glance at the outputs of every timed call, at hardly any cost: a secret
//! choice of places is held against what a baseline answered in the same round
//! to the same inputs. It decides nothing. It only says which call is the one
//! to compare in full: a candidate that is lazy in some of its calls would
//! pass a blind choice of five as often as it is lucky.

use super::{Duel, Halt, Kept, Suspect};
use crate::error::HarnessError;
use crate::pages::Pages;
use crate::plan::Dtype;

/// Places that are looked at in each output.
const PLACES: usize = 64;
/// Bytes of a place.
const PLACE_BYTES: usize = 1024;
/// A place whose values are smaller than this part of the largest seen is
/// measured by that part.
const LEAST_SCALE: f64 = 1e-3;

impl Duel<'_> {
    /// Keeps a call; the most doubtful one apart from the others.
    pub(super) fn suspect_or_keep(&mut self, call: u64, outputs: Vec<Pages>) -> Result<(), Halt> {
        let doubt = self.doubt(&outputs)?;
        let call = Kept { call, outputs };
        if self.suspect.as_ref().is_some_and(|old| old.doubt >= doubt) {
            self.keep(call);
            return Ok(());
        }
        if let Some(old) = self.suspect.replace(Suspect { doubt, call }) {
            self.keep(old.call);
        }
        Ok(())
    }

    /// By how much outputs differ from those of the baseline that was called
    /// last, at the places looked at, in units of the values there.
    fn doubt(&mut self, outputs: &[Pages]) -> Result<f64, HarnessError> {
        let reading = || HarnessError::python("reading a baseline's outputs");
        let Some(baseline) = self.held.back() else {
            return Ok(0.0);
        };
        let tensors = baseline.tensors().map_err(reading())?;
        let mut doubt = 0.0_f64;
        for (output, (tensor, got)) in tensors.iter().zip(outputs).enumerate() {
            let want = torch_bridge::bytes(tensor).map_err(reading())?;
            let places = self.places(got.len().min(want.len()));
            doubt = doubt.max(difference(
                self.trial.output_dtype(output),
                got,
                want,
                &places,
            ));
        }
        Ok(doubt)
    }

    /// Secret ranges of bytes of an output of this length; all of a short one.
    fn places(&mut self, len: usize) -> Vec<std::ops::Range<usize>> {
        let blocks = len.div_ceil(PLACE_BYTES);
        let range = |block: usize| block * PLACE_BYTES..len.min((block + 1) * PLACE_BYTES);
        if blocks <= PLACES {
            return (0..blocks).map(range).collect();
        }
        (0..PLACES).map(|_| range(self.rng.index(blocks))).collect()
    }
}

/// Largest difference between two outputs at some places, in units of the
/// values there; infinite where one has numbers and the other has none.
fn difference(dtype: Dtype, got: &[u8], want: &[u8], places: &[std::ops::Range<usize>]) -> f64 {
    let compared: Vec<(f64, f64)> = places
        .iter()
        .map(|place| {
            let (got, want) = (&got[place.clone()], &want[place.clone()]);
            match dtype {
                Dtype::F32 => floats(got.as_chunks().0, want.as_chunks().0, |bytes| {
                    f64::from(f32::from_le_bytes(*bytes))
                }),
                Dtype::F64 => floats(got.as_chunks().0, want.as_chunks().0, |bytes| {
                    f64::from_le_bytes(*bytes)
                }),
                Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::Bool => {
                    let differing = got.iter().zip(want).filter(|(a, b)| a != b).count();
                    (differing as f64, 1.0)
                }
            }
        })
        .collect();
    let most = compared
        .iter()
        .fold(0.0_f64, |most, (_, scale)| most.max(*scale));
    compared
        .iter()
        .map(|(error, scale)| {
            let scale = scale.max(most * LEAST_SCALE);
            if *error > 0.0 { error / scale } else { 0.0 }
        })
        .fold(0.0, f64::max)
}

/// Largest difference and largest value of two runs of floats.
fn floats<B>(got: &[B], want: &[B], read: impl Fn(&B) -> f64) -> (f64, f64) {
    let (mut error, mut scale) = (0.0_f64, 0.0_f64);
    for (got, want) in got.iter().zip(want) {
        let (got, want) = (read(got), read(want));
        if got.is_finite() && want.is_finite() {
            error = error.max((got - want).abs());
            scale = scale.max(want.abs());
        } else if got.to_bits() != want.to_bits() && !(got.is_nan() && want.is_nan()) {
            error = f64::INFINITY;
        }
    }
    (error, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn rounding_is_little_and_a_missing_row_is_much() {
        let want: Vec<f32> = (0..512).map(|i| 1.0 + i as f32).collect();
        let rounded: Vec<f32> = want.iter().map(|x| x * (1.0 + 1e-7)).collect();
        let mut gap = want.clone();
        gap[300..].fill(0.5);
        let places = [0..1024, 1024..2048];
        let of = |got: &[f32]| difference(Dtype::F32, &bytes(got), &bytes(&want), &places);
        assert!(of(&want) <= 0.0);
        assert!(of(&rounded) < 1e-6);
        assert!(of(&gap) > 0.5);
        gap[4] = f32::NAN;
        assert!(of(&gap).is_infinite());
        // What is near nothing is measured by what is large.
        let (near, other) = ([1000.0, 1e-9], [1000.0, 2e-9]);
        let apart = [0..4, 4..8];
        assert!(difference(Dtype::F32, &bytes(&near), &bytes(&other), &apart) < 1e-8);
    }

    #[test]
    fn integers_differ_or_do_not() {
        let (want, got) = (7_i64.to_le_bytes(), 8_i64.to_le_bytes());
        let places = [0..4, 4..8];
        assert!(difference(Dtype::I64, &want, &want, &places) <= 0.0);
        assert!(difference(Dtype::I64, &got, &want, &places) >= 1.0);
    }
}
