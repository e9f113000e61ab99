import torch


class ModelNew(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.out = None

    def forward(self, x):
        if self.out is None:
            self.out = torch.empty_like(x)
        return torch.softmax(x, dim=-1, out=self.out)
