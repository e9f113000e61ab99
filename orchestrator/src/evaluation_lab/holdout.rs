//! Training rows of which some are hidden: what a quick look is scored on.
//! However many looks are taken, the answers of the evaluation stay unseen.

use std::collections::HashSet;
use std::path::Path;

use protocol::{ContentHash, LabError, Split};

use super::bench::Parts;
use super::fault;
use super::program::name;
use crate::audit::contract::Contract;
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
/// training rows. The last rows of a table in order of time are hidden, else
/// rows by the hash of their name, whole groups where the group is shown.
pub(super) fn make(contract: &Contract, parts: &Parts, folder: &Path) -> Result<(), LabError> {
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
    let (before, after) = divide(contract, &train, hidden);
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

/// Rows to learn from and rows to hide, in the order of the table.
fn divide(contract: &Contract, train: &Table, hidden: usize) -> (Vec<usize>, Vec<usize>) {
    let hidden = hidden.min(MOST_HIDDEN);
    let n = train.rows.len();
    let ordered = contract.task.time.is_some() || contract.data.characters;
    if ordered {
        let from = n - hidden;
        return (
            (from.saturating_sub(MOST_LEARNT)..from).collect(),
            (from..n).collect(),
        );
    }
    let group = contract
        .task
        .group
        .as_ref()
        .and_then(|name| train.column(name));
    let unit = group.or_else(|| train.column(ROW_ID)).unwrap_or_default();
    let mut order: Vec<(ContentHash, usize)> = train
        .cells(unit)
        .map(|cell| ContentHash::of(cell.as_bytes()))
        .zip(0..)
        .collect();
    order.sort_by(|a, b| (a.0.as_str(), a.1).cmp(&(b.0.as_str(), b.1)));
    // A unit that is cut in two is hidden as a whole.
    let mut end = hidden;
    while end < n && order[end].0 == order[end - 1].0 {
        end += 1;
    }
    let sorted = |rows: &[(ContentHash, usize)]| {
        let mut rows: Vec<usize> = rows.iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows
    };
    let known: HashSet<&str> = order[..end].iter().map(|(hash, _)| hash.as_str()).collect();
    let rest: Vec<(ContentHash, usize)> = order[end..]
        .iter()
        .filter(|(hash, _)| !known.contains(hash.as_str()))
        .take(MOST_LEARNT)
        .cloned()
        .collect();
    (sorted(&rest), sorted(&order[..end]))
}

/// A table that `prepare` wrote.
pub(super) fn table(path: &Path) -> Result<Table, LabError> {
    Table::read(path, &path.display().to_string()).map_err(|error| fault::unusable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(task: &str) -> Contract {
        let text = format!(
            "schema = 1\nname = \"x\"\n[metric]\nname = \"rmse\"\nunit = \"1\"\ndirection = \"minimise\"\n\
             [task]\nkind = \"regression\"\ntarget = \"y\"\n{task}\n[data]\ntable = \"d.csv\"\n\
             [commands]\nprepare = [\"python\", \"p\"]\nscore = [\"python\", \"s\"]\ntimeout_s = 9\n"
        );
        Contract::parse(&text, Path::new("x")).expect("a contract")
    }

    fn train(n: usize) -> Table {
        Table {
            header: ["row_id", "g", "y"].map(str::to_owned).to_vec(),
            rows: (0..n)
                .map(|row| vec![format!("r{row}"), format!("g{}", row / 7), row.to_string()])
                .collect(),
        }
    }

    #[test]
    fn the_last_rows_are_hidden_where_there_is_time() {
        let (before, after) = divide(&contract("time = \"t\""), &train(100), 25);
        assert_eq!((before, after), ((0..75).collect(), (75..100).collect()));
    }

    #[test]
    fn groups_stay_together_and_every_row_is_somewhere_once() {
        let table = train(100);
        let (before, after) = divide(&contract("group = \"g\""), &table, 25);
        let of = |rows: &[usize]| -> HashSet<String> {
            rows.iter().map(|row| table.rows[*row][1].clone()).collect()
        };
        assert!(of(&before).is_disjoint(&of(&after)));
        assert_eq!(before.len() + after.len(), 100);
        assert!((25..32).contains(&after.len()), "{}", after.len());
        let (again, _) = divide(&contract("group = \"g\""), &table, 25);
        assert_eq!(again, before);
    }
}
