//! Points of a lab's spaces at random.

use std::collections::BTreeMap;

use protocol::Space;
use serde_json::Value;
use stats::Rng;

use super::space::{Domain, seed as seed_of};

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
    let texts = [task, &number.to_string(), &again.to_string()];
    let mut rng = Rng::new(seed_of(seed, &texts));
    let domains = Domain::all(spaces);
    let domain = domains.get(rng.index(domains.len()))?;
    let params = domain.params(&domain.space.sample(&mut rng));
    Some((domain.template.clone(), params))
}

#[cfg(test)]
mod tests {
    use super::super::space::tests::declared;
    use super::*;
    use serde_json::json;

    #[test]
    fn every_point_is_drawn_about_as_often() {
        let params = json!([{ "name": "P", "kind": "choice", "values": [1, 2, 3], "default": 1 }]);
        let spaces = [declared("a", params.clone()), declared("b", params)];
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

    #[test]
    fn reals_and_conditions_are_drawn_as_declared() {
        let params = json!([
            { "name": "F", "kind": "bool", "default": false },
            { "name": "R", "kind": "real", "low": 0.01, "high": 100, "log": true, "default": 1,
              "condition": { "param": "F", "values": [true] } },
        ]);
        let spaces = [declared("a", params)];
        let (mut with, mut small) = (0_u32, 0_u32);
        for number in 0..2000 {
            let (_, params) = at_random(&spaces, 1, "t", number, 0).unwrap();
            let real = params.get("R").and_then(Value::as_f64);
            assert_eq!(real.is_some(), params["F"] == json!(true));
            if let Some(real) = real {
                assert!((0.01..=100.0).contains(&real));
                with += 1;
                small += u32::from(real < 1.0);
            }
        }
        // Five standard deviations: half have it, half of those are below the
        // middle of the logarithms.
        assert!(with.abs_diff(1000) < 112, "{with}");
        assert!(small.abs_diff(with / 2) < 80, "{small} of {with}");
    }
}
