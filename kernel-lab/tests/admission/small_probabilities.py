"""Probabilities of so many classes that each is nearly zero."""

import torch
import torch.nn as nn

ROWS = 8
COLS = 20000


class Model(nn.Module):
    def forward(self, x):
        return torch.softmax(x, dim=-1)


def get_inputs():
    return [torch.rand(ROWS, COLS)]
