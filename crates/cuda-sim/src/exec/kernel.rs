//! One instruction's work on registers, compiled for several processors.

#![expect(
    unsafe_code,
    reason = "functions compiled for a processor are called after it was asked what it can do"
)]

use super::rows::{Registers, Slots};

/// Work on registers of warps, in the lanes of a mask for each.
///
/// `portable` runs anywhere. The others are the same function compiled with
/// more instructions allowed; a fused multiply-add is a call into a library
/// without.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    pub(crate) portable: fn(&mut [Registers], &Slots, &[u32]),
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx2: unsafe fn(&mut [Registers], &Slots, &[u32]),
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx512: unsafe fn(&mut [Registers], &Slots, &[u32]),
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kernel")
    }
}

/// What this processor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    fn of_this_processor() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512cd");
            match (avx2, avx512) {
                (true, true) => return Self::Avx512,
                (true, false) => return Self::Avx2,
                _ => {}
            }
        }
        Self::Portable
    }
}

impl Level {
    /// Asked once.
    #[inline]
    pub(crate) fn get() -> Self {
        static LEVEL: std::sync::LazyLock<Level> =
            std::sync::LazyLock::new(Level::of_this_processor);
        *LEVEL
    }
}

/// A kernel in the form for this processor.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    run: unsafe fn(&mut [Registers], &Slots, &[u32]),
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ready")
    }
}

impl Kernel {
    /// Chooses by what the processor can do.
    pub(crate) fn ready(self) -> Ready {
        let run = match Level::get() {
            Level::Portable => self.portable,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => self.avx2,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => self.avx512,
        };
        Ready { run }
    }
}

impl Ready {
    /// Does it in the lanes of `masks`, one for each warp.
    #[inline]
    pub(crate) fn run(self, registers: &mut [Registers], slots: &Slots, masks: &[u32]) {
        // SAFETY: the only requirement of these functions is that the
        // processor has the instructions that they were compiled for, and
        // `ready` chose after asking it.
        unsafe { (self.run)(registers, slots, masks) }
    }
}

/// A [`Kernel`] from one body: `kernel!(|r, s, m| r.map2(s, m, u32::wrapping_add))`.
macro_rules! kernel {
    (|$r:ident, $s:ident, $m:ident| $body:expr) => {{
        use $crate::exec::rows::{Registers, Slots};
        #[inline(always)]
        fn body($r: &mut Registers, $s: &Slots, $m: u32) {
            $body;
        }
        #[inline(always)]
        fn all(registers: &mut [Registers], s: &Slots, masks: &[u32]) {
            for (r, &m) in registers.iter_mut().zip(masks) {
                if m != 0 {
                    body(r, s, m);
                }
            }
        }
        fn portable(r: &mut [Registers], s: &Slots, m: &[u32]) {
            all(r, s, m);
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2(r: &mut [Registers], s: &Slots, m: &[u32]) {
            all(r, s, m);
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(
            enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt"
        )]
        fn avx512(r: &mut [Registers], s: &Slots, m: &[u32]) {
            all(r, s, m);
        }
        $crate::exec::kernel::Kernel {
            portable,
            #[cfg(target_arch = "x86_64")]
            avx2,
            #[cfg(target_arch = "x86_64")]
            avx512,
        }
    }};
}
pub(crate) use kernel;

/// A function compiled for several processors, of which calls take the one for
/// this: `for_processor!(fn sum(a: &[u64; 32]) -> u64 { ... });`.
macro_rules! for_processor {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        #[expect(
            unsafe_code,
            reason = "functions compiled for a processor are called after it was asked what it can do"
        )]
        #[inline]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(
                enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt"
            )]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }
            match $crate::exec::kernel::Level::get() {
                $crate::exec::kernel::Level::Portable => body($($arg),*),
                // SAFETY: the processor has what they were compiled for.
                #[cfg(target_arch = "x86_64")]
                $crate::exec::kernel::Level::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::exec::kernel::Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(crate) use for_processor;
