//! PTX with something changed: a modifier, an operand, a number, a line.
//!
//! What comes out still looks like PTX, so that it gets past the parser. The
//! fuzz targets in `fuzz/` use it, too.

/// Modifiers, those of instructions that the simulator does not have included.
const MODIFIERS: &str = "foo f32 f64 f16 f16x2 bf16 bf16x2 b8 b16 b32 b64 b128 u8 u16 u32 u64 s8 \
    s16 s32 s64 pred v2 v4 v8 rn rz rm rp rni rzi rmi rpi ftz sat approx full relu NaN lo hi wide \
    cc eq ne lt le gt ge lo hs equ neu num nan and or xor add min max inc dec exch cas sync aligned \
    arrive red popc ballot any all uni up down bfly idx warp cta gpu sys cluster global shared local \
    param const nc volatile relaxed acquire release to l r clamp wrap shiftamt x y z uni gl async ca \
    cg L2::128B L2::cache_hint L1::no_allocate noftz trans x1 x2 x4 m8n8 m16n8k8 m16n8k16 m16n16k16 \
    row col tf32 e4m3 s4 satfinite relu";

/// What may stand where an operand does.
const OPERANDS: &str = "0 1 2 3 31 32 33 63 64 255 256 1023 1024 4095 65535 65536 2147483647 \
    2147483648 4294967295 4294967296 9223372036854775807 18446744073709551615 -1 -2147483648 \
    0f00000000 0f3F800000 0f7F800000 0fFFFFFFFF 0d3FF0000000000000 0d7FF0000000000000 1.5 _ %r0 %r1 \
    %rd1 %f1 %fd1 %rs1 %p1 !%p1 %p1|%p2 %tid.x %ntid.x %ctaid.x %laneid %clock64 WARP_SZ [%rd1] \
    [%rd1+-4] [%rd1+2147483647] [0] [-1] {%r1,%r2} {%f1,%f2,%f3,%f4} {%rs1,%rs2} nothing";

/// Lines that change much.
const LINES: &str = "bra $L__BB0_1;|ret;|exit;|trap;|bar.sync 0;|bar.sync 1, 64;|bar.warp.sync -1;\
    |membar.gl;|@%p1 bra $L__BB0_2;|@!%p1 ret;|.reg .b32 %r<100000>;|.reg .pred %p<3>;\
    |.local .align 16 .b8 more[4096];|.shared .align 4 .b8 room[1024];|{|}\
    |mov.u32 %r1, %clock;|st.local.u32 [%r1], %r2;|ld.u32 %r1, [%rd1];|atom.add.u32 %r1, [%rd1], 1;\
    |cp.async.ca.shared.global [%r1], [%rd1], 4;|cp.async.commit_group;|cp.async.wait_group 0;\
    |cp.async.cg.shared.global [%r1], [%rd1], 16, %r2;|fence.acq_rel.gpu;|prefetch.global.L2 [%rd1];\
    |ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1, %r2}, [%r3];|red.shared.add.u32 [%r1], %r2;\
    |call.uni f, ();|activemask.b32 %r1;|shfl.sync.bfly.b32 %r1|%p1, %r2, 1, 31, -1;";

/// Numbers that look random (Steele, Lea and Flood, 2014, "SplitMix").
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A place in something that is this long, which is not nothing.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        (self.next() % length.max(1) as u64) as usize
    }

    fn one_of<'a>(&mut self, words: &'a str) -> &'a str {
        let words: Vec<&str> = words.split_whitespace().collect();
        words[self.below(words.len())]
    }
}

/// Each kernel of a text alone, with all that is no kernel.
pub(crate) fn kernels(text: &str) -> Vec<String> {
    let mut common = String::new();
    let mut kernels = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        if line.starts_with(".visible .entry") || line.starts_with(".entry") {
            current = Some(String::new());
        }
        let into = current.as_mut().unwrap_or(&mut common);
        into.push_str(line);
        into.push('\n');
        if line == "}"
            && let Some(kernel) = current.take()
        {
            kernels.push(kernel);
        }
    }
    kernels
        .iter()
        .map(|kernel| format!("{common}{kernel}"))
        .collect()
}

