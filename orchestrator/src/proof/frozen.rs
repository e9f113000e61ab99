//! The frozen evaluation: its files, the data, the tasks' files, and the
//! packages it runs with.

use std::path::PathBuf;

use super::{Campaign, Findings};
use crate::campaign::{extras, folder_hash, task_hash};

pub(super) fn check(campaign: &Campaign<'_>, findings: &mut Findings) {
    let (Some(settings), Some((frozen, hash))) = (&campaign.state.settings, &campaign.state.frozen)
    else {
        findings.not_possible("evaluation", "it is not frozen yet");
        return;
    };
    let before = findings.0.len();
    if let Some(python) = &settings.python
        && let Err(error) = extras::verify(&campaign.layout.python_extras(), python)
    {
        findings.failed("evaluation", crate::chain::of(&error));
    }
    let built = settings.evaluation.is_some();
    for task in frozen {
        if built {
            let layout = campaign.layout;
            let found = folder_hash(&layout.evaluation());
            match found {
                Ok(found) if found == task.inspection => {}
                Ok(_) => findings.failed(
                    "evaluation",
                    "`evaluation/` is not what was frozen: a file was changed, added or removed",
                ),
                Err(error) => findings.failed("evaluation", crate::chain::of(&error)),
            }
            match folder_hash(&layout.data()) {
                Ok(found) if found == task.source => {}
                Ok(_) => findings.failed("evaluation", "the data is not what was frozen"),
                Err(error) => findings.not_possible("evaluation", crate::chain::of(&error)),
            }
            continue;
        }
        let source = settings.tasks.iter().find(|known| known.name == task.name);
        let Some(source) = source.map(|known| PathBuf::from(&known.source)) else {
            findings.failed("evaluation", format!("task `{}` has no source", task.name));
            continue;
        };
        match task_hash(&source) {
            Ok(found) if found == task.source => {}
            Ok(_) => findings.failed(
                "evaluation",
                format!(
                    "`{}`, or a file of its name beside it, is not what was frozen for task `{}`",
                    source.display(),
                    task.name
                ),
            ),
            Err(error) => findings.not_possible("evaluation", crate::chain::of(&error)),
        }
    }
    if findings.0.len() == before {
        let what = if built {
            "evaluation and data"
        } else {
            "tasks"
        };
        findings.passed(
            "evaluation",
            format!("{} {what}, frozen as {}", frozen.len(), hash.short()),
        );
    }
}
