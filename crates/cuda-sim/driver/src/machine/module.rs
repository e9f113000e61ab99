//! Modules, their variables and their kernels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Machine;
use super::context::Wait;
use crate::caller::Caller;
use crate::error::Error;
use crate::handle::{ContextId, FunctionId, ModuleId};
use cuda_sim::{Attributes, LoadError, Module, SHARED_BYTES};

/// A module.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) context: ContextId,
    module: Arc<Module>,
    functions: BTreeMap<String, FunctionId>,
}

/// A kernel of a module.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) context: ContextId,
    pub(super) module: Arc<Module>,
    pub(super) kernel: Arc<str>,
    pub(super) attributes: Attributes,
    /// Bytes of shared memory that a launch may bring.
    pub(super) most_dynamic: u32,
    carveout: i32,
}

/// Offset and bytes of each of a kernel's arguments, and bytes of them all.
pub type Params<'a> = (&'a [(u32, u32)], u32);

/// Why a module can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct LoadFailure {
    /// What the call answers.
    pub error: Error,
    /// For whoever reads logs.
    pub text: String,
}

impl From<Error> for LoadFailure {
    fn from(error: Error) -> Self {
        Self {
            error,
            text: error.to_string(),
        }
    }
}

/// An attribute of a kernel: `CUfunction_attribute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionAttribute {
    /// Threads of a block.
    MaxThreads,
    /// Bytes of shared memory of its own.
    SharedBytes,
    /// Bytes of the module's constants.
    ConstBytes,
    /// Bytes of local memory of a thread.
    LocalBytes,
    /// Registers of a thread: 0, as PTX has none of a GPU's.
    Registers,
    /// Version of the PTX, ten times the major one and the minor one.
    PtxVersion,
    /// As if it had been compiled for the device.
    BinaryVersion,
    /// Whether global loads are cached in the first level.
    CacheMode,
    /// Bytes of shared memory that a launch may bring.
    MaxDynamicShared,
    /// Preferred share of shared memory in percent; -1 is the driver's choice.
    Carveout,
    /// What is about clusters: there are none.
    Cluster,
}

impl FunctionAttribute {
    /// By its number.
    pub fn of_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::MaxThreads,
            1 => Self::SharedBytes,
            2 => Self::ConstBytes,
            3 => Self::LocalBytes,
            4 => Self::Registers,
            5 => Self::PtxVersion,
            6 => Self::BinaryVersion,
            7 => Self::CacheMode,
            8 => Self::MaxDynamicShared,
            9 => Self::Carveout,
            10..=15 => Self::Cluster,
            _ => return None,
        })
    }
}

impl Machine {
    /// Loads PTX.
    pub fn module_load(&mut self, caller: &Caller, text: &str) -> Result<ModuleId, LoadFailure> {
        let loaded = self.load(caller, text);
        if let Err(failure) = &loaded {
            self.say(failure.text.clone());
        }
        loaded
    }

    fn load(&mut self, caller: &Caller, text: &str) -> Result<ModuleId, LoadFailure> {
        let id = self.current(caller)?;
        let device = self.settings.device;
        let context = self.context(id)?;
        let module = Module::load(&mut context.heap, text).map_err(|error| LoadFailure {
            error: match error {
                LoadError::NotSimulable { .. } => Error::NotSupported,
                LoadError::Syntax(_) | LoadError::Invalid { .. } => Error::InvalidPtx,
            },
            text: error.to_string(),
        })?;
        if !device.takes(module.target()) {
            module.unload(&mut context.heap);
            return Err(LoadFailure {
                error: Error::InvalidPtx,
                text: format!(
                    "PTX for {} can't be run on {}, which has compute capability {}.{}",
                    module.target(),
                    device.figures.name,
                    device.figures.capability.0,
                    device.figures.capability.1,
                ),
            });
        }
        let variables = module.variables().map(|found| found.base());
        context.variables.extend(variables);
        let module_id = ModuleId::numbered(self.number());
        self.modules.insert(
            module_id,
            Loaded {
                context: id,
                module: Arc::new(module),
                functions: BTreeMap::new(),
            },
        );
        Ok(module_id)
    }

    /// What to answer to an image that is machine code.
    pub fn module_binary(&mut self, caller: &Caller) -> LoadFailure {
        if let Err(error) = self.current(caller) {
            return error.into();
        }
        let text = "machine code can't be run: load PTX instead".to_owned();
        self.say(text.clone());
        LoadFailure {
            error: Error::InvalidImage,
            text,
        }
    }

    /// Forgets a module once the context's work is done.
    pub fn module_unload(&mut self, caller: &Caller, id: ModuleId) -> Result<Wait, Error> {
        self.current(caller)?;
        let module = self.modules.get(&id).ok_or(Error::InvalidHandle)?;
        Ok(self.wait_to_unload(module.context, id))
    }

