//! Which point to look at next: defaults, then flags one at a time, then what
//! the model-based search proposes, with successive halving between templates.

use std::cmp::Ordering;

use search::{Observation, Point, escape, propose};

use super::space::{Domain, seed};

/// A point that was looked at or measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// Index of its template among the domains.
    pub domain: usize,
    pub point: Point,
    /// The metric; none if the candidate was not verified.
    pub value: Option<f64>,
    /// Number of the look, for the playbook; 0 if it was measured.
    pub look: u64,
}

/// The search over all templates that fit a task.
#[derive(Debug)]
pub(super) struct Search {
    pub domains: Vec<Domain>,
    /// Quick looks.
    pub seen: Vec<Seen>,
    /// What was measured.
    pub measured: Vec<Seen>,
    pub maximise: bool,
    /// Whether nothing has improved for long.
    pub stuck: bool,
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

    fn best_of(&self, domain: usize) -> Option<f64> {
        self.seen
            .iter()
            .filter(|seen| seen.domain == domain)
            .map(|seen| seen.value)
            .min_by(|a, b| self.order(*a, *b))
            .flatten()
    }

    fn count(&self, domain: usize) -> usize {
        let seen = self.seen.iter();
        seen.filter(|seen| seen.domain == domain).count()
    }

    /// Verified looks, best first.
    pub(super) fn ranking(&self) -> Vec<&Seen> {
        let mut ranking: Vec<&Seen> = self.seen.iter().filter(|s| s.value.is_some()).collect();
        ranking.sort_by(|a, b| self.order(a.value, b.value));
        ranking
    }

    /// Verified points, each with the index of its domain and with what it is
    /// worth by all that is known of its template, best first.
    pub(super) fn worth(&self) -> Vec<(usize, Point, f64)> {
        let mut all: Vec<(usize, Point, f64)> = Vec::new();
        for (index, domain) in self.domains.iter().enumerate() {
            let history = self.observations(index);
            let worth = search::smoothed(&domain.space, &history);
            for (seen, worth) in history.into_iter().zip(worth) {
                let known =
                    |(at, point, _): &(usize, Point, f64)| *at == index && *point == seen.point;
                if let Some(worth) = worth.filter(|_| !all.iter().any(known)) {
                    let worth = if self.maximise { -worth } else { worth };
                    all.push((index, seen.point, worth));
                }
            }
        }
        all.sort_by(|a, b| self.order(Some(a.2), Some(b.2)));
        all
    }

    /// Whether a point was measured.
    pub(super) fn is_measured(&self, domain: usize, point: &Point) -> bool {
        let same = |seen: &Seen| seen.domain == domain && seen.point == *point;
        self.measured.iter().any(same)
    }

    /// All that is known of a template, lower values better.
    fn observations(&self, domain: usize) -> Vec<Observation> {
        let all = self.seen.iter().chain(&self.measured);
        all.filter(|seen| seen.domain == domain)
            .map(|seen| Observation {
                point: seen.point.clone(),
                value: seen.value.map(|v| if self.maximise { -v } else { v }),
            })
            .collect()
    }

    /// The next point, with the index of its domain; none when nothing new is
    /// left.
    pub(super) fn next(&self) -> Option<(usize, Point)> {
        let mut standing: Vec<usize> = (0..self.domains.len()).collect();
        for quota in RUNGS {
            for &domain in &standing {
                if self.count(domain) < quota
                    && let Some(point) = self.next_in(domain)
                {
                    return Some((domain, point));
                }
            }
            standing.sort_by(|&a, &b| self.order(self.best_of(a), self.best_of(b)));
            standing.truncate(standing.len().div_ceil(2));
        }
        // A space that is used up leaves its share to the next best.
        standing.extend(
            (0..self.domains.len())
                .filter(|domain| !standing.contains(domain))
                .collect::<Vec<_>>(),
        );
        standing
            .iter()
            .find_map(|&domain| Some((domain, self.next_in(domain)?)))
    }

    fn next_in(&self, index: usize) -> Option<Point> {
        let domain = &self.domains[index];
        let history = self.observations(index);
        let tried = |point: &Point| history.iter().any(|seen| seen.point == *point);
        let start = domain.start();
        if !tried(&start) {
            return Some(start);
        }
        let flags = (0..domain.axes.len())
            .filter(|&place| domain.axes[place].flag && start[place].is_some());
        let flipped = flags.map(|place| domain.flipped(place));
        if let Some(point) = flipped.into_iter().find(|point| !tried(point)) {
            return Some(point);
        }
        let seed = seed(self.seed, &[&self.task, &domain.template]);
        let next = if self.stuck { escape } else { propose };
        next(&domain.space, &history, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::tests::declared;
    use super::*;
    use ::search::Value;
    use serde_json::json;

    fn domain(name: &str) -> Domain {
        let params = json!([
            { "name": "N", "kind": "int", "low": 0, "high": 7, "step": 1, "log": false,
              "default": 3 },
            { "name": "F", "kind": "bool", "default": false },
        ]);
        Domain::of(&declared(name, params)).unwrap()
    }

    fn at(n: i64, flag: usize) -> Point {
        vec![Some(Value::Int(n)), Some(Value::Choice(flag))]
    }

    fn n(point: &Point) -> f64 {
        match point[0] {
            Some(Value::Int(n)) => n as f64,
            _ => f64::NAN,
        }
    }

    #[test]
    fn starts_with_defaults_and_flags_and_drops_the_worse_half() {
        let mut search = Search {
            domains: vec![domain("slow"), domain("fast")],
            seen: Vec::new(),
            measured: Vec::new(),
            maximise: true,
            stuck: false,
            seed: 7,
            task: "x".to_owned(),
        };
        let mut order = Vec::new();
        while let Some((domain, point)) = search.next() {
            order.push((domain, point.clone()));
            let value = (domain as f64 + 1.0) * 10.0 - (n(&point) - 6.0).abs();
            let look = search.seen.len() as u64;
            search.seen.push(Seen {
                domain,
                point,
                value: Some(value),
                look,
            });
            if order.len() == 14 {
                break;
            }
        }
        assert_eq!(order[0], (0, at(3, 0)));
        assert_eq!(order[1], (1, at(3, 0)));
        assert_eq!(order[2], (1, at(3, 1)));
        assert!(
            order[2..].iter().all(|(domain, _)| *domain == 1),
            "{order:?}"
        );
        assert_eq!(search.ranking()[0].point[0], Some(Value::Int(6)));
    }

    #[test]
    fn every_point_is_looked_at_once() {
        let mut search = Search {
            domains: vec![domain("a"), domain("b")],
            seen: Vec::new(),
            measured: Vec::new(),
            maximise: false,
            stuck: false,
            seed: 1,
            task: "x".to_owned(),
        };
        while let Some((domain, point)) = search.next() {
            let twice = |seen: &Seen| seen.domain == domain && seen.point == point;
            assert!(!search.seen.iter().any(twice));
            let look = search.seen.len() as u64;
            search.seen.push(Seen {
                domain,
                point,
                value: None,
                look,
            });
        }
        assert_eq!(search.seen.len(), 32);
    }
}
