//! Where ways that part come together again.
//!
//! The immediate post-dominator of a branch, found as K. D. Cooper, T. J.
//! Harvey and K. Kennedy, "A Simple, Fast Dominance Algorithm" (2001), find
//! dominators, on the graph with its edges turned round.

use super::rename::{Block, blocks};
use crate::exec::step::{Step, What};

/// Of a step whose ways do not come together again before the end.
pub(crate) const NEVER: u32 = u32::MAX;
/// Not known yet.
const UNKNOWN: usize = usize::MAX;

/// For each step the first one that all ways from it lead to, or [`NEVER`]:
/// of what is no branch, the next.
pub(super) fn joins(steps: &[Step]) -> Vec<u32> {
    let blocks = blocks(steps);
    let end = blocks.len();
    let behind = post_dominators(steps, &blocks);
    let mut joins: Vec<u32> = (1..=steps.len() as u32).collect();
    for (block, &join) in blocks.iter().zip(&behind) {
        if let Some(last) = joins.get_mut(block.end - 1) {
            let known = join != UNKNOWN && join != end;
            *last = if known {
                blocks[join].start as u32
            } else {
                NEVER
            };
        }
    }
    joins
}

/// Of each block; the end's number is behind all blocks'.
fn post_dominators(steps: &[Step], blocks: &[Block]) -> Vec<usize> {
    let end = blocks.len();
    let after = |at: usize| -> Vec<usize> {
        let mut next = blocks[at].next.clone();
        let ends = matches!(
            steps[blocks[at].end - 1].what,
            What::Return | What::Exit | What::Trap
        );
        if ends || next.is_empty() {
            next.push(end);
        }
        next
    };
    let after: Vec<_> = (0..end).map(after).collect();
    let mut before = vec![Vec::new(); end + 1];
    for (at, next) in after.iter().enumerate() {
        for &next in next {
            before[next].push(at);
        }
    }
    let order = postorder(end, &before);
    let mut rank = vec![UNKNOWN; end + 1];
    for (at, &block) in order.iter().enumerate() {
        rank[block] = at;
    }
    let mut found = vec![UNKNOWN; end + 1];
    found[end] = end;
    let mut changed = true;
    while changed {
        changed = false;
        for &block in order.iter().rev().skip(1) {
            let known = after[block].iter().filter(|&&next| found[next] != UNKNOWN);
            let nearest = known
                .copied()
                .reduce(|a, b| common(&found, &rank, a, b))
                .unwrap_or(UNKNOWN);
            changed |= found[block] != nearest;
            found[block] = nearest;
        }
    }
    found.truncate(end);
    found
}

/// The nearest that is behind both.
fn common(found: &[usize], rank: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        while rank[a] < rank[b] {
            a = found[a];
        }
        while rank[b] < rank[a] {
            b = found[b];
        }
    }
    a
}

/// Whoever can be reached, those last that are reached first.
fn postorder(root: usize, next: &[Vec<usize>]) -> Vec<usize> {
    let mut seen = vec![false; next.len()];
    seen[root] = true;
    let mut order = Vec::new();
    let mut path = vec![(root, 0)];
    while let Some((at, done)) = path.last_mut() {
        if let Some(&further) = next[*at].get(*done) {
            *done += 1;
            if !std::mem::replace(&mut seen[further], true) {
                path.push((further, 0));
            }
        } else {
            order.push(*at);
            path.pop();
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use crate::decode::{Context, functions};
    use crate::ptx;

    /// By number of the step; the last is the end that every function has.
    fn joins(body: &str) -> Vec<u32> {
        let text = format!(
            ".version 8.3\n.target sm_80\n.address_size 64\n.visible .entry k() {{\n\
             .reg .pred %p<3>;\n.reg .b32 %r<4>;\n{body}\n}}"
        );
        let tree = ptx::parse(&text).unwrap();
        let code = functions(&tree, &mut Context::default()).unwrap();
        code[0].joins.clone()
    }

    const NEVER: u32 = super::NEVER;

    #[test]
    fn ways_that_part_and_meet() {
        // An `if`, one with an `else`, a loop, and one way that ends.
        let one = "@%p1 bra A; add.s32 %r1, %r1, 1; A: ret;";
        assert_eq!(joins(one), [2, 2, NEVER, NEVER]);
        let two = "@%p1 bra A; add.s32 %r1, %r1, 1; bra B; A: add.s32 %r1, %r1, 2; B: ret;";
        assert_eq!(joins(two), [4, 2, 4, 4, NEVER, NEVER]);
        let around = "A: add.s32 %r1, %r1, 1; @%p1 bra A; add.s32 %r2, %r2, 1; ret;";
        assert_eq!(joins(around), [1, 2, 3, NEVER, NEVER]);
        let early = "@%p1 bra A; ret; A: add.s32 %r1, %r1, 2; ret;";
        assert_eq!(joins(early), [NEVER, NEVER, 3, NEVER, NEVER]);
    }

    #[test]
    fn loops_without_an_end() {
        assert_eq!(joins("A: add.s32 %r1, %r1, 1; bra A;"), [1, NEVER, NEVER]);
        let left = "@%p1 bra B; A: bra A; B: ret;";
        assert_eq!(joins(left), [2, NEVER, NEVER, NEVER]);
    }
}
