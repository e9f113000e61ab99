//! Registers by what is in use at once.
//!
//! PTX names a register for each value. A warp's registers are rows of 32
//! lanes, so thousands of them don't fit into a cache, while few are in use at
//! any time. Values that are never needed at the same time get the same row:
//! liveness over the control-flow graph, then a linear scan (Poletto and
//! Sarkar, "Linear scan register allocation", 1999). A thread writes its own
//! lane only, so that it holds for lanes that have gone apart too.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::exec::roles::Role;
use crate::exec::rows::{Demand, Kind};
use crate::exec::step::{RESERVED, Step, TRUE, What};

/// Bits of the tables for liveness; a function that needs more keeps its
/// registers apart.
const MOST_BITS: usize = 1 << 28;
/// Words of such tables that are looked at until there is no more patience:
/// hundreds of times what the largest kernels need.
const MOST_WORK: usize = 1 << 28;

/// A register before renaming.
type Name = (Kind, u32);

/// From where to where a value is needed, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn cover(&mut self, at: usize) {
        self.start = self.start.min(at);
        self.end = self.end.max(at);
    }
}

/// Steps that run one after the other.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) next: Vec<usize>,
    read: Set,
    written: Set,
    live_in: Set,
    live_out: Set,
}

/// Gives steps new registers. Those in `pinned` hold the same for the whole
/// function; they are told where they lie now. The answer is how many there
/// are of each kind, and which of them may be read before they are written.
pub(super) fn rename(
    steps: &mut [Step],
    pinned: &mut [(Kind, &mut u32)],
) -> (Demand, Vec<(Kind, u32)>) {
    let mut homes = Homes::default();
    for (kind, slot) in pinned.iter_mut() {
        let home = homes.fix((*kind, **slot));
        **slot = home;
    }
    let mut numbers: HashMap<Name, usize> = HashMap::new();
    let mut names: Vec<Name> = Vec::new();
    for step in steps.iter_mut() {
        step.registers(&mut |kind, slot, _| {
            let name = (kind, *slot);
            if !homes.is_fixed(name) && !numbers.contains_key(&name) {
                numbers.insert(name, names.len());
                names.push(name);
            }
        });
    }
    let mut spans = vec![
        Span {
            start: usize::MAX,
            end: 0
        };
        names.len()
    ];
    let mut blocks = blocks(steps);
    let mut unset: Vec<Name> = Vec::new();
    let small = blocks.len() * names.len() <= MOST_BITS;
    if small {
        find_uses(steps, &mut blocks, &numbers, &mut spans);
    }
    if !small || !find_live(&mut blocks) {
        spans.fill(Span {
            start: 0,
            end: steps.len(),
        });
        unset.clone_from(&names);
    } else {
        if let Some(first) = blocks.first() {
            first.live_in.each(|name| unset.push(names[name]));
        }
        for block in &blocks {
            block.live_in.each(|name| spans[name].cover(block.start));
            block.live_out.each(|name| spans[name].cover(block.end - 1));
        }
    }
    homes.scan(&names, &spans);
    for step in steps.iter_mut() {
        step.registers(&mut |kind, slot, _| *slot = homes.of((kind, *slot)));
    }
    for name in &mut unset {
        name.1 = homes.of(*name);
    }
    (homes.demand, unset)
}

/// The control-flow graph.
pub(super) fn blocks(steps: &[Step]) -> Vec<Block> {
    let mut starts = vec![false; steps.len() + 1];
    let mut start = |at: usize| {
        if let Some(start) = starts.get_mut(at) {
            *start = true;
        }
    };
    start(0);
    for (at, step) in steps.iter().enumerate() {
        match &step.what {
            What::Branch(target) => start(*target as usize),
            What::BranchIndexed(_, targets) => {
                targets.iter().for_each(|target| start(*target as usize));
            }
            What::Return | What::Exit | What::Trap => {}
            _ => continue,
        }
        start(at + 1);
    }
    let mut places = vec![0; steps.len() + 1];
    let mut blocks: Vec<Block> = Vec::new();
    for at in 0..steps.len() {
        if starts[at] {
            blocks.push(Block {
                start: at,
                ..Block::default()
            });
        }
        places[at] = blocks.len() - 1;
        if let Some(block) = blocks.last_mut() {
            block.end = at + 1;
        }
    }
    for block in &mut blocks {
        let step = &steps[block.end - 1];
        let always = step.guard == TRUE;
        let mut next = Vec::new();
        let goes_on = match &step.what {
            What::Branch(target) => {
                next.push(*target as usize);
                !always
            }
            What::BranchIndexed(_, targets) => {
                next.extend(targets.iter().map(|target| *target as usize));
                !always
            }
            What::Return | What::Exit | What::Trap => !always,
            _ => true,
        };
        if goes_on {
            next.push(block.end);
        }
        next.retain(|at| *at < steps.len());
        block.next = next.iter().map(|at| places[*at]).collect();
    }
    blocks
}

