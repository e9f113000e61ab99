//! What a program brings: kernels, memory, functions that streams call.
//!
//! The fuzz target for calls uses it, too.

use std::sync::{Arc, Mutex};

use cuda_sim_driver::machine::{CopyEnd, HostFunction, HostMemory};

/// Kernels over `u32`: `add(x, value)` in each thread's element, `beyond(x)`,
/// which reads an element too far, `fails()`, whose `trap` is met.
pub(crate) const KERNELS: &str = "
.version 8.3
.target sm_80
.address_size 64
.global .align 4 .u32 counter = 5;
.visible .entry add(.param .u64 x, .param .u32 value)
{
    .reg .b32 %r<4>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [x];
    ld.param.u32 %r3, [value];
    mov.u32 %r1, %tid.x;
    mad.wide.u32 %rd2, %r1, 4, %rd1;
    ld.global.u32 %r2, [%rd2];
    add.s32 %r2, %r2, %r3;
    st.global.u32 [%rd2], %r2;
    ret;
}
.visible .entry beyond(.param .u64 x)
{
    .reg .b32 %r<2>;
    .reg .b64 %rd<2>;
    ld.param.u64 %rd1, [x];
    ld.global.u32 %r1, [%rd1+65536];
    st.global.u32 [%rd1], %r1;
    ret;
}
.visible .entry fails()
{
    trap;
    ret;
}
.extern .shared .align 4 .b8 dynamic[];
.visible .entry shares(.param .u64 x)
{
    .reg .b32 %r<4>;
    .reg .b64 %rd<2>;
    ld.param.u64 %rd1, [x];
    mov.u32 %r1, dynamic;
    mov.u32 %r2, 7;
    st.shared.u32 [%r1], %r2;
    ld.shared.u32 %r3, [%r1];
    st.global.u32 [%rd1], %r3;
    ret;
}";

/// Memory of the program.
#[derive(Clone, Default)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(crate) fn of(words: &[u32]) -> Self {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Self(Arc::new(Mutex::new(bytes)))
    }

    pub(crate) fn end(&self) -> CopyEnd {
        CopyEnd::Host(16, Arc::new(self.clone()))
    }
}

impl HostMemory for Memory {
    fn read(&self, at: u64, into: &mut [u8]) {
        let bytes = self.0.lock().unwrap();
        into.copy_from_slice(&bytes[at as usize..at as usize + into.len()]);
    }

    fn write(&self, at: u64, from: &[u8]) {
        let mut bytes = self.0.lock().unwrap();
        bytes[at as usize..at as usize + from.len()].copy_from_slice(from);
    }
}

/// A function of a stream.
pub(crate) struct Call<F>(pub(crate) F);

impl<F: Fn() + Send + Sync> HostFunction for Call<F> {
    fn call(&self) {
        (self.0)();
    }
}
