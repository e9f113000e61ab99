"""Linear layer and softmax over its features.

Rows of the product should be normalised while they are still in the cache.
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

    def forward(self, x):
        return torch.softmax(self.linear(x), dim=-1)


def get_inputs():
    return [torch.randn(BATCH, FEATURES_IN)]


def get_init_inputs():
    return [FEATURES_IN, FEATURES_OUT]
