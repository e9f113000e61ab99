"""Product of a transposed matrix and a dense one, as in the gradient of a linear layer.

Bound by arithmetic; the left factor is read down its columns.
"""

import torch
import torch.nn as nn

M = 768
K = 768
N = 768


class Model(nn.Module):
    def forward(self, a, b):
        return torch.matmul(a.T, b)


def get_inputs():
    return [torch.randn(K, M), torch.randn(K, N)]


def get_init_inputs():
    return []
