//! Which point to look at next: defaults, then flags one at a time, then TPE,
//! with successive halving between templates.

use std::cmp::Ordering;

use super::space::{Grid, Point};
use super::tpe::{Rng, propose};

/// One quick look that was taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// Index of its template among the grids.
    pub grid: usize,
    pub point: Point,
    /// The metric; none if the candidate was not verified.
    pub value: Option<f64>,
    /// Number of the look, for the playbook.
    pub look: u64,
}

/// The search over all templates that fit a task.
#[derive(Debug)]
pub(super) struct Search {
    pub grids: Vec<Grid>,
    pub seen: Vec<Seen>,
    pub maximise: bool,
    pub seed: u64,
    pub task: String,
}

/// Looks a template may take in each rung, after which only the better half
/// of the templates goes on. The last one standing has no limit.
const RUNGS: [usize; 3] = [1, 4, 8];

impl Search {
    /// Better values first, those without a value last.
    pub(super) fn order(&self, a: Option<f64>, b: Option<f64>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) if self.maximise => b.total_cmp(&a),
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }

    fn best_of(&self, grid: usize) -> Option<f64> {
        self.seen
            .iter()
            .filter(|seen| seen.grid == grid)
            .map(|seen| seen.value)
            .min_by(|a, b| self.order(*a, *b))
            .flatten()
    }

    fn count(&self, grid: usize) -> usize {
        self.seen.iter().filter(|seen| seen.grid == grid).count()
    }

    /// Verified looks, best first.
    pub(super) fn ranking(&self) -> Vec<&Seen> {
        let mut ranking: Vec<&Seen> = self.seen.iter().filter(|s| s.value.is_some()).collect();
        ranking.sort_by(|a, b| self.order(a.value, b.value));
        ranking
    }

    /// The next point, with the index of its grid; none when nothing new is
    /// left.
    pub(super) fn next(&self) -> Option<(usize, Point)> {
        let mut standing: Vec<usize> = (0..self.grids.len()).collect();
        for quota in RUNGS {
            for &grid in &standing {
                if self.count(grid) < quota
                    && let Some(point) = self.next_in(grid)
                {
                    return Some((grid, point));
                }
            }
            standing.sort_by(|&a, &b| self.order(self.best_of(a), self.best_of(b)));
            standing.truncate(standing.len().div_ceil(2));
        }
        // A space that is used up leaves its share to the next best.
        standing.extend(
            (0..self.grids.len())
                .filter(|g| !standing.contains(g))
                .collect::<Vec<_>>(),
        );
        standing
            .iter()
            .find_map(|&grid| Some((grid, self.next_in(grid)?)))
    }

    fn next_in(&self, index: usize) -> Option<Point> {
        let grid = &self.grids[index];
        let mut mine: Vec<&Seen> = self.seen.iter().filter(|s| s.grid == index).collect();
        let tried: Vec<Point> = mine.iter().map(|s| s.point.clone()).collect();
        let start = grid.start();
        if !tried.contains(&start) {
            return Some(start);
        }
        for (place, axis) in grid.axes.iter().enumerate() {
            if axis.flag {
                let mut flipped = start.clone();
                flipped[place] = 1 - flipped[place].min(1);
                if !tried.contains(&flipped) {
                    return Some(flipped);
                }
            }
        }
        mine.sort_by(|a, b| self.order(a.value, b.value));
        let ranked: Vec<Point> = mine.iter().map(|s| s.point.clone()).collect();
        let mut rng = Rng::new(
            self.seed,
            &[&self.task, &grid.template, &tried.len().to_string()],
        );
        propose(grid, &ranked, &tried, &mut rng)
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::Axis;
    use super::*;
    use serde_json::json;

    fn grid(name: &str) -> Grid {
        Grid {
            template: name.to_owned(),
            axes: vec![
                Axis {
                    name: "N".to_owned(),
                    values: (0..8).map(|v| json!(v)).collect(),
                    default: 3,
                    start: 3,
                    ordered: true,
                    flag: false,
                },
                Axis {
                    name: "F".to_owned(),
                    values: vec![json!(false), json!(true)],
                    default: 0,
                    start: 0,
                    ordered: false,
                    flag: true,
                },
            ],
        }
    }

    #[test]
    fn starts_with_defaults_and_flags_and_drops_the_worse_half() {
        let mut search = Search {
            grids: vec![grid("slow"), grid("fast")],
            seen: Vec::new(),
            maximise: true,
            seed: 7,
            task: "x".to_owned(),
        };
        let mut order = Vec::new();
        while let Some((grid, point)) = search.next() {
            order.push((grid, point.clone()));
            let value = (grid as f64 + 1.0) * 10.0 - point[0].abs_diff(6) as f64;
            let look = search.seen.len() as u64;
            search.seen.push(Seen {
                grid,
                point,
                value: Some(value),
                look,
            });
            if order.len() == 14 {
                break;
            }
        }
        assert_eq!(order[0], (0, vec![3, 0]));
        assert_eq!(order[1], (1, vec![3, 0]));
        assert_eq!(order[2], (1, vec![3, 1]));
        assert!(order[2..].iter().all(|(grid, _)| *grid == 1), "{order:?}");
        assert_eq!(search.ranking()[0].point[0], 6);
    }

    #[test]
    fn every_point_is_looked_at_once() {
        let mut search = Search {
            grids: vec![grid("a"), grid("b")],
            seen: Vec::new(),
            maximise: false,
            seed: 1,
            task: "x".to_owned(),
        };
        while let Some((grid, point)) = search.next() {
            assert!(
                !search
                    .seen
                    .iter()
                    .any(|s| s.grid == grid && s.point == point)
            );
            let look = search.seen.len() as u64;
            search.seen.push(Seen {
                grid,
                point,
                value: None,
                look,
            });
        }
        assert!(search.seen.len() > 24, "{}", search.seen.len());
    }
}
