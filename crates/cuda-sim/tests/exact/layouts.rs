//! Where lanes hold which elements of an `mma`: PTX ISA 9.1, sections
//! 9.7.14.5.2 to 9.7.14.5.11, each layout written down as it stands there.

/// Row and column of the `i`-th element that a lane has.
pub(crate) type Place = fn(usize, usize) -> (usize, usize);

/// A fragment's layout, with the figure it is drawn in.
pub(crate) struct Layouts {
    pub(crate) shape: &'static str,
    /// `m`, `n`, `k`.
    pub(crate) size: [usize; 3],
    /// Types of `a` and `b`, of which any two may meet, and types of `c`.
    pub(crate) factors: &'static [&'static str],
    pub(crate) sums: &'static [&'static str],
    pub(crate) a: Place,
    pub(crate) b: Place,
    pub(crate) c: Place,
}

/// `%laneid >> 2` and `%laneid % 4`.
fn parts(lane: usize) -> (usize, usize) {
    (lane >> 2, lane % 4)
}

/// Rows: the upper half where `upper`.
fn row(lane: usize, upper: bool) -> usize {
    let (group, _) = parts(lane);
    if upper { group } else { group + 8 }
}

/// Figures 70, 77, 78, 83, 86, 92.
fn sixteen(lane: usize, i: usize) -> (usize, usize) {
    (row(lane, i < 2), parts(lane).1 * 2 + (i & 1))
}

/// Figures 55, 58, 61.
fn eight(lane: usize, i: usize) -> (usize, usize) {
    let (group, thread) = parts(lane);
    (group, thread * 2 + i)
}

const M16N8K4: Layouts = Layouts {
    shape: "m16n8k4",
    size: [16, 8, 4],
    factors: &["tf32"],
    sums: &["f32"],
    // Figures 65 to 68.
    a: |lane, i| (row(lane, i == 0), parts(lane).1),
    b: |lane, _| (parts(lane).1, parts(lane).0),
    c: sixteen,
};

const M16N8K8_OF_HALVES: Layouts = Layouts {
    shape: "m16n8k8",
    size: [16, 8, 8],
    factors: &["f16"],
    sums: &["f16", "f32"],
    // Figures 71 and 74.
    a: |lane, i| (row(lane, i < 2), parts(lane).1 * 2 + (i & 1)),
    b: |lane, i| (parts(lane).1 * 2 + i, parts(lane).0),
    c: sixteen,
};

const M16N8K8_OF_WORDS: Layouts = Layouts {
    shape: "m16n8k8",
    size: [16, 8, 8],
    factors: &["tf32"],
    sums: &["f32"],
    // Figures 72, 73, 75 and 76.
    a: |lane, i| {
        let thread = parts(lane).1;
        let column = if i < 2 { thread } else { thread + 4 };
        (row(lane, i == 0 || i == 2), column)
    },
    b: |lane, i| {
        let (group, thread) = parts(lane);
        (if i == 0 { thread } else { thread + 4 }, group)
    },
    c: sixteen,
};

const M16N8K16_OF_HALVES: Layouts = Layouts {
    shape: "m16n8k16",
    size: [16, 8, 16],
    factors: &["f16"],
    sums: &["f16", "f32"],
    a: half_a,
    b: half_b,
    c: sixteen,
};

const M16N8K16_OF_BYTES: Layouts = Layouts {
    shape: "m16n8k16",
    size: [16, 8, 16],
    factors: &["s8", "u8"],
    sums: &["s32"],
    // Figures 84 and 85.
    a: |lane, i| (row(lane, i < 4), parts(lane).1 * 4 + (i & 3)),
    b: |lane, i| (parts(lane).1 * 4 + i, parts(lane).0),
    c: sixteen,
};

/// Figures 88, 90 and 91.
const M16N8K32_OF_BYTES: Layouts = Layouts {
    shape: "m16n8k32",
    size: [16, 8, 32],
    factors: &["s8", "u8"],
    sums: &["s32"],
    a: deep_a,
    b: deep_b,
    c: sixteen,
};

