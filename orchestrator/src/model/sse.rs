//! Server-sent events out of bytes, however the network cut them.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its data, several lines joined.
    pub data: String,
}

/// Bytes that are no event stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line is not UTF-8.
    #[error("an event is not valid UTF-8")]
    NotUtf8,
}

/// Takes bytes, gives events. A text that was cut in the middle of a character
/// is put together again; one that never was UTF-8 is an error.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    after_return: bool,
    begun: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl Parser {
    /// Takes some bytes and gives the events that they complete.
    pub fn feed(&mut self, bytes: &[u8], into: &mut Vec<Event>) -> Result<(), SseError> {
        for &byte in bytes {
            // A line ends with CR, LF or both.
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => self.end_line(into)?,
                other => self.line.push(other),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, into: &mut Vec<Event>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&line).map_err(|_| SseError::NotUtf8)?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                into.push(Event { name, data });
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments, ids, retry times and what may come.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Event>, SseError> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        let mut from = 0;
        for &cut in cuts {
            let cut = cut.clamp(from, bytes.len());
            parser.feed(&bytes[from..cut], &mut events)?;
            from = cut;
        }
        parser.feed(&bytes[from..], &mut events)?;
        Ok(events)
    }

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn fields_comments_and_all_kinds_of_line_ends() {
        let text = "\u{feff}: hello\r\nevent: a\ndata:1\rdata: 2\r\n\r\nid: 7\n\ndata\n\nevent: b\n\n: x\n\ndata: {}\n";
        let events = parse(text.as_bytes(), &[]).unwrap();
        // The last one is not complete, the one without data none at all.
        assert_eq!(events, [event("a", "1\n2"), event("", "")]);
    }

    #[test]
    fn what_never_was_utf8_is_an_error() {
        assert_eq!(parse(b"data: \xf0\x9f\n\n", &[]), Err(SseError::NotUtf8));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_network_cuts(
            texts in prop::collection::vec("[a-zäß€🦀 {}:]{0,12}", 1..6),
            end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
            mut cuts in prop::collection::vec(0_usize..200, 0..8),
        ) {
            let mut stream = String::new();
            for text in &texts {
                stream.extend(["event: e", end, "data: ", text, end, end]);
            }
            cuts.sort_unstable();
            let whole = parse(stream.as_bytes(), &[]).unwrap();
            let expected: Vec<Event> = texts.iter().map(|text| event("e", text)).collect();
            prop_assert_eq!(&whole, &expected);
            prop_assert_eq!(parse(stream.as_bytes(), &cuts).unwrap(), expected);
        }
    }
}
