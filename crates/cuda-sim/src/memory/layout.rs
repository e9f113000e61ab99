//! Where variables lie in a block's shared memory.

/// Bytes between two variables that belong to none: an access there is one
/// beyond the end of its variable, which a GPU would not notice.
const GAP: u32 = 128;
/// Where all must have ended: far more than a block can have.
const MOST_BYTES: u32 = 1 << 24;
/// How many there may be.
const MOST_PIECES: usize = 1 << 12;

/// Bytes that belong to a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
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
    pub(crate) fn place(&mut self, bytes: u32, align: u32) -> Option<u32> {
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
        self.pieces.push(Piece { at, bytes });
        Some(at)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_do_not_touch() {
        let mut layout = Layout::default();
        assert_eq!(layout.place(3, 1), Some(0));
        assert_eq!(layout.place(64, 16), Some(144));
        assert_eq!((layout.end, layout.packed), (208, 80));
        assert_eq!(layout.gaps(), [(3, 144)]);
        assert_eq!(layout.place(u32::MAX, 1), None);
        assert_eq!(layout.place(1 << 24, 1), None);
        assert_eq!(layout.end, 208);
        let placed = (0..5000).filter(|_| layout.place(1, 1).is_some());
        assert_eq!(placed.count(), 4094);
    }
}
