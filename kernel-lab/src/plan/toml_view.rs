//! Reading TOML with places: every error names line, table and key.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::did_you_mean;
use super::error::{PlanError, Problem};

/// Line numbers of byte offsets: the offsets of all line ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'s>(pub(super) &'s [usize]);

impl Source<'_> {
    /// Line of a byte offset, counted from 1.
    pub(super) fn line(self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

/// A table being read.
#[derive(Debug, Clone)]
pub(super) struct TableView<'v> {
    /// How messages call it, e.g. "`[[step]]` 2".
    pub(super) place: String,
    /// First line of the table.
    pub(super) line: usize,
    entries: Vec<Entry<'v>>,
}

/// One key of a table with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry<'v> {
    pub(super) key: Cow<'v, str>,
    pub(super) value: ValueView<'v>,
}

/// A value being read.
#[derive(Debug, Clone)]
pub(super) struct ValueView<'v> {
    source: Source<'v>,
    /// How messages call it, e.g. "`[temps.acc]` key `shape`".
    pub(super) place: String,
    pub(super) line: usize,
    value: &'v DeValue<'v>,
}

impl<'v> TableView<'v> {
    /// Views `table`, with its keys in the order written.
    pub(super) fn new(
        source: Source<'v>,
        place: String,
        line: usize,
        table: &'v DeTable<'v>,
    ) -> Self {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries
            .into_iter()
            .map(|(key, value)| Entry {
                key: Cow::Borrowed(key.get_ref().as_ref()),
                value: ValueView {
                    source,
                    place: format!("{place} key `{}`", key.get_ref()),
                    line: source.line(key.span().start),
                    value: value.get_ref(),
                },
            })
            .collect();
        Self {
            place,
            line,
            entries,
        }
    }

    /// Refuses keys outside `known`; those in `other_device` get a message of their own.
    pub(super) fn deny_unknown(
        &self,
        known: &[&'static str],
        other_device: &[&str],
    ) -> Result<(), PlanError> {
        for Entry { key, value } in &self.entries {
            if other_device.contains(&key.as_ref()) {
                let problem = Problem::DeviceKey {
                    key: key.to_string(),
                };
                return Err(PlanError::new(value.line, &self.place, problem));
            }
            if !known.contains(&key.as_ref()) {
                let suggestion = did_you_mean(key, known.iter().copied()).map(str::to_owned);
                let problem = Problem::UnknownKey {
                    key: key.to_string(),
                    suggestion,
                    known: known.to_vec(),
                };
                return Err(PlanError::new(value.line, &self.place, problem));
            }
        }
        Ok(())
    }

    pub(super) fn entries(&self) -> &[Entry<'v>] {
        &self.entries
    }

    pub(super) fn get(&self, key: &str) -> Option<&ValueView<'v>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    pub(super) fn require(&self, key: &'static str) -> Result<&ValueView<'v>, PlanError> {
        self.get(key)
            .ok_or_else(|| PlanError::new(self.line, &self.place, Problem::MissingKey(key)))
    }

    /// The sub-table `key` called `place`, or `None` if absent.
    pub(super) fn table(&self, key: &str, place: &str) -> Result<Option<Self>, PlanError> {
        self.get(key)
            .map(|value| value.table(place.to_owned()))
            .transpose()
    }

    /// The array of tables `key`, each called "`[[key]]` n"; empty if absent.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<Self>, PlanError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = value.items("an array of tables")?;
        let name = |index: usize| format!("`[[{key}]]` {}", index + 1);
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| item.table(name(index)))
            .collect()
    }
}

impl<'v> ValueView<'v> {
    pub(super) fn error(&self, problem: Problem) -> PlanError {
        PlanError::new(self.line, &self.place, problem)
    }

    pub(super) fn wrong_type(&self, expected: &'static str) -> PlanError {
        self.error(Problem::WrongType {
            expected,
            found: self.type_name(),
        })
    }

    fn type_name(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        }
    }

    pub(super) fn str(&self, expected: &'static str) -> Result<&'v str, PlanError> {
        self.as_str().ok_or_else(|| self.wrong_type(expected))
    }

    pub(super) fn as_str(&self) -> Option<&'v str> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        }
    }

    /// The integer, if it is one; an integer that does not fit is an error.
    pub(super) fn as_int(&self) -> Result<Option<i64>, PlanError> {
        let DeValue::Integer(integer) = self.value else {
            return Ok(None);
        };
        let digits = integer.as_str().replace('_', "");
        let value = i64::from_str_radix(&digits, integer.radix());
        value
            .map(Some)
            .map_err(|_| self.wrong_type("an integer that fits 64 bits"))
    }

    /// The float, if it is one; infinities and NaN are errors.
    pub(super) fn as_float(&self) -> Result<Option<f64>, PlanError> {
        let DeValue::Float(float) = self.value else {
            return Ok(None);
        };
        let text = float.as_str().replace('_', "");
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(self.error(Problem::NotFinite(text))),
        }
    }

    pub(super) fn bool(&self) -> Result<bool, PlanError> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    pub(super) fn items(&self, expected: &'static str) -> Result<Vec<ValueView<'v>>, PlanError> {
        let DeValue::Array(array) = self.value else {
            return Err(self.wrong_type(expected));
        };
        let array: &'v DeArray<'v> = array;
        let view = |(index, item): (usize, &'v Spanned<DeValue<'v>>)| ValueView {
            source: self.source,
            place: format!("{}[{index}]", self.place),
            line: self.source.line(item.span().start),
            value: item.get_ref(),
        };
        Ok(array.iter().enumerate().map(view).collect())
    }

    pub(super) fn table(&self, place: String) -> Result<TableView<'v>, PlanError> {
        let DeValue::Table(table) = self.value else {
            return Err(self.wrong_type("a table"));
        };
        Ok(TableView::new(self.source, place, self.line, table))
    }
}
