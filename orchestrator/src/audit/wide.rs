//! Wide tables: several targets beside each other, looked at as one row for
//! each cell that is predicted.

use super::table::Table;

/// Column of `rows.csv`, and of the long table, that names a row's target.
pub const COLUMN: &str = "column";
/// The target's name in the parts of an evaluation with several of them.
pub const VALUE: &str = "value";

/// The table as it is stored, and which of its columns are targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wide {
    table: Table,
    targets: Vec<usize>,
    others: Vec<usize>,
}

impl Wide {
    /// A table whose columns at these places are targets.
    pub fn new(table: Table, targets: Vec<usize>) -> Self {
        let others = (0..table.header.len())
            .filter(|column| !targets.contains(column))
            .collect();
        Self {
            table,
            targets,
            others,
        }
    }

    /// Rows as they are stored.
    pub fn stored_rows(&self) -> usize {
        self.table.rows.len()
    }

    /// The long table: the other columns, the target's name, its value. One
    /// target's rows follow each other in the order of the table.
    pub fn long(&self) -> Table {
        let header = self.others.iter().map(|c| self.table.header[*c].clone());
        let rows = self.targets.iter().flat_map(|target| {
            self.table.rows.iter().map(move |row| {
                let others = self.others.iter().map(|c| row[*c].clone());
                others
                    .chain([self.table.header[*target].clone(), row[*target].clone()])
                    .collect()
            })
        });
        Table {
            header: header
                .chain([COLUMN.to_owned(), VALUE.to_owned()])
                .collect(),
            rows: rows.collect(),
        }
    }

    /// Place in the long table of the column at this place of the wide one.
    pub fn place(&self, column: usize) -> Option<usize> {
        self.others.iter().position(|other| *other == column)
    }

    /// Place of the target's name in the long table.
    pub fn name_place(&self) -> usize {
        self.others.len()
    }

    /// The stored row that a row of the long table is a cell of.
    pub fn stored(&self, row: usize) -> usize {
        row % self.stored_rows().max(1)
    }

    /// The wide table with the values of a long one. A cell that many long
    /// rows share is changed if one of them is.
    pub fn with(&self, long: &Table) -> Table {
        let mut wide = self.table.clone();
        for (number, row) in long.rows.iter().enumerate() {
            let stored = self.stored(number);
            let target = self.targets[number / self.stored_rows()];
            wide.rows[stored][target].clone_from(&row[self.others.len() + 1]);
            for (place, column) in self.others.iter().enumerate() {
                if row[place] != self.table.rows[stored][*column] {
                    wide.rows[stored][*column].clone_from(&row[place]);
                }
            }
        }
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_one_cell_finds_its_way_back() {
        let table = Table::parse(b"t,a,w,b\n1,10,x,20\n2,11,y,21\n", "t").expect("a table");
        let wide = Wide::new(table.clone(), vec![1, 3]);
        let mut long = wide.long();
        assert_eq!(long.header, ["t", "w", "column", "value"]);
        assert_eq!(long.rows[2], ["1", "x", "b", "20"]);
        assert_eq!((wide.stored(3), wide.place(2)), (1, Some(1)));
        assert_eq!(wide.with(&long), table);
        "99".clone_into(&mut long.rows[3][3]);
        "z".clone_into(&mut long.rows[3][1]);
        let changed = wide.with(&long);
        assert_eq!(changed.rows[1], ["2", "11", "z", "99"]);
        assert_eq!(changed.rows[0], table.rows[0]);
    }
}