/// A text with one to four changes.
pub(crate) fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(4) {
        change(&mut lines, dice);
    }
    lines.join("\n")
}

fn change(lines: &mut Vec<String>, dice: &mut Dice) {
    let at = dice.below(lines.len());
    let other = dice.below(lines.len());
    let Some(line) = lines.get(at).cloned() else {
        return;
    };
    match dice.below(16) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(other, line),
        2 => lines.swap(at, other),
        3 => {
            let more: Vec<&str> = LINES.split(";|").collect();
            let more = more[dice.below(more.len())].trim_end_matches(';');
            let end = if more.ends_with(['{', '}']) { "" } else { ";" };
            lines.insert(at, format!("{more}{end}"));
        }
        4 => {
            // An operand from elsewhere.
            let from = lines[other].clone();
            let found = pieces(&from);
            let piece = found.get(dice.below(found.len())).copied();
            lines[at] = exchanged(&line, piece.unwrap_or("_"), dice);
        }
        5 | 6 => {
            let operand = dice.one_of(OPERANDS);
            lines[at] = exchanged(&line, operand, dice);
        }
        7 | 8 => lines[at] = renumbered(&line, dice),
        9 => {
            let guard = ["@%p1 ", "@!%p1 ", "@%p2 ", "@%r1 "][dice.below(4)];
            lines[at] = format!("{guard}{}", line.trim_start());
        }
        10 => {
            // A byte of any kind.
            let mut bytes = line.into_bytes();
            if !bytes.is_empty() {
                let place = dice.below(bytes.len());
                bytes[place] = b" ;,.{}[]()%@!|<>=+-0x_\"/*"[dice.below(25)];
            }
            lines[at] = String::from_utf8_lossy(&bytes).into_owned();
        }
        _ => lines[at] = modified(&line, dice),
    }
}

/// What stands between blanks, commas and the like.
fn pieces(line: &str) -> Vec<&str> {
    let ends = |character: char| " \t,;(){}".contains(character);
    line.split(ends).filter(|piece| !piece.is_empty()).collect()
}

/// With one piece behind the first exchanged for another.
fn exchanged(line: &str, by: &str, dice: &mut Dice) -> String {
    let found = pieces(line);
    let Some(old) = found.get(1 + dice.below(found.len().saturating_sub(1))) else {
        return line.to_owned();
    };
    line.replacen(*old, by, 1)
}

/// With one modifier more, less, or another one.
fn modified(line: &str, dice: &mut Dice) -> String {
    let dots: Vec<usize> = line.match_indices('.').map(|(at, _)| at).collect();
    let Some(&start) = dots.get(dice.below(dots.len())) else {
        return line.to_owned();
    };
    let rest = &line[start + 1..];
    let ends = |character: char| !character.is_ascii_alphanumeric() && !"_:".contains(character);
    let end = rest.find(ends).unwrap_or(rest.len());
    let (before, old, after) = (&line[..start], &rest[..end], &rest[end..]);
    let new = dice.one_of(MODIFIERS);
    match dice.below(6) {
        0 => format!("{before}{after}"),
        1 => format!("{before}.{new}.{old}{after}"),
        2 => format!("{before}.{old}.{new}{after}"),
        _ => format!("{before}.{new}{after}"),
    }
}

/// With one number changed.
fn renumbered(line: &str, dice: &mut Dice) -> String {
    let bytes = line.as_bytes();
    let is_start = |at: &usize| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        bytes[*at].is_ascii_digit() && !before.is_some_and(|byte| byte.is_ascii_digit())
    };
    let starts: Vec<usize> = (0..bytes.len()).filter(is_start).collect();
    let Some(&start) = starts.get(dice.below(starts.len())) else {
        return line.to_owned();
    };
    let length = bytes[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (old, after) = line[start..].split_at(length);
    let old: u64 = old.parse().unwrap_or(u64::MAX);
    let new = match dice.below(5) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => 1 << dice.below(64),
        3 => (1_u64 << dice.below(64)).wrapping_sub(1),
        _ => dice.next() % 100,
    };
    format!("{}{new}{after}", &line[..start])
}
