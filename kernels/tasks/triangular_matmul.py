"""Product of the upper triangle of a matrix and a dense matrix.

Half of the terms are zero, and whole blocks of them need not be added. Suites report such collapsible tasks apart
from the others.
"""

import torch
import torch.nn as nn

M = 768
N = 768


class Model(nn.Module):
    def forward(self, a, b):
        return torch.matmul(torch.triu(a), b)


def get_inputs():
    return [torch.randn(M, M), torch.randn(M, N)]


def get_init_inputs():
    return []
