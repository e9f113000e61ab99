//! What was installed and what was frozen must still be what it was.

use std::path::PathBuf;

use super::{Driver, DriverError};
use crate::campaign::extras::verify;

impl Driver {
    /// What was installed for agents must still be there.
    pub(super) fn check_extras(&self) -> Result<(), DriverError> {
        let settings = self.session.state.settings.as_ref();
        if let Some(python) = settings.and_then(|settings| settings.python.as_ref()) {
            verify(&self.session.layout.python_extras(), python)?;
        }
        Ok(())
    }

    /// What was frozen must still be what is measured.
    pub(super) fn check_frozen(&self) -> Result<(), DriverError> {
        let state = &self.session.state;
        let (Some(settings), Some((frozen, _))) = (&state.settings, &state.frozen) else {
            return Ok(());
        };
        if settings.evaluation.is_some() {
            let now = crate::campaign::folder_hash(&self.session.layout.evaluation())?;
            let same = frozen.iter().all(|task| task.inspection == now);
            return same.then_some(()).ok_or(DriverError::OtherEvaluation);
        }
        for task in frozen {
            self.check_task(&task.name)?;
        }
        Ok(())
    }

    /// A lab's task must still be what was frozen.
    pub(super) fn check_task(&self, name: &str) -> Result<(), DriverError> {
        let state = &self.session.state;
        let (Some(settings), Some((frozen, _))) = (&state.settings, &state.frozen) else {
            return Ok(());
        };
        let task = frozen.iter().find(|task| task.name == name);
        let Some(task) = task.filter(|_| settings.evaluation.is_none()) else {
            return Ok(());
        };
        let source = settings.tasks.iter().find(|known| known.name == task.name);
        let hash = source
            .map(|known| crate::campaign::task_hash(&PathBuf::from(&known.source)))
            .transpose()?;
        if hash.as_ref() == Some(&task.source) {
            return Ok(());
        }
        Err(DriverError::Thawed {
            task: task.name.clone(),
        })
    }
}
