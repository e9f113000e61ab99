//! A program with one thread, and what it is told.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use cuda_sim_driver::machine::{CopyEnd, HostFunction, HostMemory, Shape, Transfer, Wait};
use cuda_sim_driver::{
    Caller, Driver, Error, Found, FunctionId, Launched, Reporter, Settings, StreamRef,
};

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

/// Keeps what it is told.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    pub(crate) found: Arc<Mutex<Vec<Found>>>,
    pub(crate) launched: Arc<Mutex<Vec<Launched>>>,
    pub(crate) said: Arc<Mutex<Vec<String>>>,
}

impl Reporter for Kept {
    fn finding(&mut self, found: &Found) {
        self.found.lock().unwrap().push(found.clone());
    }

    fn launched(&mut self, launched: &Launched) {
        self.launched.lock().unwrap().push(launched.clone());
    }

    fn printed(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        self.said.lock().unwrap().push(text);
    }

    fn message(&mut self, text: &str) {
        self.said.lock().unwrap().push(text.to_owned());
    }
}

/// Memory of the program.
#[derive(Clone, Default)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(crate) fn of(words: &[u32]) -> Self {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Self(Arc::new(Mutex::new(bytes)))
    }

    pub(crate) fn words(&self) -> Vec<u32> {
        let bytes = self.0.lock().unwrap();
        let words = bytes.chunks_exact(4);
        words
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect()
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

/// A function that waits until it is let go.
pub(crate) struct Gate(Mutex<Receiver<()>>);

impl HostFunction for Gate {
    fn call(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

/// A function of a stream.
pub(crate) struct Call<F>(pub(crate) F);

impl<F: Fn() + Send + Sync> HostFunction for Call<F> {
    fn call(&self) {
        (self.0)();
    }
}

pub(crate) struct Program {
    pub(crate) driver: Driver,
    pub(crate) caller: Caller,
    pub(crate) kept: Kept,
}

impl Program {
    pub(crate) fn new() -> Self {
        let kept = Kept::default();
        let settings = Settings {
            memory: 1 << 24,
            ..Settings::default()
        };
        let driver = Driver::new(settings, Box::new(kept.clone()));
        let mut caller = Caller::default();
        let context = driver.enter().primary_retain();
        caller.set_current(Some(context));
        Self {
            driver,
            caller,
            kept,
        }
    }

    pub(crate) fn stream(&self) -> StreamRef {
        let made = self.driver.enter().stream_create(&self.caller, false, 0);
        StreamRef::Created(made.unwrap())
    }

    pub(crate) fn wait(&self, wait: impl Into<Option<Wait>>) -> Result<(), Error> {
        wait.into().map_or(Ok(()), |wait| self.driver.wait(wait))
    }

    pub(crate) fn synchronize(&self, stream: StreamRef) -> Result<(), Error> {
        let wait = self.driver.enter().stream_synchronize(&self.caller, stream);
        self.wait(wait?)
    }

    pub(crate) fn kernel(&self, name: &str) -> FunctionId {
        let mut machine = self.driver.enter();
        let module = machine.module_load(&self.caller, KERNELS).unwrap();
        machine.module_function(&self.caller, module, name).unwrap()
    }

    pub(crate) fn launch(
        &self,
        stream: StreamRef,
        kernel: FunctionId,
        threads: u32,
        arguments: &[u8],
    ) -> Result<(), Error> {
        let shape = Shape {
            grid: [1, 1, 1],
            block: [threads, 1, 1],
            dynamic_shared: 0,
        };
        let mut machine = self.driver.enter();
        machine.launch(&self.caller, stream, kernel, shape, arguments)
    }

    /// `add` of a value to so many elements.
    pub(crate) fn add(
        &self,
        stream: StreamRef,
        kernel: FunctionId,
        x: u64,
        threads: u32,
        value: u32,
    ) -> Result<(), Error> {
        let arguments = [&x.to_le_bytes()[..], &value.to_le_bytes()].concat();
        self.launch(stream, kernel, threads, &arguments)
    }

    pub(crate) fn upload(&self, words: &[u32]) -> u64 {
        let bytes = words.len() as u64 * 4;
        let x = self.driver.enter().allocate(&self.caller, bytes).unwrap();
        let copy = Transfer {
            from: Memory::of(words).end(),
            to: CopyEnd::Device(x),
            bytes,
        };
        let wait = self.driver.enter().copy(&self.caller, &copy).unwrap();
        self.wait(wait).unwrap();
        x
    }

    pub(crate) fn download(&self, x: u64, count: usize) -> Result<Vec<u32>, Error> {
        let memory = Memory::of(&vec![0; count]);
        let copy = Transfer {
            from: CopyEnd::Device(x),
            to: memory.end(),
            bytes: count as u64 * 4,
        };
        let wait = self.driver.enter().copy(&self.caller, &copy)?;
        self.wait(wait)?;
        Ok(memory.words())
    }

    /// Holds a stream's work back until something is sent, or the sender is
    /// gone.
    pub(crate) fn hold(&self, stream: StreamRef) -> Sender<()> {
        let (sender, receiver) = channel();
        let gate = Arc::new(Gate(Mutex::new(receiver)));
        let mut machine = self.driver.enter();
        machine.stream_call(&self.caller, stream, gate).unwrap();
        sender
    }

    /// Codes of what was found.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let found = self.kept.found.lock().unwrap();
        found.iter().map(Found::code).collect()
    }
}
