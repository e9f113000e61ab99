"""A small linear layer with parameters and a number among its inputs, for tests of
the harness itself."""

import torch

ROWS = 256
FEATURES = 512


class Model(torch.nn.Module):
    def __init__(self, features_in, features_out, scale):
        super().__init__()
        self.linear = torch.nn.Linear(features_in, features_out)
        self.scale = scale

    def forward(self, x, shift):
        return self.linear(x) * self.scale[0] + shift


def get_inputs():
    return [torch.randn(ROWS, FEATURES), 0.5]


def get_init_inputs():
    return [FEATURES, FEATURES, (1.75, "scale")]
