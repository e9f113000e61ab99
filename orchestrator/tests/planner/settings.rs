//! Settings of a campaign in the simulated world.

use orchestrator::core::settings::{Limits, MetricSettings, Policy, Settings, TaskSource};
use orchestrator::core::shares::Shares;
use protocol::Direction;

pub(crate) fn settings(workers: u32, experiments: u32, wall_s: f64) -> Settings {
    Settings {
        schema: 1,
        adapter: "a".to_owned(),
        domain: "d".to_owned(),
        objective: "o".to_owned(),
        lab: "l".to_owned(),
        device: "cpu".to_owned(),
        arch: None,
        simulated: false,
        model: "builtin".to_owned(),
        models: orchestrator::core::models::ModelSettings::default(),
        executor: "local".to_owned(),
        workers,
        seed: 1,
        metric: MetricSettings {
            name: "speedup".to_owned(),
            unit: "ratio".to_owned(),
            direction: Direction::Maximise,
            baseline: "b".to_owned(),
            baseline_value: Some(1.0),
        },
        limits: Limits {
            experiments: Some(experiments),
            wall_s: Some(wall_s),
            usd: None,
            tokens: None,
        },
        shares: Shares::new(),
        strategy: orchestrator::core::strategy::Strategy::Full,
        staff: None,
        ablations: 0,
        gates: Vec::new(),
        policy: Policy {
            tries_per_worker: 3,
            finalists: 2,
            try_s: 1.0,
            evaluate_s: 2.0,
            remeasure_s: 2.0,
            converged_gain: 0.02,
            turns: 30,
            retry_s: 1.0,
            statistics: orchestrator::core::statistics::Statistics::default(),
            search: orchestrator::core::search_policy::SearchPolicy::default(),
        },
        tasks: ["x", "y"]
            .map(|name| TaskSource {
                name: name.to_owned(),
                source: format!("/{name}"),
            })
            .to_vec(),
        data: String::new(),
        until: 3,
        evaluation: None,
        web: None,
        python: None,
    }
}
