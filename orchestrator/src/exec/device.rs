//! What a lab says of the device that a campaign measures on.

use std::path::Path;
use std::time::Duration;

use protocol::{Description, Device, Operation, ReplyBody};

use super::lab::{LabFailure, LabProgram, LabWorker};
use crate::core::settings::MetricSettings;

/// Time a lab has to describe itself, when it is up.
const LIMIT: Duration = Duration::from_mins(2);
/// In words, what a simulator's metric is relative to.
const NO_BASELINE: &str = "nothing: a model's cost is no time";

/// A device that a lab can't use.
#[derive(Debug, thiserror::Error)]
#[error("the lab can't use device `{device}` here: {detail}")]
pub struct NoDevice {
    /// The device.
    pub device: String,
    /// Why not.
    pub detail: String,
}

/// The device by its name, if it can be used.
pub fn usable<'a>(it: &'a Description, device: &str) -> Result<&'a Device, NoDevice> {
    let not = |detail: String| NoDevice {
        device: device.to_owned(),
        detail,
    };
    match it.devices.iter().find(|known| known.name == device) {
        Some(known) if known.available => Ok(known),
        Some(known) => Err(not(known.detail.clone())),
        None => Err(not("it has no such device".to_owned())),
    }
}

/// What candidates are compared by on a simulated device; `None` on a real one.
pub fn modelled(it: &Description, device: &Device) -> Result<Option<MetricSettings>, NoDevice> {
    let Some(name) = &device.modelled else {
        return Ok(None);
    };
    let metric = it.metrics.iter().find(|metric| metric.name == *name);
    let directed = metric.and_then(|metric| Some((metric, metric.direction?)));
    let (metric, direction) = directed.ok_or_else(|| NoDevice {
        device: device.name.clone(),
        detail: format!("its metric `{name}` is none of the lab's with a direction"),
    })?;
    Ok(Some(MetricSettings {
        name: metric.name.clone(),
        unit: metric.unit.clone(),
        direction,
        baseline: NO_BASELINE.to_owned(),
        baseline_value: None,
    }))
}

/// Starts a lab and has it describe itself; for an error, with the last that it
/// has written to its log.
pub fn describe(program: &LabProgram) -> Result<Description, String> {
    let asked = LabWorker::start(program)
        .and_then(|mut lab| lab.ask(Operation::Describe, LIMIT, &mut |_| {}));
    match asked {
        Ok(ReplyBody::Described(it)) => Ok(*it),
        Ok(_) => Err("it does not describe itself".to_owned()),
        Err(error @ LabFailure::Hello { .. }) => {
            Err(last_line(&program.log).unwrap_or_else(|| crate::chain::of(&error)))
        }
        Err(error) => Err(crate::chain::of(&error)),
    }
}

fn last_line(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let last = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(last.to_owned())
}
