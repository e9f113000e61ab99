"""Two-dimensional 3 x 3 convolution of each channel by itself, stride 1, one pixel of padding.

Nine multiplications for each number read: bound by traffic if the windows are shared.
"""

import torch
import torch.nn as nn

BATCH = 8
CHANNELS = 32
HEIGHT = 112
WIDTH = 112


class Model(nn.Module):
    def __init__(self, channels, window, padding):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, window, padding=padding, groups=channels)

    def forward(self, x):
        return self.conv(x)


def get_inputs():
    return [torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH)]


def get_init_inputs():
    return [CHANNELS, 3, 1]
