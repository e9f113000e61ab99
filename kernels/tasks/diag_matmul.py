"""Product of a diagonal matrix, given by its diagonal, and a dense matrix.

Written as a full matrix product; algebra turns it into a scaling of rows. Suites
report such collapsible tasks apart from the others.
"""

import torch
import torch.nn as nn

N = 768
M = 1024


class Model(nn.Module):
    def forward(self, a, b):
        return torch.diag(a) @ b


def get_inputs():
    return [torch.randn(N), torch.randn(N, M)]


def get_init_inputs():
    return []
