//! What programs name things by: numbers that are never given twice, so that
//! a stale or a wrong one is noticed, and that point nowhere.

/// In every handle: no address of a program has these bits.
const MARK: u64 = 0x00c5 << 48;
/// Where the kind of thing stands.
const KIND: u32 = 40;

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident = $kind:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            pub(crate) fn numbered(number: u64) -> Self {
                Self(MARK | $kind << KIND | number & ((1 << KIND) - 1))
            }

            /// As it is given to programs.
            pub fn raw(self) -> u64 {
                self.0
            }

            /// From what a program gave: `None` if it is of another kind.
            pub fn from_raw(raw: u64) -> Option<Self> {
                (raw >> KIND == (MARK | $kind << KIND) >> KIND).then_some(Self(raw))
            }
        }
    )*};
}

handles! {
    /// A context.
    ContextId = 1,
    /// A module.
    ModuleId = 2,
    /// A kernel of a module.
    FunctionId = 3,
    /// A stream that was created.
    StreamId = 4,
    /// An event.
    EventId = 5,
    /// A graph.
    GraphId = 6,
    /// A graph that can be launched.
    ExecId = 7,
    /// A memory pool.
    PoolId = 8,
}

/// Which stream a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRef {
    /// The default one, which other streams wait for and which waits for them.
    Legacy,
    /// The calling thread's own default one.
    PerThread,
    /// One that was created.
    Created(StreamId),
}

impl StreamRef {
    /// From what a program gave.
    pub fn from_raw(raw: u64) -> Option<Self> {
        match raw {
            0 | 1 => Some(Self::Legacy),
            2 => Some(Self::PerThread),
            raw => StreamId::from_raw(raw).map(Self::Created),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_know_their_kind() {
        let stream = StreamId::numbered(7);
        assert_eq!(StreamId::from_raw(stream.raw()), Some(stream));
        assert_eq!(EventId::from_raw(stream.raw()), None);
        assert_eq!(
            StreamRef::from_raw(stream.raw()),
            Some(StreamRef::Created(stream))
        );
        for raw in [3, 0x7fff_0000_1000, u64::MAX] {
            assert_eq!(StreamRef::from_raw(raw), None);
        }
    }
}
