"""Product of a dense matrix and a vector.

One read of the matrix is all there is; the vector stays in the first-level cache.
"""

import torch
import torch.nn as nn

ROWS = 4096
COLS = 4096


class Model(nn.Module):
    def forward(self, a, x):
        return torch.mv(a, x)


def get_inputs():
    return [torch.randn(ROWS, COLS), torch.randn(COLS)]


def get_init_inputs():
    return []
