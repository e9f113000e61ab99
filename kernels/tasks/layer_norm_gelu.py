"""Layer normalisation over the last dimension, then exact GELU.

Fused, the normalised rows never travel to memory and back.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

ROWS = 4096
FEATURES = 1024


class Model(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.norm = nn.LayerNorm(features)
        nn.init.normal_(self.norm.weight, mean=1.0, std=0.5)
        nn.init.normal_(self.norm.bias, mean=0.0, std=0.5)

    def forward(self, x):
        return F.gelu(self.norm(x))


def get_inputs():
    return [torch.randn(ROWS, FEATURES)]


def get_init_inputs():
    return [FEATURES]
