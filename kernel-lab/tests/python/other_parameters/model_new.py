import torch


class ModelNew(torch.nn.Module):
    """Under other names, from the same seed in the same order."""

    def __init__(self, features_in, features_out, scale):
        super().__init__()
        layer = torch.nn.Linear(features_in, features_out)
        self.weight, self.bias = layer.weight, layer.bias
        self.scale = scale

    def forward(self, x, shift):
        return torch.addmm(self.bias, x, self.weight.t()) * self.scale[0] + shift
