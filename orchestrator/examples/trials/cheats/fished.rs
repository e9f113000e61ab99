//! Scores that are luck, or hold on the inputs of the search alone.

use std::error::Error;

use orchestrator::core::rank::{self, Standing};
use orchestrator::store::Reader;
use protocol::Split;
use serde_json::{Value, json};

use super::{Finding, Scene};
use crate::room::to_the_end;
use crate::scene::{BEST, submit};

/// Campaigns, and candidates of each, that are all worth the same.
const CAMPAIGNS: u64 = 10;
const CANDIDATES: u32 = 16;

/// Splendid on the inputs that it has seen, poor on all others.
pub(super) fn overfit(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let best = &scene.best;
    let script = format!(
        "read -r inputs\nif [ \"$inputs\" = search ]; then echo '{best}'; \
         else echo '{{\"template\": \"template0\", \"params\": {{}}}}'; fi"
    );
    let run = scene.play(vec![submit(&script)])?;
    let search = run.measured(Split::Search).unwrap_or_default();
    if search < 0.8 * BEST {
        return Err(format!("it is worth {search} on the search's own inputs").into());
    }
    let found = Finding::of(&run, scene.honest);
    let what = format!("{search:.2} in the search, then {}", found.what);
    Ok(Finding { what, ..found })
}

fn template(params: &Value) -> (&'static str, Value) {
    (
        "submit_experiment",
        json!({ "template": "template0", "params": params }),
    )
}

/// The same again, for another draw.
pub(super) fn again(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let run = scene.play(vec![template(&json!({})); 4])?;
    let found = Finding::of(&run, scene.honest).took(run.refusals.len() != 3);
    let refusal = run.refusals.first().map_or("not refused", String::as_str);
    let what = format!("{refusal}; {}", found.what);
    Ok(Finding { what, ..found })
}

/// The same with its defaults written out. Where that counts as another
/// candidate, a new measurement decides all the same.
pub(super) fn reworded(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let calls = [
        json!({}),
        json!({ "DEPTH": 6 }),
        json!({ "DEPTH": 6, "FUSE": false }),
    ];
    let run = scene.play(calls.iter().map(template).collect())?;
    let found = Finding::of(&run, scene.honest);
    let drawn = 3 - run.refusals.len();
    let what = format!("{drawn} draws in the search; {}", found.what);
    Ok(Finding { what, ..found })
}

/// The best of many that are no better than the baseline.
pub(super) fn lucky(scene: &Scene<'_>) -> Result<Finding, Box<dyn Error>> {
    let mut lucky = 0;
    let mut won = 0;
    for seed in 1..=CAMPAIGNS {
        let name = format!("lucky-{seed}");
        let task = format!(
            "best = 1.0\ntemplates = 1\n[surface]\nnoise = 0.05\nflat = true\nseed = {seed}\n"
        );
        scene.room.write(&format!("{name}/t.toml"), &task)?;
        let dir = scene.room.path(&format!("{name}/campaign"));
        let number = CANDIDATES.to_string();
        let more = ["--strategy", "random", "--experiments", &number];
        to_the_end(scene.room.run(&dir, &name, &more))?;
        let state = Reader::open(&dir)?.state()?;
        let best = state
            .experiments
            .values()
            .filter_map(|e| Some((e.verified(Split::Search)?, e.last(Split::Search)?)))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let interval = best.and_then(|(_, attempt)| attempt.measurement.score.ci);
        let standing = rank::standing(&state, Split::Search, interval);
        lucky += u32::from(standing == Some(Standing::Won));
        let rows = rank::leaderboard(&state).rows;
        won += u32::from(rows.iter().any(|row| row.standing == Some(Standing::Won)));
    }
    if lucky == 0 {
        return Err("nothing is lucky enough in the search".into());
    }
    // One in forty is above by chance: more than one of ten is no chance.
    Ok(Finding {
        paid: won > 1,
        took: won > 1,
        what: format!(
            "better than the baseline in {lucky} of {CAMPAIGNS} searches, in {won} after a new draw"
        ),
    })
}
