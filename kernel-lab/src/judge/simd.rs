//! Lets the compiler use AVX2 where the machine has it.

/// Runs `work` compiled for AVX2 and FMA if the processor has them, else for
/// the target's baseline. `work` must be `#[inline(always)]` down to its loops,
/// or nothing is gained. The arithmetic is the same either way: nothing here may
/// contract or reorder.
pub(crate) fn dispatch<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which is all the function requires.
            return unsafe { with_avx2(work) };
        }
    }
    work()
}
