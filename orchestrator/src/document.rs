//! JSON kept as text. Conversations are long and are mostly passed on as they
//! are: as a tree, a document takes about eight times the memory.

use serde_json::Value;

/// A JSON document as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(Box<str>);

impl Document {
    /// The document in `text`, which must be JSON.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<serde::de::IgnoredAny>(&text)?;
        Ok(Self(text.into_boxed_str()))
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its tree.
    pub fn value(&self) -> Value {
        // Nothing else gets in.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// What it says in plain words: a text without quotes, anything else as
    /// JSON.
    pub fn words(&self) -> String {
        let text = || serde_json::from_str(&self.0).ok();
        let quoted = self.0.starts_with('"');
        quoted
            .then(text)
            .flatten()
            .unwrap_or_else(|| self.0.to_string())
    }
}

impl From<&Value> for Document {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into_boxed_str())
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_the_same_document() {
        for value in [
            json!({"b": [1, 2.5], "a": null}),
            json!("a \"b\"\n"),
            json!(3),
        ] {
            let document = Document::from(&value);
            assert_eq!(document.value(), value);
            assert_eq!(
                Document::parse(document.text().to_owned()).expect("JSON"),
                document
            );
        }
        assert!(Document::parse("{".to_owned()).is_err());
        assert!(Document::parse("1 2".to_owned()).is_err());
    }

    #[test]
    fn words_have_no_quotes() {
        assert_eq!(Document::from(json!("a \"b\"")).words(), "a \"b\"");
        assert_eq!(Document::from(json!(["a"])).words(), "[\"a\"]");
    }
}
