//! The models of a campaign: how they are opened, and what a person is told of
//! them.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use super::table::aligned;
use super::{Failure, exit, show};
use crate::campaign::Layout;
use crate::core::coverage::{self, ModelBoard};
use crate::core::models::{ModelSettings, ModelUse};
use crate::core::settings::Settings;
use crate::core::state::State;
use crate::model::{ChatModel, Models, PriceTable, Setup, replay};
use crate::report::{self, number, standing};
use crate::store::Reader;
use crate::ui::clean;

/// Whether models can be used together.
pub(super) fn check(model: &str, models: &ModelSettings) -> Result<(), Failure> {
    let lists = std::iter::once((&models.all, "--model ".to_owned())).chain(
        models
            .roles
            .iter()
            .map(|(role, list)| (list, format!("--role-model {}=", role.word()))),
    );
    for (list, option) in lists {
        for (place, name) in list.iter().enumerate() {
            if list[..place].contains(name) {
                return Err(Failure::input(format!("{option}{name} is given twice")));
            }
        }
    }
    let others = models.all.iter().chain(models.roles.values().flatten());
    let mut all = std::iter::once(model).chain(others.map(String::as_str));
    match all.find(|name| replay::campaign_of(name).is_some()) {
        Some(name) if !models.is_empty() => Err(Failure::input(format!(
            "{name} beside other models: a replay plays all roles of a campaign by itself"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// The models that play the roles. Each makes one attempt at a time: the driver
/// decides on the next, so that each has a reservation of its own.
///
/// The prices are the campaign's, where it has some: a budget keeps its meaning
/// whatever the table says later.
pub(super) fn open(
    model: &str,
    models: &ModelSettings,
    layout: &Layout,
) -> Result<(Models, PriceTable), Failure> {
    let mut setup = Setup::of_process()?;
    let pinned = layout.prices();
    if pinned.is_file() {
        let text = std::fs::read_to_string(&pinned)?;
        setup.prices = PriceTable::parse(&text, &pinned).map_err(Failure::input)?;
    }
    setup.retry.attempts = 1;
    setup.campaign = Some(layout.dir.clone());
    let one = |spec: &str| -> Result<Arc<dyn ChatModel>, Failure> {
        let model = setup.model(spec)?;
        for note in model.notes() {
            eprintln!("note: {note}");
        }
        Ok(Arc::from(model))
    };
    let first = one(model)?;
    let mut opened = Models::one(Arc::clone(&first)).and(model, first);
    if replay::campaign_of(model).is_none() {
        let mut names: Vec<&String> = models.all.iter().collect();
        names.extend(models.roles.values().flatten());
        for (place, name) in names.iter().enumerate() {
            if name.as_str() != model && !names[..place].contains(name) {
                opened = opened.and(name, one(name)?);
            }
        }
    }
    Ok((opened, setup.prices))
}

/// Prints what each model has found.
pub fn by_model(dir: &Path, json: bool) -> Result<u8, Failure> {
    let log = Reader::open(dir)?.log()?;
    let state = State::fold(&log).map_err(Failure::bug)?;
    if json {
        show::print_json(&report::by_model_json(&state, &log));
    } else {
        print!("{}", found(&state));
    }
    Ok(exit::OK)
}

/// A part of a whole in per cent; a dash for a part of nothing.
fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.0}%", 100.0 * part as f64 / whole as f64)
}

/// One line per model of a campaign with several: what it was used for.
pub(super) fn status(state: &State) -> String {
    if !state.has_several_models() {
        return String::new();
    }
    uses(&state.model_uses())
}

fn uses(uses: &[ModelUse]) -> String {
    let header = [
        "agents",
        "model",
        "share",
        "let down",
        "experiments",
        "improved",
        "tokens",
        "US dollars",
        "",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let all: usize = uses.iter().map(ModelUse::all_agents).sum();
    for used in uses {
        rows.push(vec![
            used.all_agents().to_string(),
            clean(&used.model),
            share(used.all_agents(), all),
            used.let_down.to_string(),
            used.experiments.to_string(),
            used.improved.to_string(),
            used.paid.tokens.to_string(),
            format!("{:.4}", used.paid.usd),
            used.out
                .as_ref()
                .map_or(String::new(), |why| format!("out: {}", clean(why))),
        ]);
    }
    aligned(&rows)
}

/// The best of each model, and who has covered what.
fn found(state: &State) -> String {
    let boards = coverage::boards(state);
    let covered = coverage::coverage(state, &boards);
    let metric = state.settings.as_ref().map(metric_name).unwrap_or_default();
    let mut out = uses(&state.model_uses());
    for board in &boards {
        // Writing to a String can't fail.
        let _ = writeln!(out, "\n{}", clean(&board.model));
        out.push_str(&one_board(board, metric));
        let list = |names: Vec<&str>| match names[..] {
            [] => "-".to_owned(),
            _ => clean(&names.join(", ")),
        };
        let _ = writeln!(
            out,
            "only this model: won {}; verified {}",
            list(covered.only_won(&board.model)),
            list(covered.only_verified(&board.model))
        );
    }
    out.push('\n');
    for overlap in &covered.overlaps {
        let [one, other] = &overlap.models;
        let _ = writeln!(
            out,
            "{} and {}: both verified {}, both won {}",
            clean(one),
            clean(other),
            overlap.verified,
            overlap.won
        );
    }
    out
}

fn metric_name(settings: &Settings) -> &str {
    &settings.metric.name
}

fn one_board(board: &ModelBoard, metric: &str) -> String {
    if board.rows.is_empty() {
        return "  no verified result\n".to_owned();
    }
    let header = [
        "",
        "task",
        metric,
        "95% interval",
        "n",
        "",
        "select",
        "experiment",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for row in &board.rows {
        let whole = number(row.value, row.ci);
        let (value, ci) = whole.split_once(' ').unwrap_or((&whole, "-"));
        rows.push(vec![
            String::new(),
            clean(&row.task),
            value.to_owned(),
            ci.to_owned(),
            row.n.to_string(),
            standing(row.standing).to_owned(),
            row.select.map_or("-".to_owned(), |v| number(v, None)),
            row.experiment.to_string(),
        ]);
    }
    aligned(&rows)
}
