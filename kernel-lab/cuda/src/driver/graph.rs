//! Graphs: several launches as one.

use cudarc::driver::{result, sys};

use super::{Context, CudaError, Function, Launch};

/// Launches that are launched together, with the arguments they were made with.
#[derive(Debug)]
pub struct Graph {
    raw: sys::CUgraphExec,
    /// Its kernels, held: their module goes after the graph.
    _functions: Vec<Function>,
}

impl Context {
    /// Makes a graph of these launches, one after the other, and brings it to the device.
    ///
    /// An error says that there can be no graph of them, and need not mean that they can't be
    /// launched.
    pub fn graph(&self, launches: &[Launch<'_>]) -> Result<Graph, CudaError> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is there and no other thread uses it.
        unsafe { result::stream::begin_capture(self.stream, mode) }
            .map_err(CudaError::of("cuStreamBeginCapture"))?;
        let launched = launches.iter().try_for_each(|launch| self.launch(launch));
        // SAFETY: as above. A capture is ended whatever became of it: until then the stream
        // takes no work.
        let captured = unsafe { result::stream::end_capture(self.stream) };
        let captured = Captured(captured.map_err(CudaError::of("cuStreamEndCapture"))?);
        launched?;
        let flags = sys::CUgraphInstantiate_flags(0);
        // SAFETY: the graph was just made.
        let raw = unsafe { result::graph::instantiate(captured.0, flags) };
        let graph = Graph {
            raw: raw.map_err(CudaError::of("cuGraphInstantiate"))?,
            _functions: launches
                .iter()
                .map(|launch| launch.function.clone())
                .collect(),
        };
        // SAFETY: graph and stream are there.
        unsafe { result::graph::upload(graph.raw, self.stream) }
            .map_err(CudaError::of("cuGraphUpload"))?;
        Ok(graph)
    }

    /// Launches all of a graph and returns at once.
    pub fn launch_graph(&self, graph: &Graph) -> Result<(), CudaError> {
        // SAFETY: the graph holds its kernels; for what they do see `launch`.
        unsafe { result::graph::launch(graph.raw, self.stream) }
            .map_err(CudaError::of("cuGraphLaunch"))
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made in `Context::graph`, and nobody launches it any more.
        let _ = unsafe { result::graph::exec_destroy(self.raw) };
    }
}

/// What a capture gave, for as long as a graph is made of it.
struct Captured(sys::CUgraph);

impl Drop for Captured {
    fn drop(&mut self) {
        // SAFETY: made in `Context::graph`; what was made of it does not need it.
        let _ = unsafe { result::graph::destroy(self.0) };
    }
}
