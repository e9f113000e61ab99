//! The messages of a conversation. A request has all of them, and the next one
//! the same and a few more: they are shared, and weighed once.

use std::sync::Arc;

use super::estimate::message_tokens;
use super::types::Message;

/// The messages of a conversation, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript(Vec<Arc<Weighed>>);

#[derive(Debug, PartialEq)]
struct Weighed {
    message: Message,
    /// Tokens that it is read as, at most.
    tokens: u64,
}

impl Transcript {
    /// Adds a message at the end.
    pub fn push(&mut self, message: Message) {
        let tokens = message_tokens(&message);
        self.0.push(Arc::new(Weighed { message, tokens }));
    }

    /// The messages.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.0.iter().map(|weighed| &weighed.message)
    }

    /// The message at a place, from 0.
    pub fn get(&self, place: usize) -> Option<&Message> {
        self.0.get(place).map(|weighed| &weighed.message)
    }

    /// The first message.
    pub fn first(&self) -> Option<&Message> {
        self.iter().next()
    }

    /// Tokens that all of them are read as, at most.
    pub fn tokens(&self) -> u64 {
        self.0.iter().map(|weighed| weighed.tokens).sum()
    }
}

impl FromIterator<Message> for Transcript {
    fn from_iter<I: IntoIterator<Item = Message>>(messages: I) -> Self {
        let mut transcript = Self::default();
        for message in messages {
            transcript.push(message);
        }
        transcript
    }
}

impl From<Vec<Message>> for Transcript {
    fn from(messages: Vec<Message>) -> Self {
        messages.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_the_same_and_weighs_the_same() {
        let user = |text: &str| Message::User {
            text: text.to_owned(),
        };
        let mut long: Transcript = vec![user("one"), user("two")].into();
        let short = long.clone();
        long.push(user("three"));
        assert_eq!(short.iter().count(), 2);
        assert_eq!(long.first(), Some(&user("one")));
        assert_eq!(
            long.tokens(),
            short.tokens() + message_tokens(&user("three"))
        );
        assert_eq!(
            long,
            [user("one"), user("two"), user("three")]
                .into_iter()
                .collect()
        );
    }
}
