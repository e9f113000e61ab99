import torch
from torch.utils.cpp_extension import load_inline

SOURCE = r"""
#include <torch/extension.h>
#include <ATen/Parallel.h>
#include <cmath>

torch::Tensor softmax_rows(torch::Tensor x) {
  auto in = x.contiguous();
  auto out = torch::empty_like(in);
  const int64_t rows = in.size(0), cols = in.size(1);
  const float* from = in.data_ptr<float>();
  float* to = out.data_ptr<float>();
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* a = from + row * cols;
      float* b = to + row * cols;
      float most = a[0];
      for (int64_t i = 0; i < cols; ++i) most = a[i] > most || std::isnan(a[i]) ? a[i] : most;
      double sum = 0;
      for (int64_t i = 0; i < cols; ++i) sum += b[i] = std::exp(a[i] - most);
      const float scale = static_cast<float>(1 / sum);
      for (int64_t i = 0; i < cols; ++i) b[i] *= scale;
    }
  });
  return out;
}
"""

extension = load_inline("softmax_rows", SOURCE, functions=["softmax_rows"], extra_cflags=["-O3"])


class ModelNew(torch.nn.Module):
    def forward(self, x):
        return extension.softmax_rows(x)
