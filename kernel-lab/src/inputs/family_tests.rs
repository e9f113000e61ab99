//! Recognition of families: plain ones always, structured ones never.

use super::tests::values;
use super::*;
use crate::plan::Dtype;

const STANDARD: Distribution = Distribution::Normal {
    mean: 0.0,
    std: 1.0,
};
const UNIT: Distribution = Distribution::Uniform { lo: 0.0, hi: 1.0 };

/// Two draws of a tensor made from standard normal and unit uniform values by position.
fn family_of(
    shape: &[i64],
    make: impl Fn(&dyn Fn(usize) -> f64, &dyn Fn(usize) -> f64, usize) -> f64,
) -> Family {
    let count: i64 = shape.iter().product();
    let draw = |seed| {
        let count = count as usize;
        let (normals, uniforms) = (
            values(&STANDARD, 2 * count, seed, 100),
            values(&UNIT, 2 * count, seed, 101),
        );
        let element = |index| make(&|i| normals[i], &|i| uniforms[i], index) as f32;
        (0..count)
            .flat_map(|index| element(index).to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let (a, b) = (draw(1), draw(2));
    infer(
        Draw {
            dtype: Dtype::F32,
            shape,
            bytes: &a,
        },
        Draw {
            dtype: Dtype::F32,
            shape,
            bytes: &b,
        },
    )
}

#[test]
fn plain_families_are_recognised_for_every_seed() {
    let shapes: [&[i64]; 6] = [
        &[256, 300],
        &[64, 64],
        &[16, 8, 31, 33],
        &[40_000],
        &[1, 5000],
        &[4096, 3],
    ];
    let families = [
        STANDARD,
        UNIT,
        Distribution::Normal {
            mean: -2.0,
            std: 0.5,
        },
        Distribution::Uniform { lo: -1.0, hi: 1.0 },
        Distribution::Uniform { lo: 0.1, hi: 0.6 },
        Distribution::IntUniform { lo: 0, hi: 9 },
    ];
    for shape in shapes {
        let count = usize::try_from(shape.iter().product::<i64>()).expect("positive");
        for family in families {
            for seed in 0..4 {
                let draw = |stream| {
                    let mut bytes = vec![0; count * 4];
                    fill(&family, Dtype::F32, seed, stream, &mut bytes);
                    bytes
                };
                let (a, b) = (draw(1), draw(2));
                let found = infer(
                    Draw {
                        dtype: Dtype::F32,
                        shape,
                        bytes: &a,
                    },
                    Draw {
                        dtype: Dtype::F32,
                        shape,
                        bytes: &b,
                    },
                );
                let Family::Generated(found) = found else {
                    panic!("{family:?} {shape:?} seed {seed}: {found:?}")
                };
                let near = |a: f64, b: f64| (a - b).abs() < 0.03;
                let same = match (family, found) {
                    (
                        Distribution::Normal { mean, std },
                        Distribution::Normal { mean: m, std: s },
                    ) => near(mean, m) && near(std, s),
                    (a, b) => a == b,
                };
                assert!(same, "{family:?} {shape:?} seed {seed}: {found:?}");
            }
        }
    }
}

#[test]
fn integer_and_boolean_tensors_are_recognised() {
    for (family, dtype) in [
        (Distribution::IntUniform { lo: 0, hi: 99 }, Dtype::I64),
        (Distribution::IntUniform { lo: -5, hi: 4 }, Dtype::I32),
        (Distribution::Bool { p: 0.5 }, Dtype::Bool),
    ] {
        let draw = |stream| {
            let mut bytes = vec![0; 16_384 * dtype.size_bytes()];
            fill(&family, dtype, 3, stream, &mut bytes);
            bytes
        };
        let (a, b) = (draw(1), draw(2));
        let shape = &[128, 128][..];
        let found = infer(
            Draw {
                dtype,
                shape,
                bytes: &a,
            },
            Draw {
                dtype,
                shape,
                bytes: &b,
            },
        );
        assert_eq!(found, Family::Generated(family));
        assert_eq!(
            infer(
                Draw {
                    dtype,
                    shape,
                    bytes: &a
                },
                Draw {
                    dtype,
                    shape,
                    bytes: &a
                }
            ),
            Family::Constant
        );
    }
}

#[test]
fn structured_tensors_are_never_taken_for_plain_ones() {
    const N: i64 = 256;
    let n = N as usize;
    let row = |index: usize| index / n;
    let col = |index: usize| index % n;
    let square = &[N, N][..];
    let check = |name: &str, family: Family| assert_eq!(family, Family::Opaque, "{name}");
    check(
        "triangular",
        family_of(square, |z, _, i| if col(i) <= row(i) { z(i) } else { 0.0 }),
    );
    check(
        "sparse",
        family_of(square, |z, u, i| if u(i) < 0.1 { z(i) } else { 0.0 }),
    );
    check(
        "dropout",
        family_of(square, |z, u, i| if u(i) < 0.999 { z(i) } else { 0.0 }),
    );
    check(
        "diagonal",
        family_of(square, |z, _, i| if row(i) == col(i) { z(i) } else { 0.0 }),
    );
    check(
        "one-hot",
        family_of(square, |_, u, i| {
            f64::from(u8::from((u(row(i)) * n as f64) as usize == col(i)))
        }),
    );
    check(
        "scaled rows",
        family_of(square, |z, _, i| z(i) * (1.0 + 0.002 * row(i) as f64)),
    );
    check(
        "scaled columns",
        family_of(square, |_, u, i| u(i) * (1.0 + 0.002 * col(i) as f64)),
    );
    check(
        "shifted row",
        family_of(square, |z, _, i| z(i) + if row(i) == 7 { 0.5 } else { 0.0 }),
    );
    check(
        "one zeroed row",
        family_of(square, |z, _, i| if row(i) == 9 { 0.0 } else { z(i) }),
    );
    check("repeated rows", family_of(square, |z, _, i| z(col(i))));
    check("repeated columns", family_of(square, |_, u, i| u(row(i))));
    check(
        "rows repeated twice",
        family_of(square, |z, _, i| z(i % (n * n / 2))),
    );
    check(
        "sign-flipped copies",
        family_of(square, |z, _, i| {
            z(i % (n * n / 2)) * if i < n * n / 2 { 1.0 } else { -1.0 }
        }),
    );
    check(
        "symmetric",
        family_of(square, |z, _, i| {
            z(row(i).max(col(i)) * n + row(i).min(col(i)))
        }),
    );
    check(
        "smoothed",
        family_of(square, |z, _, i| {
            (z(i) + z(i + 1)) / std::f64::consts::SQRT_2
        }),
    );
    check(
        "smoothed down",
        family_of(square, |z, _, i| {
            (z(i) + z(i + n)) / std::f64::consts::SQRT_2
        }),
    );
    check(
        "rank one added",
        family_of(square, |z, _, i| {
            0.9 * z(i) + 0.436 * z(n * n + row(i)) * z(n * n + n + col(i))
        }),
    );
    check("absolute", family_of(square, |z, _, i| z(i).abs()));
    check(
        "clamped",
        family_of(square, |z, _, i| z(i).clamp(-2.5, 2.5)),
    );
    check(
        "exponential",
        family_of(square, |_, u, i| -(1.0 - u(i)).ln()),
    );
    check(
        "sum of uniforms",
        family_of(square, |_, u, i| u(i) + u(i + n * n)),
    );
    check(
        "squared uniform",
        family_of(square, |_, u, i| u(i).powf(1.05)),
    );
    check(
        "heavy tails",
        family_of(square, |z, u, i| z(i) * if u(i) < 0.02 { 3.0 } else { 1.0 }),
    );
    check(
        "mixture",
        family_of(square, |z, u, i| if u(i) < 0.5 { z(i) } else { z(i) + 1.5 }),
    );
    check(
        "half precision",
        family_of(square, |z, _, i| (z(i) * 256.0).round() / 256.0),
    );
    check(
        "cumulated",
        family_of(square, |_, u, i| u(i) + i as f64 * 1e-5),
    );
    check(
        "sorted",
        family_of(&[N * N], |_, u, i| (i as f64 + u(i)) / (n * n) as f64),
    );
    check(
        "permutation",
        family_of(&[N * N], |_, u, i| {
            ((i * 7919 + (u(0) * 65_536.0) as usize) % (n * n)) as f64
        }),
    );
    check("too small", family_of(&[32, 32], |z, _, i| z(i)));
    check("normalised rows", {
        family_of(square, |z, _, i| {
            let start = row(i) * n;
            let norm = (start..start + n).map(|j| z(j) * z(j)).sum::<f64>().sqrt();
            z(i) / norm
        })
    });
    check(
        "the same base in both draws",
        family_of(square, |z, _, i| {
            // A hash of the position: half of the value is no secret.
            0.5 * z(i)
                + 0.5
                    * normal::inverse_cdf(
                        (f64::from(Key::new(9, 9).at(i as u64)) + 0.5) / 4_294_967_296.0,
                    )
        }),
    );
}

#[test]
fn inputs_that_depend_on_each_other_stay_together() {
    fn view(bytes: &[u8]) -> Draw<'_> {
        Draw {
            dtype: Dtype::F32,
            shape: &[64, 128],
            bytes,
        }
    }
    let draw = |seed: u64, stream: u64| {
        let mut bytes = vec![0; 64 * 128 * 4];
        fill(&STANDARD, Dtype::F32, seed, stream, &mut bytes);
        bytes
    };
    let noisy = |base: &[u8], seed| {
        let noise = values(&STANDARD, 64 * 128, seed, 50);
        let base = base
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes));
        base.zip(noise)
            .flat_map(|(x, e)| (x * 0.6 + e as f32 * 0.8).to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let (a1, a2, b1, b2) = (draw(1, 0), draw(2, 0), draw(1, 1), draw(2, 1));
    let (c1, c2) = (noisy(&a1, 1), noisy(&a2, 2));
    let plain = Family::Generated(STANDARD);
    let infer_pair = |x: [&[u8]; 2], y: [&[u8]; 2]| {
        infer_all(&[view(x[0]), view(y[0])], &[view(x[1]), view(y[1])])
    };
    assert!(
        infer_pair([&a1, &a2], [&b1, &b2])
            .iter()
            .all(|family| matches!(family, Family::Generated(_)))
    );
    assert_eq!(infer_pair([&a1, &a2], [&c1, &c2]), [Family::Opaque; 2]);
    assert_eq!(infer_pair([&a1, &a2], [&a1, &a2]), [Family::Opaque; 2]);
    assert_ne!(
        infer(view(&c1), view(&c2)),
        Family::Opaque,
        "alone it is plain: {plain:?}"
    );
}
