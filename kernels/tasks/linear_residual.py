"""Linear layer added to a residual stream.

The product dominates; the addition is nearly free while a tile of the product is still in registers.
"""

import torch
import torch.nn as nn

BATCH = 512
FEATURES_IN = 512
FEATURES_OUT = 1024


class Model(nn.Module):
    def __init__(self, features_in, features_out):
        super().__init__()
        self.linear = nn.Linear(features_in, features_out)
        nn.init.normal_(self.linear.bias, std=0.5)

    def forward(self, x, residual):
        return self.linear(x) + residual


def get_inputs():
    return [torch.randn(BATCH, FEATURES_IN), torch.randn(BATCH, FEATURES_OUT)]


def get_init_inputs():
    return [FEATURES_IN, FEATURES_OUT]
