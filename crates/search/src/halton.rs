//! Points that fill a cube evenly: Halton's sequence, shifted at random.

use stats::Rng;

const PRIMES: [u64; 32] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131,
];

/// The radical inverse of `at` in `base`: its digits mirrored at the point.
fn radical_inverse(mut at: u64, base: u64) -> f64 {
    let mut place = 1.0 / base as f64;
    let mut sum = 0.0;
    while at > 0 {
        sum += (at % base) as f64 * place;
        at /= base;
        place /= base as f64;
    }
    sum
}

/// Number `at` of a sequence in `dimensions`, the whole of it shifted by an
/// amount that depends on `seed` (Cranley and Patterson, 1976). Which prime
/// goes with which dimension is drawn as well, since the first ones fill best.
pub(crate) fn halton(at: usize, dimensions: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed);
    let mut order: Vec<usize> = (0..dimensions).collect();
    rng.shuffle(&mut order);
    order
        .into_iter()
        .map(|place| {
            let shift = rng.uniform();
            match PRIMES.get(place) {
                Some(&base) => (radical_inverse(at as u64 + 1, base) + shift).fract(),
                // So many dimensions can't be filled anyway.
                None => Rng::new(seed ^ ((at as u64) << 32) ^ place as u64).uniform(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_mirrored() {
        let got: Vec<f64> = (1..6).map(|at| radical_inverse(at, 2)).collect();
        assert_eq!(got, [0.5, 0.25, 0.75, 0.125, 0.625]);
        assert!((radical_inverse(5, 3) - 7.0 / 9.0).abs() < 1e-15);
    }

    /// Eight consecutive points have one in each eighth of some dimension and
    /// all lie in the cube, beyond the primes too.
    #[test]
    fn points_are_spread_and_differ_by_seed() {
        let points: Vec<Vec<f64>> = (0..8).map(|at| halton(at, 40, 3)).collect();
        assert!(points.iter().flatten().all(|u| (0.0..1.0).contains(u)));
        let spread = (0..40).any(|d| {
            let mut cells: Vec<u64> = points.iter().map(|p| (p[d] * 8.0) as u64).collect();
            cells.sort_unstable();
            cells.dedup();
            cells.len() == 8
        });
        assert!(spread);
        assert_ne!(halton(0, 4, 1), halton(0, 4, 2));
    }
}
