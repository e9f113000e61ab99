//! The driver API as C sees it.
//!
//! Each entry point turns its arguments into safe ones, calls the machine, and
//! turns the answer into a `CUresult`. What touches the program's memory is in
//! [`pointer`] alone; the rest of this module is unsafe only in that it gives
//! its functions the names that programs look for. Whoever calls them answers
//! for the pointers, as in any driver.

mod context;
mod device;
mod event;
mod graph;
mod launch;
mod memory;
mod misc;
mod module;
mod pointer;
mod pool;
mod stream;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use crate::caller::Caller;
use crate::driver::Driver;
use crate::error::Error;
use crate::machine::Wait;
use crate::settings::Failure;

/// There from `cuInit` on.
static DRIVER: OnceLock<Driver> = OnceLock::new();

/// There from `cuInit` on, if a call is to fail.
static FAILURE: OnceLock<Failure> = OnceLock::new();

thread_local! {
    static CALLER: RefCell<Caller> = RefCell::default();
    /// A function of the program runs in a stream: it may make no calls.
    static IN_HOST_FUNCTION: Cell<bool> = const { Cell::new(false) };
}

/// Declares one function that programs look for.
macro_rules! export {
    (
        $(#[$attribute:meta])*
        $name:ident($($arg:ident: $ty:ty),* $(,)?)
        |$driver:pat_param, $caller:pat_param| $body:expr
    ) => {
        $(#[$attribute])*
        #[unsafe(no_mangle)]
        extern "C" fn $name($($arg: $ty),*) -> u32 {
            $crate::abi::answer(stringify!($name), |$driver, $caller| $body)
        }
    };
    ($other:ident = $name:ident($($arg:ident: $ty:ty),* $(,)?)) => {
        #[unsafe(no_mangle)]
        extern "C" fn $other($($arg: $ty),*) -> u32 {
            $name($($arg),*)
        }
    };
}
use export;

/// Declares entry points: the newest form of a name, other names for the same,
/// arguments, and what it does with a driver and a caller. Answers `0`, or
/// the error's number.
macro_rules! entries {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident $args:tt $(as $other:ident)*
            |$driver:pat_param, $caller:pat_param| $body:expr;
    )*) => {
        $(
            $crate::abi::export! { $(#[$attribute])* $name $args |$driver, $caller| $body }
            $($crate::abi::export! { $other = $name $args })*
        )*

        /// Names of what is declared here.
        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$(stringify!($name), $(stringify!($other),)*)*];

        /// The function of a name.
        pub(super) fn find(name: &str) -> Option<*const ::core::ffi::c_void> {
            $(
                if name == stringify!($name) $(|| name == stringify!($other))* {
                    return Some($name as *const ::core::ffi::c_void);
                }
            )*
            None
        }
    };
}
use entries;

/// All names that are exported.
#[cfg(test)]
fn names() -> impl Iterator<Item = &'static str> {
    let all = [
        misc::FIRST,
        misc::NAMES,
        device::NAMES,
        context::NAMES,
        module::NAMES,
        launch::NAMES,
        memory::NAMES,
        pool::NAMES,
        stream::NAMES,
        event::NAMES,
        graph::NAMES,
    ];
    all.into_iter().flatten().copied()
}

/// The function of a name.
fn find(name: &str) -> Option<*const core::ffi::c_void> {
    let all = [
        misc::find_first,
        misc::find,
        device::find,
        context::find,
        module::find,
        launch::find,
        memory::find,
        pool::find,
        stream::find,
        event::find,
        graph::find,
    ];
    all.into_iter().find_map(|find| find(name))
}

/// Runs what a call of this name does; nothing gets out of here but a number.
fn answer(name: &str, call: impl FnOnce(&Driver, &mut Caller) -> Result<(), Error>) -> u32 {
    guarded(|| {
        let driver = DRIVER.get().ok_or(Error::NotInitialized)?;
        if let Some(failure) = FAILURE.get().filter(|failure| failure.call == name) {
            return Err(failure.error);
        }
        if IN_HOST_FUNCTION.get() {
            return Err(Error::NotPermitted);
        }
        CALLER
            .try_with(|caller| {
                let mut caller = caller.try_borrow_mut().map_err(|_| Error::NotPermitted)?;
                call(driver, &mut caller)
            })
            .unwrap_or(Err(Error::Deinitialized))
    })
}

/// As `answer`, for what needs neither driver nor context.
fn guarded(call: impl FnOnce() -> Result<(), Error>) -> u32 {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => error.code(),
        Err(_) => Error::Unknown.code(),
    }
}

/// Waits, if there is something to wait for.
fn wait(driver: &Driver, wait: impl Into<Option<Wait>>) -> Result<(), Error> {
    wait.into().map_or(Ok(()), |wait| driver.wait(wait))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Each name is there once and has a function.
    #[test]
    fn names_are_found() {
        let names: Vec<_> = super::names().collect();
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        for name in names {
            assert!(super::find(name).is_some(), "{name}");
        }
        assert!(super::find("cuNoSuchThing").is_none());
    }
}
