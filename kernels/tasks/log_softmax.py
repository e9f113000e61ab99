"""Logarithm of the softmax over the last dimension of a matrix.

Maximum, sum of exponentials, difference: three sweeps when written naively. The output needs no exponential.
"""

import torch
import torch.nn as nn

ROWS = 2048
COLS = 4096


class Model(nn.Module):
    def forward(self, x):
        return torch.log_softmax(x, dim=-1)


def get_inputs():
    return [torch.randn(ROWS, COLS)]


def get_init_inputs():
    return []
