//! What the text says, name by name. Borrows from it.

use std::collections::BTreeMap;

/// A whole text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module<'a> {
    /// `.version`: major, minor.
    pub version: (u32, u32),
    /// `.target`.
    pub target: Target<'a>,
    /// `.file`: the names of source files by number.
    pub files: BTreeMap<u32, &'a str>,
    /// Variables in `.global` and `.const`, and `.shared` ones of all functions.
    pub variables: Vec<Variable<'a>>,
    /// Entries and functions, those that are only declared included.
    pub functions: Vec<Function<'a>>,
}

/// `.target sm_90a, debug`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// `sm_90a`.
    pub name: &'a str,
    /// What stands behind it.
    pub options: Vec<&'a str>,
    /// Line of the PTX.
    pub line: u32,
}

/// A place in a source file, from `.loc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Number of the file in [`Module::files`].
    pub file: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 if unknown.
    pub column: u32,
}

/// `.loc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Where it was written.
    pub place: Place,
    /// Where that was inlined.
    pub inlined_at: Option<Place>,
}

/// State space of a variable or an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// Registers.
    Reg,
    /// Constant bank.
    Const,
    /// Device memory.
    Global,
    /// One thread's own memory.
    Local,
    /// Arguments, and what is handed to and from functions.
    Param,
    /// A block's memory.
    Shared,
}

/// Fundamental types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as in PTX")]
pub enum Type {
    S8,
    S16,
    S32,
    S64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F16x2,
    Bf16,
    Bf16x2,
    F32,
    F32x2,
    F64,
    B8,
    B16,
    B32,
    B64,
    B128,
    Pred,
}

impl Type {
    /// By its name without the dot.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "s8" => Self::S8,
            "s16" => Self::S16,
            "s32" => Self::S32,
            "s64" => Self::S64,
            "u8" => Self::U8,
            "u16" => Self::U16,
            "u32" => Self::U32,
            "u64" => Self::U64,
            "f16" => Self::F16,
            "f16x2" => Self::F16x2,
            "bf16" => Self::Bf16,
            "bf16x2" => Self::Bf16x2,
            "f32" => Self::F32,
            "f32x2" => Self::F32x2,
            "f64" => Self::F64,
            "b8" => Self::B8,
            "b16" => Self::B16,
            "b32" => Self::B32,
            "b64" => Self::B64,
            "b128" => Self::B128,
            "pred" => Self::Pred,
            _ => return None,
        })
    }

    /// Bytes in memory; a predicate has none, and counts as one.
    pub fn bytes(self) -> u32 {
        match self {
            Self::S8 | Self::U8 | Self::B8 | Self::Pred => 1,
            Self::S16 | Self::U16 | Self::F16 | Self::Bf16 | Self::B16 => 2,
            Self::S32 | Self::U32 | Self::F32 | Self::F16x2 | Self::Bf16x2 | Self::B32 => 4,
            Self::S64 | Self::U64 | Self::F64 | Self::F32x2 | Self::B64 => 8,
            Self::B128 => 16,
        }
    }
}

/// Who may see a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Linkage {
    /// This module only.
    #[default]
    Internal,
    /// `.visible`.
    Visible,
    /// `.extern`: defined elsewhere; as an array without length in shared
    /// memory, what a launch brings.
    Extern,
    /// `.weak`.
    Weak,
    /// `.common`.
    Common,
}

/// `.reg .f32 %f<14>;` or `.reg .pred p, q;`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers<'a> {
    /// Of each.
    pub ty: Type,
    /// Name, and how many: `%f<14>` stands for `%f0` to `%f13`.
    pub names: Vec<(&'a str, Option<u32>)>,
    /// Line of the PTX.
    pub line: u32,
}

/// How many elements a variable has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Array {
    /// It is no array.
    One,
    /// `[3][4]`, or `[]`, whose length whatever initialises it says.
    Sizes(Vec<Option<u64>>),
}

/// A variable that is no register, or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable<'a> {
    /// Where it lies.
    pub space: Space,
    /// Name.
    pub name: &'a str,
    /// Of one element.
    pub ty: Type,
    /// Elements of a vector that is one element: `.v4`.
    pub vector: u32,
    /// `.align`, in bytes; that of an element if not given.
    pub align: u32,
    /// How many.
    pub array: Array,
    /// Whether a parameter says that it is an address: `.ptr`.
    pub pointer: bool,
    /// Flattened; what is missing is zero.
    pub initial: Vec<Initial<'a>>,
    /// Who may see it.
    pub linkage: Linkage,
    /// Line of the PTX.
    pub line: u32,
}

impl Variable<'_> {
    /// Bytes; 0 for an array whose length is not known.
    pub fn bytes(&self) -> u64 {
        let element = u64::from(self.ty.bytes()) * u64::from(self.vector);
        let elements = match &self.array {
            Array::One => 1,
            Array::Sizes(sizes) => sizes.iter().enumerate().fold(1_u64, |product, (at, size)| {
                let known = size.unwrap_or(if at == 0 {
                    self.initial.len() as u64
                } else {
                    0
                });
                product.saturating_mul(known)
            }),
        };
        element.saturating_mul(elements)
    }
}

