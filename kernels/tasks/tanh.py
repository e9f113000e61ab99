"""Hyperbolic tangent, element by element.

Small arguments must keep all their digits: a form that subtracts two numbers near one loses them.
"""

import torch
import torch.nn as nn

ROWS = 2048
COLS = 4096


class Model(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


def get_inputs():
    return [torch.randn(ROWS, COLS)]


def get_init_inputs():
    return []
