//! Pointers of the program: the only code that follows them.
//!
//! A value of these types comes from a C caller alone, who answers for it by
//! the rules of the driver API: an output points to room for its type, a text
//! ends with a zero byte, memory of a copy stays until the copy is done.

#![expect(
    unsafe_code,
    reason = "a C caller's pointers can't be followed otherwise"
)]

use core::ffi::{CStr, c_char, c_uint, c_void};
use std::sync::Arc;

use crate::error::Error;
use crate::machine::{CopyEnd, HostFunction, HostMemory};

/// Where a result goes.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Out<T>(*mut T);

impl<T: Copy> Out<T> {
    /// Writes the result.
    pub(super) fn put(self, value: T) -> Result<(), Error> {
        if self.0.is_null() {
            return Err(Error::InvalidValue);
        }
        // SAFETY: see above; the value may lie at any address.
        unsafe { self.0.write_unaligned(value) }
        Ok(())
    }

    /// Writes it if it is asked for.
    pub(super) fn put_if_there(self, value: T) {
        // Not asked for is no error here.
        let _ = self.put(value);
    }

    /// What is there now.
    pub(super) fn get(self) -> Result<T, Error> {
        if self.0.is_null() {
            return Err(Error::InvalidValue);
        }
        // SAFETY: see above.
        Ok(unsafe { self.0.read_unaligned() })
    }

    /// The same place for another type.
    pub(super) fn cast<U>(self) -> Out<U> {
        Out(self.0.cast())
    }

    /// Writes `values` from it on.
    pub(super) fn put_all(self, values: &[T]) -> Result<(), Error> {
        for (at, value) in values.iter().enumerate() {
            Out(self.0.wrapping_add(at)).put(*value)?;
        }
        Ok(())
    }

    /// So many of them from there on.
    pub(super) fn at(self, at: usize) -> Self {
        Self(self.0.wrapping_add(at))
    }
}

/// A text.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Text(*const c_char);

impl Text {
    pub(super) fn get(&self) -> Result<&str, Error> {
        if self.0.is_null() {
            return Err(Error::InvalidValue);
        }
        // SAFETY: see above.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str().map_err(|_| Error::InvalidValue)
    }
}

/// What a module is loaded from.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Image(*const u8);

impl Image {
    /// Its text; `None` if it is machine code, whose length is not known here.
    pub(super) fn text(&self) -> Result<Option<&str>, Error> {
        const BINARY: [&[u8]; 2] = [b"\x7fELF", &[0x50, 0xed, 0x55, 0xba]];
        if self.0.is_null() {
            return Err(Error::InvalidValue);
        }
        for magic in BINARY {
            let mut all = magic.iter().enumerate();
            // SAFETY: each byte is read only if those before it are the
            // image's, and none of them is the zero byte at its end.
            if all.all(|(at, byte)| unsafe { self.0.add(at).read() } == *byte) {
                return Ok(None);
            }
        }
        Text(self.0.cast()).get_any().map(Some)
    }
}

impl Text {
    /// As `get`, with the lifetime of whoever has it.
    fn get_any<'a>(self) -> Result<&'a str, Error> {
        // SAFETY: it is not null, and see above.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str().map_err(|_| Error::InvalidImage)
    }
}

/// Memory of the program.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Host(*mut c_void);

/// So many bytes of it.
struct Bytes {
    start: *mut u8,
    bytes: u64,
}

// SAFETY: a C caller that hands memory over leaves it alone until the work in
// the stream is done: whichever thread does it has it to itself.
unsafe impl Send for Bytes {}
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    fn at(&self, at: u64, length: usize) -> *mut u8 {
        assert!(
            at <= self.bytes && length as u64 <= self.bytes - at,
            "a copy keeps to its length"
        );
        self.start.wrapping_add(at as usize)
    }
}

impl HostMemory for Bytes {
    fn read(&self, at: u64, into: &mut [u8]) {
        let from = self.at(at, into.len());
        // SAFETY: so many bytes of the program's memory; `into` is ours.
        unsafe { from.copy_to_nonoverlapping(into.as_mut_ptr(), into.len()) }
    }

    fn write(&self, at: u64, from: &[u8]) {
        let to = self.at(at, from.len());
        // SAFETY: as above.
        unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) }
    }
}

impl Host {
    /// As an end of a copy of so many bytes.
    pub(super) fn end(self, bytes: usize) -> Result<CopyEnd, Error> {
        if self.0.is_null() && bytes > 0 {
            return Err(Error::InvalidValue);
        }
        let memory = Bytes {
            start: self.0.cast(),
            bytes: bytes as u64,
        };
        Ok(CopyEnd::Host(self.address(), Arc::new(memory)))
    }

