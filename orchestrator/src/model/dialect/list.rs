//! A long JSON list, written item by item. Only its last items are trees: they
//! may still change.

use std::collections::VecDeque;

use serde_json::{Map, Value};

/// A list under way.
#[derive(Debug)]
pub(super) struct List {
    text: String,
    open: VecDeque<Value>,
    keep: usize,
}

impl List {
    /// An empty list, the last `keep` items of which can be changed.
    pub(super) fn new(keep: usize) -> Self {
        Self {
            text: "[".to_owned(),
            open: VecDeque::new(),
            keep,
        }
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: Value) {
        self.open.push_back(item);
        if self.open.len() > self.keep
            && let Some(item) = self.open.pop_front()
        {
            self.write(&item);
        }
    }

    /// The items that can be changed, in order.
    pub(super) fn open(&mut self) -> &mut VecDeque<Value> {
        &mut self.open
    }

    fn write(&mut self, item: &Value) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&item.to_string());
    }

    /// `fields` with the list as their last field, as text.
    pub(super) fn within(mut self, fields: Map<String, Value>, name: &str) -> String {
        for item in std::mem::take(&mut self.open) {
            self.write(&item);
        }
        let mut document = Value::Object(fields).to_string();
        document.pop();
        if document.len() > 1 {
            document.push(',');
        }
        document.push_str(&Value::from(name).to_string());
        document.push(':');
        document.push_str(&self.text);
        document.push_str("]}");
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_what_a_tree_would_be() {
        for keep in 0..4 {
            for length in 0..6 {
                for fields in [json!({}), json!({"a": 1})] {
                    let mut list = List::new(keep);
                    for item in 0..length {
                        list.push(json!({ "item": item }));
                    }
                    if let Some(last) = list.open().back_mut() {
                        last["last"] = json!(true);
                    }
                    let mut whole = fields.clone();
                    let mut items: Vec<Value> =
                        (0..length).map(|item| json!({ "item": item })).collect();
                    if keep > 0 && length > 0 {
                        items[length - 1]["last"] = json!(true);
                    }
                    whole["list"] = Value::Array(items);
                    let fields = fields.as_object().cloned().unwrap_or_default();
                    assert_eq!(list.within(fields, "list"), whole.to_string());
                }
            }
        }
    }
}
