import torch


class Linear(torch.nn.Module):
    def __init__(self, features_in, features_out):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(features_out, features_in))
        self.bias = torch.nn.Parameter(torch.zeros(features_out))
        self.register_buffer("zero", torch.zeros(()))


class ModelNew(torch.nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.linear = Linear(*sizes)

    def forward(self, x):
        product = x @ self.linear.weight.t()
        return torch.maximum(product.add_(self.linear.bias), self.linear.zero)