    pub(super) fn address(self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// The program's pointer to memory that it shares with the device.
    pub(super) fn of_address(address: u64) -> Self {
        Self(std::ptr::with_exposed_provenance_mut(address as usize))
    }
}

/// A function that a stream calls, with what it is called with.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Callback {
    pub(super) function: Option<extern "C" fn(*mut c_void)>,
    pub(super) data: Host,
}

// SAFETY: a C caller that hands a function to a stream knows that another
// thread calls it.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl HostFunction for Callback {
    fn call(&self) {
        super::IN_HOST_FUNCTION.set(true);
        if let Some(function) = self.function {
            function(self.data.0);
        }
        super::IN_HOST_FUNCTION.set(false);
    }
}

/// Addresses of a kernel's arguments.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Arguments(*const *const u8);

impl Arguments {
    pub(super) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Copies them to where the kernel has them: offset and bytes of each.
    pub(super) fn pack(self, params: &[(u32, u32)], bytes: u32) -> Result<Vec<u8>, Error> {
        let mut packed = vec![0; bytes as usize];
        for (at, (offset, length)) in params.iter().enumerate() {
            // SAFETY: there is an address for each of the kernel's arguments.
            let from = unsafe { self.0.add(at).read() };
            let place = packed.get_mut(*offset as usize..(*offset + *length) as usize);
            let place = place.ok_or(Error::InvalidValue)?;
            if from.is_null() {
                return Err(Error::InvalidValue);
            }
            // SAFETY: it points to as many bytes as the argument has.
            unsafe { from.copy_to_nonoverlapping(place.as_mut_ptr(), place.len()) }
        }
        Ok(packed)
    }
}

/// A kernel's arguments the other way: a list of kinds and values.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Extra(*const *const c_void);

impl Extra {
    /// Without any.
    pub(super) fn none() -> Self {
        Self(std::ptr::null())
    }

    /// The arguments as they lie in the program's memory; `None` without any.
    pub(super) fn pack(self) -> Result<Option<Vec<u8>>, Error> {
        // `CU_LAUNCH_PARAM_END`, `_BUFFER_POINTER` and `_BUFFER_SIZE`.
        const END: usize = 0;
        const POINTER: usize = 1;
        const SIZE: usize = 2;
        if self.0.is_null() {
            return Ok(None);
        }
        let (mut start, mut size) = (std::ptr::null(), std::ptr::null());
        for at in 0..3 {
            // SAFETY: the list ends with `END`, which is looked for first.
            let kind = unsafe { self.0.add(at * 2).read() }.addr();
            if kind == END {
                break;
            }
            // SAFETY: a value follows each kind but the last.
            let value = unsafe { self.0.add(at * 2 + 1).read() };
            match kind {
                POINTER => start = value.cast::<u8>(),
                SIZE => size = value.cast::<usize>(),
                _ => return Err(Error::InvalidValue),
            }
        }
        if start.is_null() || size.is_null() {
            return Err(Error::InvalidValue);
        }
        // SAFETY: it points to the buffer's size.
        let size = unsafe { size.read_unaligned() };
        if size > 1 << 16 {
            return Err(Error::InvalidValue);
        }
        let mut packed = vec![0; size];
        // SAFETY: the buffer has so many bytes.
        unsafe { start.copy_to_nonoverlapping(packed.as_mut_ptr(), size) }
        Ok(Some(packed))
    }
}

/// Options of a just-in-time compilation, of which the error log's buffer
/// and its size are heeded.
#[derive(Clone, Copy)]
pub(super) struct JitOptions {
    pub(super) count: c_uint,
    pub(super) kinds: Out<u32>,
    pub(super) values: Out<*mut c_void>,
}

impl JitOptions {
    /// Tells why a module could not be loaded.
    pub(super) fn log_error(self, text: &str) -> Result<(), Error> {
        // `CU_JIT_ERROR_LOG_BUFFER` and `…_SIZE_BYTES`.
        const BUFFER: u32 = 5;
        const SIZE: u32 = 6;
        let mut buffer = None;
        let mut size = None;
        for at in 0..self.count as usize {
            match self.kinds.at(at).get()? {
                BUFFER => buffer = Some(self.values.at(at).get()?),
                SIZE => size = Some((at, self.values.at(at).get()?.addr())),
                _ => {}
            }
        }
        let (Some(buffer), Some((at, size))) = (buffer, size) else {
            return Ok(());
        };
        let length = text.len().min(size.saturating_sub(1));
        if size > 0 {
            let buffer = Out(buffer.cast::<u8>());
            buffer.put_all(&text.as_bytes()[..length])?;
            buffer.at(length).put(0)?;
        }
        let written = std::ptr::without_provenance_mut(length);
        self.values.at(at).put(written)
    }
}
