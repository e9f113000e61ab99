"""Running sum along the last dimension that leaves out the number it stands at.

Written as running sum minus the number itself; fused, it is one pass.
"""

import torch
import torch.nn as nn

ROWS = 2048
COLS = 4096


class Model(nn.Module):
    def forward(self, x):
        return torch.cumsum(x, dim=-1) - x


def get_inputs():
    return [torch.randn(ROWS, COLS)]


def get_init_inputs():
    return []
