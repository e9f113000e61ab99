"""GELU with the exact error function, x * Phi(x), element by element.

A pure map: two memory streams and some arithmetic, so a fast kernel has to hide
the error function behind the traffic and write past the cache.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

ROWS = 2048
COLS = 4096


class Model(nn.Module):
    def forward(self, x):
        return F.gelu(x)


def get_inputs():
    return [torch.randn(ROWS, COLS)]


def get_init_inputs():
    return []
