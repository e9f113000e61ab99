//! A device without a driver.

use std::sync::Arc;

use crate::memory::{Allocation, Heap, HeapError};

/// The pieces of a device that go together.
#[derive(Debug)]
pub struct Device {
    heap: Heap,
}

impl Device {
    /// With so many bytes of memory.
    pub fn new(bytes: u64) -> Self {
        Self {
            heap: Heap::new(bytes),
        }
    }

    /// Its memory.
    pub fn heap(&self) -> &Heap {
        &self.heap
    }

    /// Its memory.
    pub fn heap_mut(&mut self) -> &mut Heap {
        &mut self.heap
    }

    /// Takes memory and copies bytes there.
    pub fn upload(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Allocation>, HeapError> {
        let allocation = self.heap.allocate(bytes.len() as u64, name, false)?;
        allocation.write(0, bytes);
        Ok(allocation)
    }
}
