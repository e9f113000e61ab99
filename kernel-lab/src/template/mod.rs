//! Kernels with parameters: the library from which candidates are made.
//!
//! A template is a folder with `template.toml` (what it matches and what can be
//! tuned), `kernel.cpp` or `kernel.cu`, and `plan.toml`. [`load()`] reads a library of them,
//! [`matches()`] holds one against the op graph of a task, and [`instantiate()`] fills in
//! parameters and bound attributes and yields a candidate. Nothing here runs or
//! measures anything.

#[cfg(test)]
mod cuda_tests;
mod epilogue;
#[cfg(test)]
mod epilogue_tests;
mod epilogue_text;
mod instantiate;
mod load;
mod matching;
mod spec;
#[cfg(test)]
mod tests;

pub use epilogue::{ChannelDim, Epilogue};
pub use instantiate::{Instance, TemplateError, instantiate};
pub use load::{LoadError, LoadProblem, load};
pub use matching::{fitting, matches};
pub use spec::{
    Bind, Binding, Constraint, Dims, Include, Literal, Match, ParamKind, ParamSpec, Site, Template,
    Variable, space,
};
