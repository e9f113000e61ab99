"""The root of what is negative half the time."""

import torch
import torch.nn as nn

ROWS = 64
COLS = 96


class Model(nn.Module):
    def forward(self, x):
        return torch.sqrt(x)


def get_inputs():
    return [torch.randn(ROWS, COLS)]
