//! Launches: checked when they are asked for, as a GPU's driver does.

use std::sync::Arc;

use super::Machine;
use super::action::{Action, Launch, error_of_launch};
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{FunctionId, StreamRef};

pub use cuda_sim::Shape;

impl Machine {
    /// Runs a kernel in a stream's order, all its blocks at once where they wait
    /// for each other: `together`. `arguments` are laid out as
    /// [`Machine::function_params`] says.
    pub fn launch(
        &mut self,
        caller: &Caller,
        stream: StreamRef,
        id: FunctionId,
        shape: Shape,
        arguments: &[u8],
        together: bool,
    ) -> Result<(), Error> {
        let mut launch = self.checked(caller, id, shape, arguments)?;
        launch.together = together;
        let limits = self.settings.limits;
        let (module, kernel) = (&launch.module, &launch.kernel);
        if together
            && let Err(error) = module.check_cooperative(kernel, shape, arguments.len(), limits)
        {
            self.say(format!("cooperative launch of `{kernel}` refused: {error}"));
            return Err(error_of_launch(&error));
        }
        let stream = self.stream(caller, stream)?;
        self.put(stream, Action::Launch(launch)).map(|_| ())
    }

    fn checked(
        &mut self,
        caller: &Caller,
        id: FunctionId,
        shape: Shape,
        arguments: &[u8],
    ) -> Result<Launch, Error> {
        let function = self.function(caller, id)?;
        let kernel = Arc::clone(&function.kernel);
        let module = Arc::clone(&function.module);
        let most = function.most_dynamic;
        let checked = if shape.dynamic_shared > most {
            Err((
                format!(
                    "{} bytes of dynamic shared memory, {most} are allowed \
                     (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)",
                    shape.dynamic_shared
                ),
                Error::InvalidValue,
            ))
        } else {
            module
                .check(&kernel, shape, arguments.len())
                .map_err(|error| (error.to_string(), error_of_launch(&error)))
        };
        if let Err((text, error)) = checked {
            self.say(format!("launch of `{kernel}` refused: {text}"));
            return Err(error);
        }
        Ok(Launch {
            module,
            kernel,
            shape,
            arguments: arguments.into(),
            together: false,
        })
    }
}
