"""Running sum along the last dimension of the numbers that a mask selects.

Fused, the masked numbers never travel to memory and back.
"""

import torch
import torch.nn as nn

ROWS = 2048
COLS = 4096


class Model(nn.Module):
    def forward(self, x, mask):
        return torch.cumsum(x * mask, dim=-1)


def get_inputs():
    return [torch.randn(ROWS, COLS), torch.randint(0, 2, (ROWS, COLS)).bool()]


def get_init_inputs():
    return []
