//! Memory pools: whose bytes are where.
//!
//! What goes back to a pool stays with it up to its threshold, as on a GPU,
//! but only in its attributes: the device's memory is free at once.

use super::Machine;
use crate::error::Error;
use crate::handle::PoolId;

/// A pool.
#[derive(Debug)]
pub(super) struct Pool {
    used: u64,
    used_high: u64,
    /// Given back, and not yet the device's again.
    kept: u64,
    reserved_high: u64,
    threshold: u64,
    /// The three kinds of reuse, which change nothing.
    reuse: [i32; 3],
    /// What is left of it comes back yet.
    destroyed: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            used: 0,
            used_high: 0,
            kept: 0,
            reserved_high: 0,
            threshold: 0,
            reuse: [1; 3],
            destroyed: false,
        }
    }
}

/// An attribute of a pool: an `int` or a 64-bit number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolAttribute {
    /// One of the kinds of reuse.
    Int(i32),
    /// Bytes.
    Bytes(u64),
}

impl Machine {
    pub(super) fn pool(&mut self, id: PoolId) -> Result<&mut Pool, Error> {
        let pool = self.pools.get_mut(&id).filter(|pool| !pool.destroyed);
        pool.ok_or(Error::InvalidValue)
    }

    pub(super) fn out_of_pool(&mut self, id: PoolId, bytes: u64) {
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.used += bytes;
            pool.kept = pool.kept.saturating_sub(bytes);
            pool.used_high = pool.used_high.max(pool.used);
            pool.reserved_high = pool.reserved_high.max(pool.used + pool.kept);
        }
    }

    pub(super) fn back_to_pool(&mut self, id: PoolId, bytes: u64) {
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.used = pool.used.saturating_sub(bytes);
            pool.kept += bytes;
            if pool.destroyed && pool.used == 0 {
                self.pools.remove(&id);
            }
        }
    }

    /// At a synchronisation pools keep no more than their threshold.
    pub(super) fn trim_pools(&mut self) {
        for pool in self.pools.values_mut() {
            pool.trim(pool.threshold);
        }
    }

    /// Makes a pool.
    pub fn pool_create(&mut self) -> PoolId {
        let id = PoolId::numbered(self.number());
        self.pools.insert(id, Pool::default());
        id
    }

    /// Forgets a pool; what came from it stays until it is freed.
    pub fn pool_destroy(&mut self, id: PoolId) -> Result<(), Error> {
        if id == self.default_pool {
            return Err(Error::InvalidValue);
        }
        let pool = self.pool(id)?;
        pool.destroyed = true;
        if pool.used == 0 {
            self.pools.remove(&id);
        }
        if self.current_pool == id {
            self.current_pool = self.default_pool;
        }
        Ok(())
    }

    /// The device's own pool.
    pub fn pool_default(&self) -> PoolId {
        self.default_pool
    }

    /// The pool that allocations come from.
    pub fn pool_current(&self) -> PoolId {
        self.current_pool
    }

    /// Makes it another one.
    pub fn pool_set_current(&mut self, id: PoolId) -> Result<(), Error> {
        self.pool(id)?;
        self.current_pool = id;
        Ok(())
    }

    /// Keeps no more than so many bytes.
    pub fn pool_trim(&mut self, id: PoolId, bytes: u64) -> Result<(), Error> {
        self.pool(id)?.trim(bytes);
        Ok(())
    }

    /// An attribute by its number in `CUmemPool_attribute`.
    pub fn pool_attribute(&mut self, id: PoolId, number: u32) -> Result<PoolAttribute, Error> {
        let pool = self.pool(id)?;
        Ok(match number {
            1..=3 => PoolAttribute::Int(pool.reuse[number as usize - 1]),
            4 => PoolAttribute::Bytes(pool.threshold),
            5 => PoolAttribute::Bytes(pool.used + pool.kept),
            6 => PoolAttribute::Bytes(pool.reserved_high),
            7 => PoolAttribute::Bytes(pool.used),
            8 => PoolAttribute::Bytes(pool.used_high),
            _ => return Err(Error::InvalidValue),
        })
    }

    /// Sets one; greatest values can be set to 0 only, which starts them anew.
    pub fn pool_set_attribute(
        &mut self,
        id: PoolId,
        number: u32,
        value: PoolAttribute,
    ) -> Result<(), Error> {
        let pool = self.pool(id)?;
        match (number, value) {
            (1..=3, PoolAttribute::Int(value)) => pool.reuse[number as usize - 1] = value,
            (4, PoolAttribute::Bytes(bytes)) => pool.threshold = bytes,
            (6, PoolAttribute::Bytes(0)) => pool.reserved_high = pool.used + pool.kept,
            (8, PoolAttribute::Bytes(0)) => pool.used_high = pool.used,
            _ => return Err(Error::InvalidValue),
        }
        Ok(())
    }

    /// Whether an attribute is an `int` rather than a 64-bit number.
    pub fn pool_attribute_is_int(number: u32) -> bool {
        matches!(number, 1..=3)
    }
}

impl Pool {
    fn trim(&mut self, keep: u64) {
        self.kept = self.kept.min(keep.saturating_sub(self.used));
    }
}