/// One element that a variable starts with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial<'a> {
    /// An integer.
    Int(u64),
    /// A single's bits.
    F32(u32),
    /// A double's bits.
    F64(u64),
    /// Where something lies: in its own state space, or generically.
    AddressOf {
        /// Of a variable or a function.
        name: &'a str,
        /// In bytes.
        offset: i64,
        /// `generic(name)`.
        generic: bool,
    },
}

/// `.entry` or `.func`.
#[derive(Clone, Debug, PartialEq)]
pub struct Function<'a> {
    /// Name, mangled.
    pub name: &'a str,
    /// Whether it can be launched.
    pub entry: bool,
    /// Who may see it.
    pub linkage: Linkage,
    /// What it returns.
    pub results: Vec<Variable<'a>>,
    /// What it takes.
    pub params: Vec<Variable<'a>>,
    /// `.maxntid`, `.reqntid` and so on with their numbers.
    pub directives: Vec<(&'a str, Vec<u32>)>,
    /// `None` if it is only declared.
    pub body: Option<Vec<Statement<'a>>>,
    /// Line of the PTX.
    pub line: u32,
}

/// `_ (.param .b32 _) f (…)` of an indirect call.
#[derive(Clone, Debug, PartialEq)]
pub struct Prototype<'a> {
    /// What it returns.
    pub results: Vec<Variable<'a>>,
    /// What it takes.
    pub params: Vec<Variable<'a>>,
}

/// `name: …`
#[derive(Clone, Debug, PartialEq)]
pub struct Label<'a> {
    /// Name.
    pub name: &'a str,
    /// What it names.
    pub what: Labelled<'a>,
    /// Line of the PTX.
    pub line: u32,
}

/// What a name with a colon stands before.
#[derive(Clone, Debug, PartialEq)]
pub enum Labelled<'a> {
    /// An instruction, or the end of the block.
    Place,
    /// `.branchtargets a, b;`
    Targets(Vec<&'a str>),
    /// `.calltargets f, g;`
    Functions(Vec<&'a str>),
    /// `.callprototype …;`
    Prototype(Prototype<'a>),
}

/// What a body consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement<'a> {
    /// `.reg`.
    Registers(Registers<'a>),
    /// `.shared`, `.local`, `.param` and others.
    Variable(Variable<'a>),
    /// Something with a name and a colon.
    Labelled(Label<'a>),
    /// `{ … }`: names in it are seen in it only.
    Block(Vec<Statement<'a>>),
    /// From here on.
    Location(Location),
    /// Bytes of the next load that somebody uses, a bit for each: the compiler may
    /// have made it wider than was asked.
    UsedBytes(u32),
    /// What is executed.
    Instruction(Instruction<'a>),
}

/// `@!%p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard<'a> {
    /// Name of a predicate.
    pub predicate: &'a str,
    /// Whether it must be false.
    pub negated: bool,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction<'a> {
    /// Which lanes take part.
    pub guard: Option<Guard<'a>>,
    /// `ld`.
    pub opcode: &'a str,
    /// `global`, `v4`, `f32`.
    pub modifiers: Vec<&'a str>,
    /// In order.
    pub operands: Vec<Operand<'a>>,
    /// Line of the PTX.
    pub line: u32,
}

impl Instruction<'_> {
    /// `ld.global.v4.f32`.
    pub fn full_opcode(&self) -> String {
        let mut full = self.opcode.to_owned();
        for modifier in &self.modifiers {
            full.push('.');
            full.push_str(modifier);
        }
        full
    }
}

/// What an address is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base<'a> {
    /// A register, a variable or a parameter.
    Name(&'a str),
    /// The address itself.
    Absolute,
}

/// `[%rd1+16]`, or `[%rd1, {%r1, %r2}]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Address<'a> {
    /// From where.
    pub base: Base<'a>,
    /// In bytes.
    pub offset: i64,
    /// Of a tensor.
    pub coordinates: Vec<Operand<'a>>,
}

/// One operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand<'a> {
    /// A register, a variable, a label, a function, a special register.
    Name(&'a str),
    /// `%tid.x`.
    Member(&'a str, &'a str),
    /// `!%p`.
    Not(&'a str),
    /// `%p|%q`.
    Pair(Box<Operand<'a>>, Box<Operand<'a>>),
    /// `_`.
    Discard,
    /// An integer's bits, extended by its sign.
    Int(u64),
    /// A single's bits.
    F32(u32),
    /// A double's bits.
    F64(u64),
    /// `name+4`: where a variable lies.
    AddressOf(&'a str, i64),
    /// `{%r1, %r2}`.
    Vector(Vec<Operand<'a>>),
    /// `[…]`.
    Address(Address<'a>),
    /// `(…)` of a call.
    Group(Vec<Operand<'a>>),
}