    pub(super) fn unload(&mut self, id: ModuleId) {
        let Some(loaded) = self.modules.remove(&id) else {
            return;
        };
        for function in loaded.functions.values() {
            self.functions.remove(function);
        }
        if let Some(context) = self.contexts.get_mut(&loaded.context) {
            for variable in loaded.module.variables() {
                context.variables.remove(&variable.base());
            }
            loaded.module.unload(&mut context.heap);
        }
    }

    /// Names of its kernels.
    pub fn module_kernels(&self, id: ModuleId) -> Result<Vec<String>, Error> {
        let loaded = self.modules.get(&id).ok_or(Error::InvalidHandle)?;
        Ok(loaded.module.kernels().map(str::to_owned).collect())
    }

    /// A kernel by its name.
    pub fn module_function(
        &mut self,
        caller: &Caller,
        id: ModuleId,
        name: &str,
    ) -> Result<FunctionId, Error> {
        self.current(caller)?;
        let number = self.number();
        let loaded = self.modules.get_mut(&id).ok_or(Error::InvalidHandle)?;
        if let Some(function) = loaded.functions.get(name) {
            return Ok(*function);
        }
        let attributes = loaded.module.attributes(name).ok_or(Error::NotFound)?;
        let function = FunctionId::numbered(number);
        loaded.functions.insert(name.to_owned(), function);
        self.functions.insert(
            function,
            Function {
                context: loaded.context,
                module: Arc::clone(&loaded.module),
                kernel: name.into(),
                most_dynamic: SHARED_BYTES.saturating_sub(attributes.shared_bytes),
                attributes,
                carveout: -1,
            },
        );
        Ok(function)
    }

    /// A variable by its name: address and bytes.
    pub fn module_global(
        &self,
        caller: &Caller,
        id: ModuleId,
        name: &str,
    ) -> Result<(u64, u64), Error> {
        self.current(caller)?;
        let loaded = self.modules.get(&id).ok_or(Error::InvalidHandle)?;
        let variable = loaded.module.global(name).ok_or(Error::NotFound)?;
        Ok((variable.base(), variable.bytes()))
    }

    pub(super) fn function(&self, caller: &Caller, id: FunctionId) -> Result<&Function, Error> {
        self.current(caller)?;
        self.functions.get(&id).ok_or(Error::InvalidHandle)
    }

    /// Where a kernel's arguments lie.
    pub fn function_params<'a>(
        &'a self,
        caller: &Caller,
        id: FunctionId,
    ) -> Result<Params<'a>, Error> {
        let attributes = &self.function(caller, id)?.attributes;
        Ok((&attributes.params, attributes.param_bytes))
    }

    /// Checks that there is such a kernel.
    pub fn function_check(&self, caller: &Caller, id: FunctionId) -> Result<(), Error> {
        self.function(caller, id).map(|_| ())
    }

    /// An attribute of a kernel.
    pub fn function_attribute(
        &self,
        caller: &Caller,
        id: FunctionId,
        attribute: FunctionAttribute,
    ) -> Result<i32, Error> {
        let function = self.function(caller, id)?;
        let attributes = &function.attributes;
        let number = |value: u64| i32::try_from(value).unwrap_or(i32::MAX);
        let (major, minor) = self.settings.device.figures.capability;
        let (ptx_major, ptx_minor) = function.module.version();
        Ok(match attribute {
            FunctionAttribute::MaxThreads => number(attributes.max_threads.into()),
            FunctionAttribute::SharedBytes => number(attributes.shared_bytes.into()),
            FunctionAttribute::ConstBytes => number(function.module.constant_bytes()),
            FunctionAttribute::LocalBytes => number(attributes.local_bytes.into()),
            FunctionAttribute::PtxVersion => number((ptx_major * 10 + ptx_minor).into()),
            FunctionAttribute::BinaryVersion => number((major * 10 + minor).into()),
            FunctionAttribute::MaxDynamicShared => number(function.most_dynamic.into()),
            FunctionAttribute::Carveout => function.carveout,
            FunctionAttribute::Registers
            | FunctionAttribute::CacheMode
            | FunctionAttribute::Cluster => 0,
        })
    }

    /// Sets an attribute of a kernel.
    pub fn function_set_attribute(
        &mut self,
        caller: &Caller,
        id: FunctionId,
        attribute: FunctionAttribute,
        value: i32,
    ) -> Result<(), Error> {
        self.function(caller, id)?;
        let most = self.settings.device.shared_per_block();
        let function = self.functions.get_mut(&id).ok_or(Error::InvalidHandle)?;
        match attribute {
            FunctionAttribute::MaxDynamicShared => {
                let bytes = u32::try_from(value).map_err(|_| Error::InvalidValue)?;
                if bytes > most.saturating_sub(function.attributes.shared_bytes) {
                    return Err(Error::InvalidValue);
                }
                function.most_dynamic = bytes;
            }
            FunctionAttribute::Carveout => {
                if !(-1..=100).contains(&value) {
                    return Err(Error::InvalidValue);
                }
                function.carveout = value;
            }
            _ => return Err(Error::InvalidValue),
        }
        Ok(())
    }
}
