//! Which rows hang together, and which come after which: what the raw data
//! says and the parts need not show.

use std::collections::HashMap;
use std::path::Path;

use protocol::LabError;

use super::fault;
use super::holdout::table;
use crate::audit::AuditError;
use crate::audit::contract::Contract;
use crate::audit::prepared::{Prepared, ROW_ID};
use crate::audit::raw::Raw;
use crate::audit::run::write_below;
use crate::audit::stored::{Place, Stored};
use crate::audit::table::Table;

/// The file that it is kept in.
const FILE: &str = "order.csv";
/// Its columns beside the row's name.
const UNIT: &str = "unit";
const RANK: &str = "rank";

/// A row, as far as others hang together with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// What it shares with the rows that it hangs together with: its group,
    /// else its raw row.
    pub(super) unit: String,
    /// Its place in time or in a text, where there is one.
    pub(super) rank: Option<usize>,
}

/// Rows by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Order(HashMap<String, Placed>);

impl Order {
    /// Finds out and keeps it beside the parts.
    pub(super) fn make(
        contract: &Contract,
        place: Place<'_>,
        parts: &Path,
    ) -> Result<(), LabError> {
        let found = Self::find(contract, place, parts).map_err(|error| fault::unusable(&error))?;
        let header = [ROW_ID, UNIT, RANK].map(str::to_owned).to_vec();
        let rows = found.into_iter().map(|(name, placed)| {
            let rank = placed
                .rank
                .map_or_else(String::new, |rank| rank.to_string());
            vec![name, placed.unit, rank]
        });
        let rows = rows.collect();
        write_below(parts, Path::new(FILE), &Table { header, rows }.to_csv())
            .map_err(|error| fault::internal(&error))
    }

    fn find(
        contract: &Contract,
        place: Place<'_>,
        parts: &Path,
    ) -> Result<Vec<(String, Placed)>, AuditError> {
        let stored = Stored::of(&contract.data, place.original)?;
        let raw = Raw::open(contract, stored.as_ref(), place)?;
        let prepared = Prepared::load(parts, &raw, &contract.task.target)?;
        let times = raw.times().and_then(Result::ok);
        let texts = contract.data.characters;
        let rows = prepared.origins.into_iter().map(|origin| {
            let unit = match raw.group {
                Some(group) => raw.table.rows[origin.raw][group].clone(),
                None => raw.stored(origin.raw).to_string(),
            };
            let rank = match &times {
                Some(times) => times.get(origin.raw).copied(),
                None => texts.then_some(origin.raw),
            };
            (origin.row_id, Placed { unit, rank })
        });
        Ok(rows.collect())
    }

    /// Reads what was kept.
    pub(super) fn read(parts: &Path) -> Result<Self, LabError> {
        let kept = table(&parts.join(FILE))?;
        let place = |name| kept.column(name).unwrap_or_default();
        let (id, unit, rank) = (place(ROW_ID), place(UNIT), place(RANK));
        let rows = kept.rows.iter().map(|row| {
            let placed = Placed {
                unit: row[unit].clone(),
                rank: row[rank].parse().ok(),
            };
            (row[id].clone(), placed)
        });
        Ok(Self(rows.collect()))
    }

    /// Where each of these rows is; one that nobody knows is by itself.
    pub(super) fn of<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<Placed> {
        let of = |name: &str| {
            self.0.get(name).cloned().unwrap_or_else(|| Placed {
                unit: name.to_owned(),
                rank: None,
            })
        };
        names.map(of).collect()
    }
}
