//! Which line of the source an instruction belongs to.

use std::collections::HashMap;

use super::{Location, Place};

/// The places of `.loc` so far, and where each was inlined last.
///
/// A `.loc` names one call only; what that one is inlined in, an earlier
/// `.loc` of its place says.
#[derive(Debug, Default)]
pub struct Places {
    inlined: HashMap<Place, Place>,
}

impl Places {
    /// The innermost place in the file of the outermost one: a line of the
    /// kernel's own file, rather than one of a header that it includes.
    pub fn resolve(&mut self, location: Location) -> Location {
        let Some(call) = location.inlined_at else {
            return location;
        };
        if call != location.place {
            self.inlined.insert(location.place, call);
        }
        let mut chain = vec![location.place];
        while let Some(next) = self.inlined.get(&chain[chain.len() - 1])
            && !chain.contains(next)
        {
            chain.push(*next);
        }
        let file = chain[chain.len() - 1].file;
        let place = chain.into_iter().find(|place| place.file == file);
        Location {
            place: place.unwrap_or(location.place),
            ..location
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: u32, line: u32) -> Place {
        Place {
            file,
            line,
            column: 1,
        }
    }

    /// The line that each `.loc`, place and call, comes to.
    fn lines(locations: &[(Place, Option<Place>)]) -> Vec<(u32, u32)> {
        let mut places = Places::default();
        let lines = locations.iter().map(|&(place, inlined_at)| {
            let found = places.resolve(Location { place, inlined_at }).place;
            (found.file, found.line)
        });
        lines.collect()
    }

    #[test]
    fn headers_belong_to_who_calls_them() {
        let own = place(1, 10);
        assert_eq!(lines(&[(own, None)]), [(1, 10)]);
        // A function of one's own file keeps its lines.
        assert_eq!(lines(&[(place(1, 4), Some(own))]), [(1, 4)]);
        assert_eq!(
            lines(&[
                (place(2, 85), Some(own)),
                (place(3, 292), Some(place(2, 85))),
                (place(3, 219), Some(place(3, 292))),
                (place(3, 203), Some(place(3, 219))),
                (place(2, 85), Some(place(1, 12))),
                (place(3, 292), Some(place(2, 85))),
            ]),
            [(1, 10), (1, 10), (1, 10), (1, 10), (1, 12), (1, 12)]
        );
        // Who calls is not told.
        assert_eq!(lines(&[(place(3, 7), Some(place(2, 5)))]), [(2, 5)]);
    }
}
