"""Mean over overlapping 3 x 3 windows of an image, stride 2, one pixel of padding that counts.

Sums down columns are shared by neighbouring windows.
"""

import torch
import torch.nn as nn

BATCH = 8
CHANNELS = 32
HEIGHT = 112
WIDTH = 112


class Model(nn.Module):
    def __init__(self, window, stride, padding):
        super().__init__()
        self.pool = nn.AvgPool2d(window, stride=stride, padding=padding)

    def forward(self, x):
        return self.pool(x)


def get_inputs():
    return [torch.randn(BATCH, CHANNELS, HEIGHT, WIDTH)]


def get_init_inputs():
    return [3, 2, 1]