/// What each block reads before it has written it, and what it writes.
fn find_uses(
    steps: &mut [Step],
    blocks: &mut [Block],
    numbers: &HashMap<Name, usize>,
    spans: &mut [Span],
) {
    for block in blocks {
        block.read = Set::new(spans.len());
        block.written = Set::new(spans.len());
        for (at, step) in steps
            .iter_mut()
            .enumerate()
            .take(block.end)
            .skip(block.start)
        {
            let always = step.guard == TRUE;
            let mut written = Vec::new();
            step.registers(&mut |kind, slot, role| {
                let Some(&name) = numbers.get(&(kind, *slot)) else {
                    return;
                };
                spans[name].cover(at);
                // What is written under a condition may stay what it was.
                if (role == Role::Read || !always) && !block.written.has(name) {
                    block.read.add(name);
                }
                if role == Role::Written && always {
                    written.push(name);
                }
            });
            for name in written {
                block.written.add(name);
            }
        }
    }
}

/// What is needed when a block begins, and after its end; whether that was
/// found with the work that may be spent on it.
fn find_live(blocks: &mut [Block]) -> bool {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
    for (at, block) in blocks.iter().enumerate() {
        block.next.iter().for_each(|next| before[*next].push(at));
    }
    for block in blocks.iter_mut() {
        block.live_in = block.read.clone();
        block.live_out = Set::new(block.read.len());
    }
    let mut waiting: Vec<usize> = (0..blocks.len()).collect();
    let mut waits = vec![true; blocks.len()];
    let mut work = MOST_WORK;
    while let Some(at) = waiting.pop() {
        waits[at] = false;
        let cost = (blocks[at].next.len() + 1) * (blocks[at].read.len() / 64 + 1);
        match work.checked_sub(cost) {
            Some(left) => work = left,
            None => return false,
        }
        let mut out = std::mem::take(&mut blocks[at].live_out);
        for next in &blocks[at].next {
            out.join(&blocks[*next].live_in);
        }
        let block = &mut blocks[at];
        let changed = block.live_in.join_without(&out, &block.written);
        block.live_out = out;
        if changed {
            let more = before[at].iter().copied();
            waiting.extend(more.filter(|&from| !std::mem::replace(&mut waits[from], true)));
        }
    }
    true
}

/// Where registers lie.
#[derive(Debug, Default)]
struct Homes {
    homes: HashMap<Name, u32>,
    demand: Demand,
}

impl Homes {
    /// A place that nothing else gets.
    fn fresh(&mut self, kind: Kind) -> u32 {
        let count = match kind {
            Kind::Word => &mut self.demand.words,
            Kind::Long => &mut self.demand.longs,
            Kind::Predicate => {
                self.demand.predicates = self.demand.predicates.max(RESERVED);
                &mut self.demand.predicates
            }
        };
        *count += 1;
        *count - 1
    }

    fn is_fixed(&self, name: Name) -> bool {
        name.0 == Kind::Predicate && name.1 < RESERVED || self.homes.contains_key(&name)
    }

    fn fix(&mut self, name: Name) -> u32 {
        if name.0 == Kind::Predicate && name.1 < RESERVED {
            return name.1;
        }
        let home = self.fresh(name.0);
        self.homes.insert(name, home);
        home
    }

    fn of(&self, name: Name) -> u32 {
        self.homes.get(&name).copied().unwrap_or(name.1)
    }

    /// In the order in which values begin, each takes a place that is free.
    fn scan(&mut self, names: &[Name], spans: &[Span]) {
        self.demand.predicates = self.demand.predicates.max(RESERVED);
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|name| spans[*name].start);
        let mut free: HashMap<Kind, Vec<u32>> = HashMap::new();
        let mut taken = BinaryHeap::new();
        for name in order {
            let Span { start, end } = spans[name];
            while let Some(&Reverse((until, kind, home))) = taken.peek() {
                if until >= start {
                    break;
                }
                taken.pop();
                free.entry(kind).or_default().push(home);
            }
            let kind = names[name].0;
            let home = free.get_mut(&kind).and_then(Vec::pop);
            let home = home.unwrap_or_else(|| self.fresh(kind));
            self.homes.insert(names[name], home);
            taken.push(Reverse((end, kind, home)));
        }
    }
}

