"""How long torch's own way takes: `load_inline` of a function in C++ that
stands where a kernel's host wrapper does. No GPU is needed, and no nvcc: the
CUDA side would come on top.

    .venv/bin/python crates/cuda-sim/cli/benches/load_inline.py [TIMES]
"""

import sys
import tempfile
import time

from torch.utils.cpp_extension import load_inline

SOURCE = """
torch::Tensor saxpy(double a, torch::Tensor x, torch::Tensor y) {
    TORCH_CHECK(x.is_contiguous() && y.is_contiguous(), "not contiguous");
    return a * x + y;
}
"""

for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        load_inline(
            name=f"saxpy_{number}",
            cpp_sources=SOURCE,
            functions=["saxpy"],
            build_directory=folder,
        )
        print(f"load_inline: {time.perf_counter() - start:.1f} s", flush=True)
