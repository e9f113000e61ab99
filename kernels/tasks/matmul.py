"""Product of two dense matrices.

Bound by arithmetic: what counts is how close the inner kernel stays to the peak of
the multiply-add units while blocks of both factors stay in the caches.
"""

import torch
import torch.nn as nn

M = 768
K = 768
N = 768


class Model(nn.Module):
    def forward(self, a, b):
        return torch.matmul(a, b)


def get_inputs():
    return [torch.randn(M, K), torch.randn(K, N)]


def get_init_inputs():
    return []
