//! The reporter: says where each task stands, every number by its reference.

use serde_json::{Value, json};

use super::Call;
use super::history::History;

pub(super) fn turn(history: &History<'_>) -> Vec<Call> {
    let Some(board) = history.last("read_board") else {
        return vec![("read_board", json!({}))];
    };
    if history.of_tool("write_milestone").next().is_none() {
        return vec![(
            "write_milestone",
            json!({ "text": text(&board["assignment"]) }),
        )];
    }
    vec![(
        "finish",
        json!({ "summary": "wrote down where every task stands" }),
    )]
}

fn text(assignment: &Value) -> String {
    let list = |key: &str| assignment[key].as_array().map_or(&[][..], Vec::as_slice);
    let mut lines = vec![
        "# Where it stands".to_owned(),
        String::new(),
        "Of [[summary.tasks]] tasks, [[summary.attempted]] were tried and [[summary.verified]] have a \
         verified result. [[count.measured]] experiments were measured, [[count.failed]] failed."
            .to_owned(),
    ];
    if assignment["summary"]["won"].is_u64() {
        lines.push(
            "[[summary.won]] results are better than the baseline with their whole interval, \
             [[summary.lost]] are worse."
                .to_owned(),
        );
    }
    for (which, words) in [
        (
            "geomean",
            "The geometric mean over the verified tasks, losses included, is",
        ),
        ("median", "The median is"),
    ] {
        if assignment["summary"][which].is_f64() {
            lines.push(format!("{words} [[summary.{which}]]."));
        }
    }
    let mut placed: Vec<&Value> = list("references")
        .iter()
        .filter(|known| known["rank"].is_u64())
        .collect();
    placed.sort_by_key(|known| known["rank"].as_u64());
    if !placed.is_empty() {
        lines.extend([String::new(), "# Results".to_owned(), String::new()]);
    }
    for known in placed {
        let (Some(task), Some(reference)) = (known["task"].as_str(), known["reference"].as_str())
        else {
            continue;
        };
        let stands = match known["standing"].as_str() {
            Some("won") => "better than the baseline",
            Some("lost") => "worse than the baseline",
            Some(_) => "no difference from the baseline was found",
            None => "not compared with the baseline",
        };
        lines.push(format!("- `{task}`: [[{reference}]], {stands}"));
    }
    let without: Vec<&str> = list("unverified")
        .iter()
        .filter_map(|task| task["task"].as_str())
        .collect();
    if !without.is_empty() {
        let named: Vec<String> = without.iter().map(|task| format!("`{task}`")).collect();
        lines.push(String::new());
        lines.push(format!("Without a verified result: {}.", named.join(", ")));
    }
    for demoted in list("demoted") {
        if let (Some(experiment), Some(task)) =
            (demoted["experiment"].as_u64(), demoted["task"].as_str())
        {
            lines.push(format!(
                "An auditor has demoted e{experiment:04} on `{task}`."
            ));
        }
    }
    lines.join("\n")
}
