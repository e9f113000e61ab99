//! Training rows of which some are hidden: what a quick look is scored on.
//! However many looks are taken, the answers of the evaluation stay unseen.

use std::collections::HashSet;
use std::path::Path;

use protocol::{ContentHash, LabError, Split};

use super::bench::Parts;
use super::fault;
use super::order::{Order, Placed};
use super::program::name;
use crate::audit::prepared::ROW_ID;
use crate::audit::run::{copy_folder, write_below};
use crate::audit::table::Table;

/// One training row in so many is hidden.
const ONE_IN: usize = 4;
/// Fewest rows to hide.
const FEWEST: usize = 10;
/// Most rows to learn from, and to hide: a look is quick.
const MOST_LEARNT: usize = 6000;
const MOST_HIDDEN: usize = 2000;

/// Writes the parts of a quick look into `folder`, unless there are too few
/// training rows. The last rows are hidden where some come after others, else
/// rows by the hash of their group or name.
pub(super) fn make(parts: &Parts, order: &Order, folder: &Path) -> Result<(), LabError> {
    let train = table(&parts.public().join("train.csv"))?;
    let hidden = train.rows.len() / ONE_IN;
    if hidden < FEWEST {
        return Ok(());
    }
    let split = name(Split::Search);
    let inputs = table(&parts.inputs(split).join("inputs.csv"))?;
    let answers = table(&parts.answers(split).join("answers.csv"))?;
    let (Some(learnt), Some(asked), Some(target)) = (
        picked(&train, &train.header),
        picked(&train, &inputs.header),
        picked(&train, &answers.header),
    ) else {
        // The audit has seen to it that features and target are there; columns
        // that only answers have are the scorer's own.
        return Ok(());
    };
    let names = train.column(ROW_ID).unwrap_or_default();
    let (before, after) = divide(&order.of(train.cells(names)), hidden);
    let public = folder.join("public");
    let private = folder.join("private").join(split);
    let of = |columns: &[usize], rows: &[usize]| Table {
        header: columns.iter().map(|c| train.header[*c].clone()).collect(),
        rows: rows
            .iter()
            .map(|row| {
                columns
                    .iter()
                    .map(|c| train.rows[*row][*c].clone())
                    .collect()
            })
            .collect(),
    };
    copy_folder(&parts.public(), &public)
        .and_then(|()| copy_folder(&parts.answers(split), &private))
        .and_then(|()| {
            write_below(
                &public,
                Path::new("train.csv"),
                &of(&learnt, &before).to_csv(),
            )
        })
        .and_then(|()| {
            let file = Path::new(split).join("inputs.csv");
            write_below(&public, &file, &of(&asked, &after).to_csv())
        })
        .and_then(|()| {
            let file = Path::new("answers.csv");
            write_below(&private, file, &of(&target, &after).to_csv())
        })
        .map_err(|error| fault::internal(&error))
}

/// Places of columns, if they are all there.
fn picked(table: &Table, names: &[String]) -> Option<Vec<usize>> {
    names.iter().map(|name| table.column(name)).collect()
}

/// Rows to learn from and rows to hide, in the order of the table. Whatever
/// hangs together is on one side.
fn divide(rows: &[Placed], hidden: usize) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let hash = |row: &usize| ContentHash::of(rows[*row].unit.as_bytes());
    // Those that are hidden come last.
    order.sort_by_cached_key(|row| (rows[*row].rank, hash(row).as_str().to_owned(), *row));
    let mut from = rows.len() - hidden.min(MOST_HIDDEN);
    while from > 0 && rows[order[from - 1]].unit == rows[order[from]].unit {
        from -= 1;
    }
    let after: HashSet<&str> = order[from..].iter().map(|row| &*rows[*row].unit).collect();
    let mut learnt: Vec<usize> = order[..from]
        .iter()
        .rev()
        .copied()
        .filter(|row| !after.contains(&*rows[*row].unit))
        .take(MOST_LEARNT)
        .collect();
    let mut told = order.split_off(from);
    learnt.sort_unstable();
    told.sort_unstable();
    (learnt, told)
}

/// A table that `prepare` wrote.
pub(super) fn table(path: &Path) -> Result<Table, LabError> {
    Table::read(path, &path.display().to_string()).map_err(|error| fault::unusable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(units: usize, in_order: bool) -> Vec<Placed> {
        let rows = (0..100).map(|row| Placed {
            unit: format!("g{}", row / units),
            rank: in_order.then_some(row),
        });
        rows.collect()
    }

    #[test]
    fn the_last_rows_are_hidden_where_there_is_time() {
        let (before, after) = divide(&rows(1, true), 25);
        assert_eq!((before, after), ((0..75).collect(), (75..100).collect()));
        let (before, after) = divide(&rows(7, true), 25);
        assert_eq!((before, after), ((0..70).collect(), (70..100).collect()));
    }

    #[test]
    fn groups_stay_together_and_every_row_is_somewhere_once() {
        let rows = rows(7, false);
        let (before, after) = divide(&rows, 25);
        let of = |some: &[usize]| -> HashSet<String> {
            some.iter().map(|row| rows[*row].unit.clone()).collect()
        };
        assert!(of(&before).is_disjoint(&of(&after)));
        assert_eq!(before.len() + after.len(), 100);
        assert!((25..32).contains(&after.len()), "{}", after.len());
    }
}
