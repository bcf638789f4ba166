"""Training speed of the paper's net in PyTorch, on CPU, for bench/beside.ts to stand beside.

Usage: pytorch.py BATCH STEPS THREADS. Prints one JSON object: images_per_s is the median of STEPS after two
that do not count. SGD with momentum and weight decay, input resident, dropout on: the same work as
`alexnode bench --net alexnet --mode train`.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn

batch, steps, threads = map(int, sys.argv[1:4])
torch.set_num_threads(threads)
torch.manual_seed(1)


class TowerNorm(nn.Module):
    """LRN whose windows stop at the border of the two towers."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)

    def forward(self, x):
        return torch.cat([self.norm(half) for half in x.chunk(2, 1)], 1)


net = nn.Sequential(
    nn.Conv2d(3, 96, 11, 4), nn.ReLU(True), TowerNorm(), nn.MaxPool2d(3, 2),
    nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(True), TowerNorm(), nn.MaxPool2d(3, 2),
    nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(True),
    nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(True),
    nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
    nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(True), nn.Dropout(),
    nn.Linear(4096, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 1000),
)
optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
x = torch.randn(batch, 3, 227, 227)
y = torch.randint(0, 1000, (batch,))

times = []
for step in range(steps + 2):
    start = time.perf_counter()
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
    if step >= 2:
        times.append(time.perf_counter() - start)
print(json.dumps({'images_per_s': batch / statistics.median(times), 'torch': torch.__version__}))
