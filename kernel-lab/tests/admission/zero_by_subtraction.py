"""One number per row minus its own mean: nothing is left."""

import torch
import torch.nn as nn

ROWS = 96
COLS = 64


class Model(nn.Module):
    def __init__(self, cols):
        super().__init__()
        self.linear = nn.Linear(cols, cols)

    def forward(self, x):
        largest = self.linear(x).amax(dim=1, keepdim=True)
        return torch.tanh(largest - largest.mean(dim=1, keepdim=True))


def get_inputs():
    return [torch.randn(ROWS, COLS)]


def get_init_inputs():
    return [COLS]
