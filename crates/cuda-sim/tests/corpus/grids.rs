//! Stencils.

use crate::case::{Case, case, exactly, singles};
use crate::harness::{integers, numbers};
use crate::reference::{each, wider, words};

fn heat(h: usize, w: usize) -> Case {
    let x = numbers(h as u64, h * w);
    let a = wider(&x);
    // Beyond the border lies what is at it.
    let values = each(h * w, |i| {
        let (r, c) = (i / w, i % w);
        let around = a[r.saturating_sub(1) * w + c]
            + a[(r + 1).min(h - 1) * w + c]
            + a[r * w + c.saturating_sub(1)]
            + a[r * w + (c + 1).min(w - 1)];
        a[i] + f64::from(0.2_f32) * (around - 4.0 * a[i])
    });
    case("heat_step", (w.div_ceil(32), h.div_ceil(8)), (32, 8))
        .read(&x)
        .writes(singles(values, 12.0, "a sum of six"))
        .ints(&[h, w])
        .value(0.2_f32)
}

fn laplacian([nx, ny, nz]: [usize; 3]) -> Case {
    let n = nx * ny * nz;
    let x = numbers(nx as u64, n);
    let a = wider(&x);
    let plane = nx * ny;
    let values = each(n, |i| {
        let at = [i % nx, i / nx % ny, i / plane];
        let inner = |d: usize, n: usize| at[d] > 0 && at[d] < n - 1;
        if inner(0, nx) && inner(1, ny) && inner(2, nz) {
            let around = [1, nx, plane].map(|step| a[i - step] + a[i + step]);
            around.iter().sum::<f64>() - 6.0 * a[i]
        } else {
            7.0
        }
    });
    case("laplacian_3d", (nx.div_ceil(16), ny.div_ceil(4)), (16, 4))
        .read(&x)
        .changes(&vec![7.0_f32; n], singles(values, 12.0, "a sum of seven"))
        .ints(&[nx, ny, nz])
        .mutant("laplacian_3d__one_plane_more")
}

fn life(h: usize, count: usize) -> Case {
    let x = words(h as u64, h * count);
    let w = 32 * count;
    let alive = |r: usize, c: usize| x[r % h * count + c % w / 32] >> (c % 32) & 1;
    let next = each(h * count, |i| {
        (0..32).fold(0, |bits, k| {
            let (r, c) = (i / count, i % count * 32 + k);
            let around: u32 = (0..9)
                .filter(|n| *n != 4)
                .map(|n| alive(r + h + n / 3 - 1, c + w + n % 3 - 1))
                .sum();
            let lives = around == 3 || around == 2 && alive(r, c) == 1;
            bits | u32::from(lives) << k
        })
    });
    case("game_of_life", (count, h), 32)
        .read(&x)
        .writes(exactly(&next))
        .ints(&[h, count])
}

fn edges(h: usize, w: usize) -> Case {
    let x: Vec<u8> = integers(4, h * w, 256).iter().map(|x| *x as u8).collect();
    let values = each(h * w, |i| {
        let at = |dr: usize, dc: usize| {
            let near = |at: usize, d: usize, n: usize| (at + d).saturating_sub(1).min(n - 1);
            f64::from(x[near(i / w, dr, h) * w + near(i % w, dc, w)])
        };
        let across = |f: &dyn Fn(usize, usize) -> f64| {
            f(0, 2) + 2.0 * f(1, 2) + f(2, 2) - f(0, 0) - 2.0 * f(1, 0) - f(2, 0)
        };
        across(&at).hypot(across(&|r, c| at(c, r)))
    });
    case("sobel", (w.div_ceil(16), h.div_ceil(4)), (16, 4))
        .read(&x)
        .writes(singles(values, 2.0, "the root of an integer"))
        .ints(&[h, w])
}

fn wave(n: usize) -> Case {
    let steps = 12;
    let c2 = 0.25;
    let x: Vec<f32> = each(n, |i| (-((i as f32 - n as f32 / 3.0) / 6.0).powi(2)).exp());
    let (mut now, mut before) = (wider(&x), wider(&x));
    for _ in 0..steps {
        let next = each(n, |i| {
            let left = if i > 0 { now[i - 1] } else { 0.0 };
            let right = now.get(i + 1).copied().unwrap_or(0.0);
            2.0 * now[i] - before[i] + c2 * (left - 2.0 * now[i] + right)
        });
        before = std::mem::replace(&mut now, next);
    }
    case("wave_steps", 1, n)
        .shared(12 * n)
        .read(&x)
        .writes(singles(now, 200.0, "errors that grow as the square of the steps"))
        .ints(&[n, steps])
        .value(c2 as f32)
        .mutant("wave_steps__one_barrier")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        heat(17, 45),
        heat(8, 32),
        heat(1, 33),
        laplacian([19, 7, 6]),
        laplacian([33, 5, 4]),
        life(9, 3),
        life(31, 1),
        edges(10, 37),
        wave(100),
        wave(33),
    ]
}
