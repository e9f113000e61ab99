"""Kullback-Leibler divergence of distributions from predicted log-probabilities, one for each row.

A logarithm for each number; a target of zero adds nothing.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

ROWS = 512
COLS = 4096


class Model(nn.Module):
    def forward(self, x, y):
        return F.kl_div(x, y, reduction="none").sum(dim=-1)


def get_inputs():
    return [torch.log_softmax(torch.randn(ROWS, COLS), dim=-1), torch.softmax(torch.randn(ROWS, COLS), dim=-1)]


def get_init_inputs():
    return []
