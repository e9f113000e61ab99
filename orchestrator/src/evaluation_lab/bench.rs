//! What everything is measured with: the frozen evaluation, its parts, the
//! interpreter.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{ContentHash, LabError};
use sandbox::{Command, ExitReason, Limits};

use super::order::Order;
use super::shape::Shape;
use super::{Options, fault, holdout};
use crate::adapter::{Adapter, EvaluationCommands, ExperimentLayout};
use crate::audit::Interpreter;
use crate::audit::contract::Contract;
use crate::audit::run::{Batch, copy_folder};
use crate::audit::stored::Place;
use crate::campaign::folder_hash;

/// The parts that rows are hidden in, and where they lie.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// Holds `public/` and `private/`.
    root: PathBuf,
}

impl Parts {
    pub(super) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// What candidates see.
    pub(super) fn public(&self) -> PathBuf {
        self.root.join("public")
    }

    /// The inputs of a split.
    pub(super) fn inputs(&self, split: &str) -> PathBuf {
        self.public().join(split)
    }

    /// Its answers.
    pub(super) fn answers(&self, split: &str) -> PathBuf {
        self.root.join("private").join(split)
    }
}

/// Everything that measures.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) contract: Contract,
    pub(super) commands: EvaluationCommands,
    pub(super) layout: ExperimentLayout,
    pub(super) interpreter: Interpreter,
    /// Hash of the evaluation's files and the data's.
    pub(super) hash: ContentHash,
    pub(super) room: PathBuf,
    /// The evaluation's parts.
    pub(super) parts: Parts,
    /// Which rows hang together.
    pub(super) order: Order,
    /// What the training rows look like.
    pub(super) shape: Shape,
    /// Training rows, some of them hidden, for quick looks; absent where there
    /// are too few of them.
    pub(super) look: Option<Parts>,
}

impl Bench {
    /// Opens the evaluation and prepares its parts, unless another worker in
    /// the same room has.
    pub(super) fn open(
        options: &Options,
        environment: &[(OsString, OsString)],
    ) -> Result<Self, LabError> {
        let contract = Contract::load(&options.evaluation).map_err(|e| fault::unusable(&e))?;
        let manifest = Adapter::load(&options.adapter)
            .map_err(|e| fault::unusable(&e))?
            .manifest;
        let (Some(commands), Some(layout)) = (manifest.evaluation, manifest.experiment) else {
            return Err(fault::bad_request(format!(
                "`{}` has no [evaluation] and [experiment]: they say what a candidate consists of and how it is run",
                options.adapter.join(crate::adapter::MANIFEST).display()
            )));
        };
        let interpreter = Interpreter::find(environment)
            .map_err(|e| fault::internal(&e))?
            .with_extras(options.extras.clone());
        let evaluation = folder_hash(&options.evaluation).map_err(|e| fault::internal(&e))?;
        let data = folder_hash(&options.data).map_err(|e| fault::internal(&e))?;
        let hash = ContentHash::of_parts([evaluation.as_str(), data.as_str()].map(str::as_bytes));
        let mut bench = Self {
            contract,
            commands,
            layout,
            interpreter,
            hash,
            room: options.room.clone(),
            parts: Parts::at(options.room.join("parts")),
            order: Order::default(),
            shape: Shape::default(),
            look: None,
        };
        bench.prepare(options)?;
        bench.order = Order::read(&bench.parts.root)?;
        let train = holdout::table(&bench.parts.public().join("train.csv"))?;
        bench.shape = Shape::of(&bench.contract, &train);
        let look = options.room.join("look");
        bench.look = look.is_dir().then(|| Parts::at(look));
        Ok(bench)
    }

    /// The copy of the evaluation that its commands run in: the sandbox's user
    /// can read it whoever owns the original.
    pub(super) fn evaluation(&self) -> PathBuf {
        self.room.join("evaluation")
    }

    /// Whether the interpreter has what the templates import.
    pub(super) fn has_packages(&self) -> bool {
        let limits = Limits {
            wall: Some(Duration::from_mins(1)),
            ..Limits::default()
        };
        let asked = Command::new(
            self.interpreter.program.clone(),
            self.interpreter.policy(),
            limits,
        )
        .args(["-c", "import numpy, pandas, sklearn"])
        .run();
        asked.is_ok_and(|finished| finished.reason == ExitReason::Exited(0))
    }

    /// A new folder in the room that the sandbox's user can enter.
    pub(super) fn folder(&self, what: &str) -> Result<tempfile::TempDir, LabError> {
        let failed = fault::file("create a folder in", &self.room);
        let folder = tempfile::Builder::new()
            .prefix(what)
            .tempdir_in(&self.room)
            .map_err(failed)?;
        open_to_all(folder.path())?;
        Ok(folder)
    }

    fn prepare(&self, options: &Options) -> Result<(), LabError> {
        fs::create_dir_all(&self.room).map_err(fault::file("create", &self.room))?;
        let path = self.room.join("lock");
        let lock = File::create(&path).map_err(fault::file("create", &path))?;
        // Held until the file is closed, by whatever ends this process.
        lock.lock().map_err(fault::file("lock", &path))?;
        if self.parts.root.is_dir() {
            return Ok(());
        }
        // What a worker that was killed here has left.
        let (data, made) = (self.room.join("data"), self.room.join("making"));
        for left in [&data, &made, &self.evaluation(), &self.room.join("look")] {
            if left.exists() {
                fs::remove_dir_all(left).map_err(fault::file("remove", left))?;
            }
        }
        let copied = copy_folder(&options.evaluation, &self.evaluation())
            .and_then(|()| copy_folder(&options.data, &data));
        copied.map_err(|e| fault::internal(&e))?;
        fs::create_dir_all(&made).map_err(fault::file("create", &made))?;
        let batch = Batch {
            jobs: vec![self.contract.commands.prepare_words(&data, &made)],
            cwd: self.evaluation(),
            readable: vec![data.clone()],
            writable: vec![made.clone()],
            timeout_s: self.contract.commands.timeout_s,
            ..Batch::default()
        };
        let room = self.folder("prepare-")?;
        let done = batch
            .run(&self.interpreter, room.path())
            .map_err(|e| fault::internal(&e))?;
        if let Some(failed) = done.iter().find(|done| done.code != 0) {
            return Err(fault::bad_request(format!(
                "the frozen evaluation's prepare failed: {}",
                failed.complaint()
            )));
        }
        let place = Place {
            interpreter: &self.interpreter,
            original: &data,
            room: &self.room.join("plain"),
        };
        Order::make(&self.contract, place, &made)?;
        let (parts, look) = (Parts::at(made.clone()), self.room.join("look"));
        holdout::make(&parts, &Order::read(&made)?, &look)?;
        fs::remove_dir_all(&data).map_err(fault::file("remove", &data))?;
        fs::rename(&made, &self.parts.root).map_err(fault::file("rename", &made))
    }
}

/// Lets the sandbox's user enter a folder.
pub(super) fn open_to_all(folder: &Path) -> Result<(), LabError> {
    let modes = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder, modes).map_err(fault::file("open", folder))
}
