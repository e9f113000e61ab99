"""Root-mean-square normalisation over the last dimension with a learned scale.

The scale is drawn at random: a kernel that forgets it is wrong.
"""

import torch
import torch.nn as nn

ROWS = 8192
FEATURES = 1024


class Model(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.norm = nn.RMSNorm(features, eps=1e-6)
        nn.init.normal_(self.norm.weight, mean=1.0, std=0.5)

    def forward(self, x):
        return self.norm(x)


def get_inputs():
    return [torch.randn(ROWS, FEATURES)]


def get_init_inputs():
    return [FEATURES]
