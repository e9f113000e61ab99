"""Logarithm of the sum of exponentials of each row.

One number is written for each row, so one read of the matrix is all the traffic there must be. The values are spread out: of
standard normal ones the result is the same for every row, to within a few parts in a thousand.
"""

import torch
import torch.nn as nn

ROWS = 2048
COLS = 4096


class Model(nn.Module):
    def forward(self, x):
        return torch.logsumexp(x, dim=-1)


def get_inputs():
    return [4.0 * torch.randn(ROWS, COLS)]


def get_init_inputs():
    return []
