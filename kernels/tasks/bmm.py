"""Products of a batch of small matrices.

Bound by arithmetic; each product is too small to spread over the cores, the batch is not.
"""

import torch
import torch.nn as nn

BATCH = 24
M = 192
K = 192
N = 256


class Model(nn.Module):
    def forward(self, a, b):
        return torch.bmm(a, b)


def get_inputs():
    return [torch.randn(BATCH, M, K), torch.randn(BATCH, K, N)]


def get_init_inputs():
    return []
