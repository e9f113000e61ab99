//! Where variables lie in a block's shared memory.

use std::sync::Arc;

/// Bytes between two variables that belong to none: an access there is one
/// beyond the end of its variable, which a GPU would not notice.
const GAP: u32 = 128;
/// Where all must have ended: far more than a block can have.
const MOST_BYTES: u32 = 1 << 24;
/// How many there may be.
const MOST_PIECES: usize = 1 << 12;

/// Bytes that belong to a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What findings call it.
    pub(crate) name: Arc<str>,
    pub(crate) at: u32,
    pub(crate) bytes: u32,
}

/// Variables one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) pieces: Vec<Piece>,
    /// Where the last one ends.
    pub(crate) end: u32,
    /// Bytes that they would take without anything between, as on a GPU.
    pub(crate) packed: u32,
}

impl Layout {
    /// Behind what lies there already; `None` if that is too much.
    pub(crate) fn place(&mut self, name: &str, bytes: u32, align: u32) -> Option<u32> {
        let start = if self.end == 0 {
            0
        } else {
            self.end.checked_add(GAP)?
        };
        let at = start.checked_next_multiple_of(align)?;
        let end = at.checked_add(bytes)?;
        if end > MOST_BYTES || self.pieces.len() == MOST_PIECES {
            return None;
        }
        self.end = end;
        let packed = self.packed.checked_next_multiple_of(align)?;
        self.packed = packed.checked_add(bytes)?;
        let name = of_source(name).into();
        self.pieces.push(Piece { name, at, bytes });
        Some(at)
    }

    /// The variable that an address is in, or behind.
    pub(crate) fn near(&self, address: u64) -> Option<&Piece> {
        let mut behind = self.pieces.iter().rev();
        behind
            .find(|piece| u64::from(piece.at) <= address)
            .or(self.pieces.first())
    }

    /// What lies between the pieces: start and end.
    pub(crate) fn gaps(&self) -> Vec<(u32, u32)> {
        let mut gaps = Vec::new();
        let mut end = 0;
        for piece in &self.pieces {
            gaps.push((end, piece.at));
            end = piece.at + piece.bytes;
        }
        gaps.retain(|(start, end)| start < end);
        gaps
    }
}

/// A variable's name as its source has it: those of a function are mangled
/// with the function's (Itanium C++ ABI, 5.1.6).
fn of_source(name: &str) -> &str {
    let Some(mangled) = name.strip_prefix("_ZZ") else {
        return name;
    };
    let entities = mangled.match_indices('E').map(|(at, _)| &mangled[at + 1..]);
    let mut plain = entities.filter_map(|entity| {
        let digits = entity.bytes().take_while(u8::is_ascii_digit).count();
        let (length, rest) = entity.split_at(digits);
        let (plain, number) = rest.split_at_checked(length.parse().ok()?)?;
        // Others of that name in the same function are numbered.
        let whole = number
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_digit());
        whole.then_some(plain)
    });
    plain.next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_do_not_touch() {
        let mut layout = Layout::default();
        assert_eq!(layout.place("a", 3, 1), Some(0));
        assert_eq!(layout.place("b", 64, 16), Some(144));
        assert_eq!((layout.end, layout.packed), (208, 80));
        assert_eq!(layout.gaps(), [(3, 144)]);
        let near = |address| layout.near(address).map(|piece| &*piece.name);
        assert_eq!([0, 143, 144, 999].map(near), ["a", "a", "b", "b"].map(Some));
        assert_eq!(Layout::default().near(0), None);
        assert_eq!(layout.place("c", u32::MAX, 1), None);
        assert_eq!(layout.place("c", 1 << 24, 1), None);
        assert_eq!(layout.end, 208);
        let placed = (0..5000).filter(|_| layout.place("c", 1, 1).is_some());
        assert_eq!(placed.count(), 4094);
    }

    #[test]
    fn names_are_those_of_the_source() {
        for (name, plain) in [
            ("tile", "tile"),
            ("_ZZ7row_sumE7partial", "partial"),
            ("_ZZ6smoothIfEvPKT_PS0_iE4tile", "tile"),
            ("_ZZ4twicevE1s_0", "s"),
            ("_ZZN5space1kEvE10all_values__12_", "all_values"),
            ("_ZZ1kE99x", "_ZZ1kE99x"),
            ("_ZN5space4tileE", "_ZN5space4tileE"),
        ] {
            assert_eq!(of_source(name), plain);
        }
    }
}
