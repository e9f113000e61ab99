import torch


class ModelNew(torch.nn.Module):
    def __init__(self, features_in, features_out, scale):
        super().__init__()
        self.linear = torch.nn.Linear(features_in, features_out)
        self.scale = scale

    def forward(self, x, shift):
        return self.linear(x) * self.scale[0] + shift
