"""One-dimensional convolution with bias, window of five, two numbers of padding.

Bound by arithmetic; vendor libraries are strong here.
"""

import torch
import torch.nn as nn

BATCH = 8
CHANNELS_IN = 64
CHANNELS_OUT = 64
LENGTH = 1024


class Model(nn.Module):
    def __init__(self, channels_in, channels_out, window, padding):
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, window, padding=padding)

    def forward(self, x):
        return self.conv(x)


def get_inputs():
    return [torch.randn(BATCH, CHANNELS_IN, LENGTH)]


def get_init_inputs():
    return [CHANNELS_IN, CHANNELS_OUT, 5, 2]