/// Numbers below a limit.
#[derive(Clone, Debug, Default)]
struct Set {
    bits: Vec<u64>,
    len: usize,
}

impl Set {
    fn new(len: usize) -> Self {
        Self {
            bits: vec![0; len.div_ceil(64)],
            len,
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn has(&self, at: usize) -> bool {
        self.bits[at / 64] >> (at % 64) & 1 == 1
    }

    fn add(&mut self, at: usize) {
        self.bits[at / 64] |= 1 << (at % 64);
    }

    fn join(&mut self, other: &Self) {
        for (word, more) in self.bits.iter_mut().zip(&other.bits) {
            *word |= more;
        }
    }

    /// Adds what is in `other` and not in `without`; whether that was anything.
    fn join_without(&mut self, other: &Self, without: &Self) -> bool {
        let mut changed = false;
        for ((word, more), not) in self.bits.iter_mut().zip(&other.bits).zip(&without.bits) {
            let new = *word | more & !not;
            changed |= new != *word;
            *word = new;
        }
        changed
    }

    fn each(&self, mut f: impl FnMut(usize)) {
        for (at, word) in self.bits.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                f(at * 64 + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::decode::{self, Context};
    use crate::{Checks, Device, Limits, Module, Shape, ptx};

    /// A kernel that writes a word.
    fn text(registers: u32, body: &str) -> String {
        format!(
            ".version 8.3\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 y)\n\
             {{ .reg .b32 %r<{registers}>; .reg .pred %p<4>; .reg .b64 %rd<2>;\n{body}\n\
             ld.param.u64 %rd1, [y]; st.global.u32 [%rd1], %r0; ret; }}"
        )
    }

    /// What one thread of it writes.
    fn answer(registers: u32, body: &str) -> u32 {
        let text = text(registers, body);
        let mut device = Device::new(1 << 16);
        let module = Module::load(device.heap_mut(), &text).unwrap();
        let y = device.upload("y", &[0; 4]).unwrap();
        let shape = Shape {
            grid: [1, 1, 1],
            block: [1, 1, 1],
            dynamic_shared: 0,
        };
        let limits = Limits {
            checks: Checks::Memory,
            ..Limits::default()
        };
        let arguments = y.base().to_le_bytes();
        let outcome = module.launch(device.heap(), "k", shape, &arguments, limits);
        assert!(outcome.unwrap().findings.is_empty());
        let mut bytes = [0; 4];
        y.read(0, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    #[test]
    fn values_that_follow_each_other_share_a_row() {
        let mut body = String::from("mov.u32 %r1, 1;\n");
        for at in 2..2000 {
            writeln!(body, "add.u32 %r{at}, %r{}, {};", at - 1, at % 7).unwrap();
        }
        body.push_str("mov.u32 %r0, %r1999;");
        let expected = 1 + (2..2000).map(|at| at % 7).sum::<u32>();
        assert_eq!(answer(2000, &body), expected);

        let text = text(2000, &body);
        let tree = ptx::parse(&text).unwrap();
        let code = decode::functions(&tree, &mut Context::default()).unwrap();
        // Two values, and a constant for each number that is added.
        assert!(code[0].template.words.len() <= 2 + 8);
    }

    /// What a loop carries is needed at its end and at its start; what is
    /// written under a condition may stay what it was.
    #[test]
    fn loops_and_conditions_keep_what_they_need() {
        let body = "
            mov.u32 %r0, 5; mov.u32 %r1, 0; mov.u32 %r5, 100;
            again:
            add.u32 %r2, %r1, 3;
            mul.lo.u32 %r3, %r2, 2;
            setp.eq.u32 %p1, %r1, 2;
            @%p1 mov.u32 %r5, %r3;
            add.u32 %r4, %r5, %r3;
            add.u32 %r0, %r0, %r4;
            add.u32 %r1, %r1, 1;
            setp.lt.u32 %p2, %r1, 4;
            @%p2 bra again;
            add.u32 %r0, %r0, %r5;";
        let mut sum = 5;
        let mut kept = 100;
        for step in 0..4 {
            let double = (step + 3) * 2;
            if step == 2 {
                kept = double;
            }
            sum += kept + double;
        }
        assert_eq!(answer(6, body), sum + kept);
    }

    #[test]
    fn a_register_that_nobody_wrote_is_zero() {
        let body = "mov.u32 %r1, 7; add.u32 %r2, %r1, %r1; mov.u32 %r0, %r3;";
        assert_eq!(answer(4, body), 0);
    }
}
