//! What the training rows look like, as far as it decides what can be tried.

use crate::audit::contract::{Contract, Kind};
use crate::audit::prepared::ROW_ID;
use crate::audit::table::{Table, is_missing, number, time_key};

/// Share of a column's cells that say what it holds.
const MOSTLY: f64 = 0.9;
/// Mean length of a cell from which a column holds texts, in characters.
const TEXT: usize = 30;

/// What a column holds, as far as its training cells tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Numbers,
    Times,
    Texts,
    Classes,
}

impl Holds {
    fn of<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Self {
        let cells = cells.filter(|cell| !is_missing(cell));
        let all = cells.clone().count() as f64;
        let mostly = |fits: &dyn Fn(&str) -> bool| {
            let fitting = cells.clone().filter(|cell| fits(cell)).count();
            fitting as f64 >= MOSTLY * all
        };
        let characters: usize = cells.clone().map(|cell| cell.chars().count()).sum();
        if mostly(&|cell| number(cell).is_some()) {
            Self::Numbers
        } else if mostly(&|cell| time_key(cell).is_some()) {
            Self::Times
        } else if characters as f64 >= TEXT as f64 * all {
            Self::Texts
        } else {
            Self::Classes
        }
    }

    /// Its word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Numbers => "numbers",
            Self::Times => "times",
            Self::Texts => "texts",
            Self::Classes => "classes",
        }
    }
}

/// The training rows in a few words.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// The columns that candidates see, but for the row's name.
    pub(super) columns: Vec<(String, Holds)>,
    /// Whether the target is a number that is never negative.
    pub(super) has_logarithm: bool,
    /// Whether a column is nearer to the target than the target's mean.
    pub(super) has_nearest: bool,
}

impl Shape {
    pub(super) fn of(contract: &Contract, train: &Table) -> Self {
        let target = &contract.task.target;
        let shown = train.header.iter().enumerate();
        let columns: Vec<(String, Holds)> = shown
            .filter(|(_, name)| *name != ROW_ID && *name != target)
            .map(|(place, name)| (name.clone(), Holds::of(train.cells(place))))
            .collect();
        let numeric = contract.task.kind != Kind::Classification;
        let targets: Vec<Option<f64>> = match train.column(target).filter(|_| numeric) {
            Some(place) => train.cells(place).map(number).collect(),
            None => Vec::new(),
        };
        let known = || targets.iter().flatten().copied();
        let mean = known().sum::<f64>() / known().count() as f64;
        // A mean's own error, or that of a column with the mean in its gaps.
        let error = |guess: &dyn Fn(usize) -> f64| -> f64 {
            let rows = targets.iter().enumerate();
            rows.filter_map(|(row, y)| Some((guess(row) - (*y)?).powi(2)))
                .sum()
        };
        let spread = error(&|_| mean);
        let has_nearest = columns
            .iter()
            .filter(|(_, holds)| *holds == Holds::Numbers)
            .filter_map(|(name, _)| train.column(name))
            .any(|place| error(&|row| number(&train.rows[row][place]).unwrap_or(mean)) < spread);
        Self {
            columns,
            has_logarithm: known().count() > 0 && known().all(|y| y >= 0.0),
            has_nearest,
        }
    }

    /// Names of the columns that hold such.
    pub(super) fn holding(&self, what: Holds) -> impl Iterator<Item = &String> {
        let columns = self.columns.iter();
        columns.filter_map(move |(name, holds)| (*holds == what).then_some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_targets_are_told_apart() {
        let text = "schema = 1\nname = \"x\"\n[metric]\nname = \"rmse\"\nunit = \"1\"\ndirection = \"minimise\"\n\
             [task]\nkind = \"regression\"\ntarget = \"y\"\n[data]\ntable = \"d.csv\"\n\
             [commands]\nprepare = [\"python\", \"p\"]\nscore = [\"python\", \"s\"]\ntimeout_s = 9\n";
        let contract = Contract::parse(text, std::path::Path::new("x")).expect("a contract");
        let table = |rows: &str| Table::parse(rows.as_bytes(), "t").expect("a table");
        let seen = Shape::of(
            &contract,
            &table(
                "row_id,last,day,kind,note,y\na,1,2020-01-01,x,a long note that goes on for a while,1.1\n\
                 b,,2020-01-02,y,another note of the very same length,3\nc,5,2020-01-03,x,and one more that says nothing new,5\n",
            ),
        );
        let holds: Vec<Holds> = seen.columns.iter().map(|(_, holds)| *holds).collect();
        assert_eq!(
            holds,
            [Holds::Numbers, Holds::Times, Holds::Classes, Holds::Texts]
        );
        assert!(seen.has_nearest && seen.has_logarithm);
        let seen = Shape::of(&contract, &table("row_id,far,y\na,90,-1\nb,70,2\n"));
        assert!(!seen.has_nearest && !seen.has_logarithm);
    }
}
