"""Smooth L1 loss of two matrices, mean of each row.

Square near zero, straight beyond: fused, two streams are read and next to nothing is written.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

ROWS = 1024
COLS = 4096


class Model(nn.Module):
    def forward(self, x, y):
        return F.smooth_l1_loss(x, y, reduction="none").mean(dim=-1)


def get_inputs():
    return [torch.randn(ROWS, COLS), torch.randn(ROWS, COLS)]


def get_init_inputs():
    return []
