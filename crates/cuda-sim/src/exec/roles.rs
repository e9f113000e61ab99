//! Which registers an instruction reads and which it writes.

use super::copy::Copy;
use super::rows::Kind;
use super::step::{Callee, Register, Step, Target, What};
use super::tensor::Matrix;

/// What a register is to an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Read,
    Written,
}

/// Takes each register of an instruction: of which kind it is, where it lies,
/// and what it is for.
type Visit<'v> = &'v mut dyn FnMut(Kind, &mut u32, Role);

fn whole(register: &mut Register, role: Role, visit: Visit<'_>) {
    visit(register.kind, &mut register.slot, role);
}

fn base(target: &mut Target, visit: Visit<'_>) {
    if let Some(register) = &mut target.base {
        whole(register, Role::Read, visit);
    }
}

fn matrix(matrix: &mut Matrix, visit: Visit<'_>) {
    let role = |store| if store { Role::Read } else { Role::Written };
    match matrix {
        Matrix::Product(product) => product.registers(&mut |kind, slot, written| {
            visit(kind, slot, if written { Role::Written } else { Role::Read });
        }),
        Matrix::Transpose { d, a } => {
            visit(Kind::Word, a, Role::Read);
            visit(Kind::Word, d, Role::Written);
        }
        Matrix::Rows(rows) => {
            base(&mut rows.target, visit);
            for register in &mut rows.registers {
                visit(Kind::Word, register, role(rows.store));
            }
        }
        Matrix::Fragment(fragment) => {
            base(&mut fragment.target, visit);
            visit(Kind::Word, &mut fragment.stride, Role::Read);
            let pieces = fragment.pieces.iter_mut();
            for register in pieces.flat_map(|piece| &mut piece.registers) {
                whole(register, role(fragment.store), visit);
            }
        }
    }
}

impl Step {
    /// All registers, the guard first. One that an instruction names twice
    /// comes twice.
    pub(crate) fn registers(&mut self, visit: Visit<'_>) {
        use Kind::{Predicate, Word};
        use Role::{Read, Written};

        visit(Predicate, &mut self.guard, Read);
        match &mut self.what {
            What::Alu(_, slots) => {
                for (kind, slot) in slots.operands() {
                    visit(kind, slot, Read);
                }
                for (kind, slot) in slots.results() {
                    visit(kind, slot, Written);
                }
            }
            What::LocalAddress(d, _) | What::Clock(d) => whole(d, Written, visit),
            What::Load(access) => {
                base(&mut access.target, visit);
                for value in access.values.iter_mut().flatten() {
                    whole(value, Written, visit);
                }
            }
            What::Store(access) => {
                base(&mut access.target, visit);
                for value in access.values.iter_mut().flatten() {
                    whole(value, Read, visit);
                }
            }
            What::Atomic(atomic) => {
                base(&mut atomic.target, visit);
                for operand in &mut atomic.operands {
                    whole(operand, Read, visit);
                }
                if let Some(old) = &mut atomic.old {
                    whole(old, Written, visit);
                }
            }
            What::IsSpace { d, address, .. } => {
                whole(address, Read, visit);
                visit(Predicate, d, Written);
            }
            What::BranchIndexed(index, _) => whole(index, Read, visit),
            What::Call(call) => {
                if let Callee::Indirect(register) = &mut call.callee {
                    whole(register, Read, visit);
                }
            }
            What::Barrier {
                id, threads, tally, ..
            } => {
                whole(id, Read, visit);
                if let Some(threads) = threads {
                    whole(threads, Read, visit);
                }
                if let Some((_, held, d)) = tally {
                    visit(Predicate, held, Read);
                    whole(d, Written, visit);
                }
            }
            What::WarpBarrier(members) => visit(Word, members, Read),
            What::Shuffle {
                d,
                valid,
                value,
                by,
                clamp,
                members,
                ..
            } => {
                for slot in [value, by, clamp, members] {
                    visit(Word, slot, Read);
                }
                visit(Word, d, Written);
                visit(Predicate, valid, Written);
            }
            What::Vote {
                d, held, members, ..
            } => {
                visit(Predicate, held, Read);
                visit(Word, members, Read);
                whole(d, Written, visit);
            }
            What::Match {
                d,
                held,
                value,
                members,
                ..
            } => {
                whole(value, Read, visit);
                visit(Word, members, Read);
                visit(Word, d, Written);
                visit(Predicate, held, Written);
            }
            What::Reduce {
                d, value, members, ..
            } => {
                visit(Word, value, Read);
                visit(Word, members, Read);
                visit(Word, d, Written);
            }
            What::ActiveMask(d) => visit(Word, d, Written),
            What::Elect { d, held, members } => {
                visit(Word, members, Read);
                if let Some(d) = d {
                    visit(Word, d, Written);
                }
                visit(Predicate, held, Written);
            }
            What::Pack(to, parts) => {
                for part in parts {
                    whole(part, Read, visit);
                }
                whole(to, Written, visit);
            }
            What::Unpack(parts, from) => {
                whole(from, Read, visit);
                for part in parts.iter_mut().flatten() {
                    whole(part, Written, visit);
                }
            }
            What::Tensor(tensor) => {
                visit(Word, &mut tensor.members, Read);
                matrix(&mut tensor.matrix, visit);
            }
            What::Copy(copy) => {
                if let Copy::Start(start) = copy.as_mut() {
                    base(&mut start.to, visit);
                    base(&mut start.from, visit);
                    if let Some(size) = &mut start.size {
                        visit(Word, size, Read);
                    }
                    if let Some(ignored) = &mut start.ignored {
                        visit(Predicate, ignored, Read);
                    }
                }
            }
            What::Branch(_)
            | What::Return
            | What::Exit
            | What::Trap
            | What::Fence
            | What::Nothing => {}
        }
    }
}
