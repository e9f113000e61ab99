//! Points of a lab's spaces at random.

use std::collections::BTreeMap;

use protocol::Space;
use serde_json::Value;

use super::space::Grid;
use super::tpe::Rng;

/// A template and its parameters, each template as likely as any other; a
/// function of its arguments. `number` counts a task's draws, `again` those
/// that were of no use. None without a space.
pub fn at_random(
    spaces: &[Space],
    seed: u64,
    task: &str,
    number: usize,
    again: u32,
) -> Option<(String, BTreeMap<String, Value>)> {
    let mut rng = Rng::new(seed, &[task, &number.to_string(), &again.to_string()]);
    let space = spaces.get(rng.below(spaces.len())?)?;
    let params = Grid::of(space).axes.into_iter().map(|axis| {
        let value = rng
            .below(axis.values.len())
            .map(|at| axis.values[at].clone());
        (axis.name, value.unwrap_or_default())
    });
    Some((space.template.clone(), params.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ParamKind, ParamSpec};
    use serde_json::json;

    #[test]
    fn every_point_is_drawn_about_as_often() {
        let space = |template: &str| Space {
            template: template.to_owned(),
            summary: String::new(),
            params: vec![ParamSpec {
                name: "P".to_owned(),
                kind: ParamKind::Choice {
                    values: vec![json!(1), json!(2), json!(3)],
                },
                default: json!(1),
            }],
        };
        let spaces = [space("a"), space("b")];
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..6000 {
            let drawn = at_random(&spaces, 1, "t", number, 0);
            assert_eq!(drawn, at_random(&spaces, 1, "t", number, 0));
            *seen.entry(format!("{drawn:?}")).or_default() += 1;
        }
        assert_eq!(seen.len(), 6);
        // Six standard deviations of a binomial count.
        assert!(seen.values().all(|n| n.abs_diff(1000) < 175), "{seen:?}");
        assert_eq!(at_random(&[], 1, "t", 0, 0), None);
    }
}
