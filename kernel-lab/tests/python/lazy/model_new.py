import torch


class Lazy(torch.Tensor):
    pass


class ModelNew(torch.nn.Module):
    def forward(self, x):
        return torch.softmax(x, dim=-1).as_subclass(Lazy)
