//! What a campaign's device makes of its metric, asked of the lab before
//! anything is written.

use super::{Failure, Places};
use crate::campaign::Layout;
use crate::core::settings::{Settings, USUAL_DEVICE};
use crate::exec::{LabProgram, describe, modelled, usable};

/// Settles the metric for the device, where it is not the one that adapters
/// write their metric for: the lab knows whether a simulator stands in for it.
pub(super) fn settle(
    settings: &mut Settings,
    places: &Places,
    layout: &Layout,
) -> Result<(), Failure> {
    if settings.evaluation.is_some() || settings.device == USUAL_DEVICE {
        return match &settings.arch {
            None => Ok(()),
            Some(arch) => Err(Failure::input(format!(
                "--arch {arch}: nothing is compiled for a GPU here; --device cuda is missing"
            ))),
        };
    }
    let room = tempfile::tempdir()?;
    let program = LabProgram {
        log: room.path().join("lab.log"),
        ..places.measures(layout, settings)?
    };
    let it = describe(&program)
        .map_err(|why| Failure::input(format!("device `{}`: {why}", settings.device)))?;
    let device = usable(&it, &settings.device).map_err(Failure::input)?;
    if let Some(metric) = modelled(&it, device).map_err(Failure::input)? {
        eprintln!(
            "note: a simulator stands in for device `{}`: candidates are compared by `{}`, which is no time, and there is \
             no speedup",
            settings.device, metric.name
        );
        settings.metric = metric;
        settings.simulated = true;
    }
    Ok(())
}
