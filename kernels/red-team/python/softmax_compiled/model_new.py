import torch


@torch.compile
def softmax(x):
    shifted = (x - x.amax(dim=-1, keepdim=True)).exp()
    return shifted / shifted.sum(dim=-1, keepdim=True)


class ModelNew(torch.nn.Module):
    def forward(self, x):
        return softmax(x)
