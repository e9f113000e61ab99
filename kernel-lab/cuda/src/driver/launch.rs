//! Launches.

use std::ffi::c_void;

use cudarc::driver::{result, sys};

use super::{Context, CudaError, Function};

/// A kernel with all that it is launched with.
#[derive(Clone, Debug)]
pub struct Launch<'l> {
    /// The kernel.
    pub function: &'l Function,
    /// Blocks in x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y and z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory of a block.
    pub shared_bytes: u32,
    /// Whether all blocks must be there at the same time.
    pub cooperative: bool,
    /// Blocks of a cluster in x, y and z.
    pub cluster: Option<[u32; 3]>,
    /// Arguments: of each, the lowest bytes count.
    pub arguments: Vec<u64>,
}

impl Context {
    /// Launches a kernel and returns at once. `arguments` are the kernel's, each with its
    /// bytes first.
    pub fn launch(&self, launch: &Launch<'_>) -> Result<(), CudaError> {
        let mut arguments = launch.arguments.clone();
        let mut pointers: Vec<*mut c_void> = arguments
            .iter_mut()
            .map(|value| std::ptr::from_mut(value).cast())
            .collect();
        if let Some(cluster) = launch.cluster {
            return self.launch_clusters(launch, cluster, &mut pointers);
        }
        let [grid, block] = [launch.grid, launch.block].map(|[x, y, z]| (x, y, z));
        let (function, shared_bytes) = (launch.function.raw, launch.shared_bytes);
        // SAFETY: the function holds its module; the driver copies as many bytes of each
        // argument as the kernel's parameter has, which is eight at most and checked
        // against the module's text; what the kernel does with them is looked at by whoever
        // asked for it.
        unsafe {
            if launch.cooperative {
                result::launch_cooperative_kernel(
                    function,
                    grid,
                    block,
                    shared_bytes,
                    self.stream,
                    &mut pointers,
                )
                .map_err(CudaError::of("cuLaunchCooperativeKernel"))
            } else {
                result::launch_kernel(
                    function,
                    grid,
                    block,
                    shared_bytes,
                    self.stream,
                    &mut pointers,
                )
                .map_err(CudaError::of("cuLaunchKernel"))
            }
        }
    }

    fn launch_clusters(
        &self,
        launch: &Launch<'_>,
        [x, y, z]: [u32; 3],
        pointers: &mut [*mut c_void],
    ) -> Result<(), CudaError> {
        let attribute = |id, value| sys::CUlaunchAttribute {
            id,
            pad: [0; 4],
            value,
        };
        let mut attributes = vec![attribute(
            sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
            sys::CUlaunchAttributeValue {
                clusterDim: sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x, y, z },
            },
        )];
        if launch.cooperative {
            attributes.push(attribute(
                sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_COOPERATIVE,
                sys::CUlaunchAttributeValue { cooperative: 1 },
            ));
        }
        let config = sys::CUlaunchConfig {
            gridDimX: launch.grid[0],
            gridDimY: launch.grid[1],
            gridDimZ: launch.grid[2],
            blockDimX: launch.block[0],
            blockDimY: launch.block[1],
            blockDimZ: launch.block[2],
            sharedMemBytes: launch.shared_bytes,
            hStream: self.stream,
            attrs: attributes.as_mut_ptr(),
            numAttrs: attributes.len() as u32,
        };
        // SAFETY: as in `launch`; configuration and attributes outlive the call.
        unsafe {
            sys::cuLaunchKernelEx(
                &raw const config,
                launch.function.raw,
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        }
        .result()
        .map_err(CudaError::of("cuLaunchKernelEx"))
    }
}
