"""Broken: the model raises."""

import torch


class Model(torch.nn.Module):
    def forward(self, x):
        raise ValueError("on purpose")


def get_inputs():
    return [torch.randn(64, 64)]
