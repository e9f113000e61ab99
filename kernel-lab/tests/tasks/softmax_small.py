"""A small softmax, for tests of the harness itself."""

import torch

ROWS = 256
COLS = 1024


class Model(torch.nn.Module):
    def forward(self, x):
        return torch.softmax(x, dim=-1)


def get_inputs():
    return [torch.randn(ROWS, COLS)]
