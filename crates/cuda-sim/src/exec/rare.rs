//! Instructions that are not in the hottest part of a loop.

use super::block::{After, Block, Run};
use super::lane::{get, lanes, put};
use super::launch::Stop;
use super::rows::Registers;
use super::step::{Step, What};
use super::together::{self, parts_of};
use crate::finding::Problem;
use crate::memory::{ARGUMENTS, LOCAL, SHARED, WINDOW};
use crate::ptx::Space;

impl Block<'_, '_> {
    /// Everything that is not in the hottest part of a loop, by a warp, with
    /// its registers and where its own variables start in local memory.
    pub(super) fn rare(
        &mut self,
        number: usize,
        step: &Step,
        what: &What,
        (registers, local): (&mut Registers, u32),
        run: &mut Run,
        active: u32,
    ) -> Result<Option<After>, Stop> {
        match what {
            What::LocalAddress(register, offset) => {
                let address = u64::from(local.wrapping_add(*offset));
                for lane in lanes(active) {
                    put(registers, *register, lane, address);
                }
            }
            What::IsSpace { d, address, space } => {
                let mut held = 0;
                for lane in lanes(active) {
                    let address = get(registers, *address, lane);
                    let within = |start: u64| address.wrapping_sub(start) < WINDOW;
                    let is = match space {
                        Space::Shared => within(SHARED),
                        Space::Local => within(LOCAL),
                        Space::Param => within(ARGUMENTS),
                        _ => !within(SHARED) && !within(LOCAL),
                    };
                    held |= u32::from(is) << lane;
                }
                registers.set_predicate(*d, active, held);
            }
            What::BranchIndexed(index, targets) => {
                if active == 0 {
                    return Ok(None);
                }
                let first = get(registers, *index, active.trailing_zeros());
                let same: u32 = lanes(active)
                    .filter(|lane| get(registers, *index, *lane) == first)
                    .fold(0, |mask, lane| mask | 1 << lane);
                let Some(&target) = targets.get(first as usize) else {
                    let what = format!("branch to entry {first} of {}", targets.len());
                    return self.end_with(number, step, active, Problem::InvalidTarget { what });
                };
                self.counters.branches += 1;
                if same == run.lanes {
                    run.at = target;
                    return Ok(Some(After::Again));
                }
                self.counters.divergent_branches += 1;
                return Ok(Some(After::Part(target, same, run.at)));
            }
            What::Pack(to, parts) => together::pack(registers, active, *to, parts),
            What::Unpack(parts, from) => together::unpack(registers, active, parts, *from),
            What::ActiveMask(d) => registers.write(*d, active, |_| active),
            What::Clock(d) => {
                let now = self.warps[number].executed + u64::from(run.steps);
                for lane in lanes(active) {
                    put(registers, *d, lane, now);
                }
            }
            What::Fence => self.seen.fence(),
            What::Trap if active != 0 => {
                return self.end_with(number, step, active, Problem::Trap);
            }
            What::Barrier { .. } => {
                if active == 0 {
                    return Ok(None);
                }
                if active != run.lanes {
                    return Ok(Some(After::Part(run.at, active, run.at + 1)));
                }
                return self.arrive(number, step, what, registers, run);
            }
            What::WarpBarrier(members) => {
                if let Some(after) = self.gather(number, step, *members, registers, run, active)? {
                    return Ok(Some(after));
                }
                self.warps[number].clock.meet();
            }
            What::Shuffle { members, .. }
            | What::Vote { members, .. }
            | What::Match { members, .. }
            | What::Reduce { members, .. }
            | What::Elect { members, .. } => {
                if let Some(after) = self.gather(number, step, *members, registers, run, active)? {
                    return Ok(Some(after));
                }
                // A result may go where the lanes' names were.
                let names = registers.words[*members as usize];
                for (part, _) in parts_of(&names, active) {
                    self.exchange(number, step, what, registers, part)?;
                }
            }
            What::Tensor(tensor) => {
                if active == 0 {
                    return Ok(None);
                }
                let members = tensor.members;
                if let Some(after) = self.gather(number, step, members, registers, run, active)? {
                    return Ok(Some(after));
                }
                self.tensor(number, step, &tensor.matrix, registers, active)?;
            }
            What::Copy(copy) => {
                let (warp, mut reach) = self.reach(number, step);
                reach.copy(warp, registers, copy, active)?;
            }
            // The loop does those that are not rare by itself.
            What::Nothing
            | What::Trap
            | What::Alu(..)
            | What::Load(_)
            | What::Store(_)
            | What::Atomic(_)
            | What::Branch(_)
            | What::Call(_)
            | What::Return
            | What::Exit => {}
        }
        Ok(None)
    }

    fn exchange(
        &self,
        number: usize,
        step: &Step,
        what: &What,
        registers: &mut Registers,
        active: u32,
    ) -> Result<(), Stop> {
        match what {
            What::Shuffle {
                how,
                d,
                valid,
                value,
                by,
                clamp,
                ..
            } => {
                let astray =
                    together::shuffle(registers, active, *how, [*d, *valid], [*value, *by, *clamp]);
                if astray != 0 {
                    let thread = self.warps[number].thread(astray.trailing_zeros());
                    let problem = Problem::LaneNotNamed { lanes: astray };
                    let index = self.told.index;
                    self.launch
                        .report(self.kernel(), step, index, thread, problem, None)?;
                }
            }
            What::Vote { how, d, held, .. } => together::vote(registers, active, *how, *d, *held),
            What::Match {
                all,
                d,
                held,
                value,
                ..
            } => together::matching(registers, active, *all, [*d, *held], *value),
            What::Reduce { how, d, value, .. } => {
                together::reduce(registers, active, *how, *d, *value);
            }
            What::Elect { d, held, .. } => {
                let leader = active.trailing_zeros();
                if let Some(d) = d {
                    registers.write(*d, active, |_| leader);
                }
                registers.set_predicate(*held, active, 1 << leader);
            }
            _ => {}
        }
        Ok(())
    }
}