const LAYOUTS: [Layouts; 18] = [
    Layouts {
        shape: "m8n8k4",
        size: [8, 8, 4],
        factors: &["f64"],
        sums: &["f64"],
        // Figures 53 and 54.
        a: |lane, _| (lane >> 2, lane % 4),
        b: |lane, _| (lane % 4, lane >> 2),
        c: eight,
    },
    Layouts {
        shape: "m8n8k16",
        size: [8, 8, 16],
        factors: &["s8", "u8"],
        sums: &["s32"],
        // Figures 56 and 57.
        a: |lane, i| (parts(lane).0, parts(lane).1 * 4 + i),
        b: |lane, i| (parts(lane).1 * 4 + i, parts(lane).0),
        c: eight,
    },
    Layouts {
        shape: "m8n8k32",
        size: [8, 8, 32],
        factors: &["s4", "u4"],
        sums: &["s32"],
        // Figures 59 and 60.
        a: |lane, i| (parts(lane).0, parts(lane).1 * 8 + i),
        b: |lane, i| (parts(lane).1 * 8 + i, parts(lane).0),
        c: eight,
    },
    M16N8K4,
    Layouts {
        factors: &["f64"],
        sums: &["f64"],
        ..M16N8K4
    },
    M16N8K8_OF_HALVES,
    Layouts {
        factors: &["bf16"],
        sums: &["f32"],
        ..M16N8K8_OF_HALVES
    },
    M16N8K8_OF_WORDS,
    Layouts {
        factors: &["f64"],
        sums: &["f64"],
        ..M16N8K8_OF_WORDS
    },
    M16N8K16_OF_HALVES,
    Layouts {
        factors: &["bf16"],
        sums: &["f32"],
        ..M16N8K16_OF_HALVES
    },
    Layouts {
        shape: "m16n8k16",
        size: [16, 8, 16],
        factors: &["f64"],
        sums: &["f64"],
        // Figures 80 and 82.
        a: |lane, i| {
            let thread = parts(lane).1;
            let even = i % 2 == 0;
            let column = if even { i * 2 } else { i * 2 - 2 };
            (row(lane, even), column + thread)
        },
        b: |lane, i| (parts(lane).1 + i * 4, parts(lane).0),
        c: sixteen,
    },
    M16N8K16_OF_BYTES,
    Layouts {
        shape: "m16n8k32",
        size: [16, 8, 32],
        factors: &["s4", "u4"],
        sums: &["s32"],
        // Figures 87 and 89.
        a: |lane, i| (row(lane, i < 8), parts(lane).1 * 8 + (i & 7)),
        b: |lane, i| (parts(lane).1 * 8 + (i & 7), parts(lane).0),
        c: sixteen,
    },
    Layouts {
        shape: "m16n8k64",
        size: [16, 8, 64],
        factors: &["s4", "u4"],
        sums: &["s32"],
        // Figures 93 to 95.
        a: |lane, i| {
            let column = parts(lane).1 * 8 + (i & 7);
            let upper = i < 8 || (16..24).contains(&i);
            (row(lane, upper), if i < 16 { column } else { column + 32 })
        },
        b: |lane, i| {
            let at = parts(lane).1 * 8 + (i & 7);
            (if i < 8 { at } else { at + 32 }, parts(lane).0)
        },
        c: sixteen,
    },
    Layouts {
        factors: &["e4m3", "e5m2"],
        sums: &["f16", "f32"],
        ..M16N8K16_OF_BYTES
    },
    Layouts {
        factors: &["e4m3", "e5m2"],
        sums: &["f16", "f32"],
        ..M16N8K32_OF_BYTES
    },
    M16N8K32_OF_BYTES,
];

/// Figure 79.
fn half_a(lane: usize, i: usize) -> (usize, usize) {
    let column = parts(lane).1 * 2 + (i & 1);
    let upper = i < 2 || (4..6).contains(&i);
    (row(lane, upper), if i < 4 { column } else { column + 8 })
}

/// Figure 81.
fn half_b(lane: usize, i: usize) -> (usize, usize) {
    let at = parts(lane).1 * 2 + (i & 1);
    (if i < 2 { at } else { at + 8 }, parts(lane).0)
}

fn deep_a(lane: usize, i: usize) -> (usize, usize) {
    let column = parts(lane).1 * 4 + (i & 3);
    let upper = i < 4 || (8..12).contains(&i);
    (row(lane, upper), if i < 8 { column } else { column + 16 })
}

fn deep_b(lane: usize, i: usize) -> (usize, usize) {
    let at = parts(lane).1 * 4 + (i & 3);
    (if i < 4 { at } else { at + 16 }, parts(lane).0)
}

pub(crate) fn all() -> impl Iterator<Item = &'static Layouts> {
    LAYOUTS.iter()
}
