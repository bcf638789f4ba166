"""One of the processes of PyTorch's DistributedDataParallel (gloo) that bench/ranks.ts times beside alexnode's.

Usage: pytorch_ddp.py NET BATCH THREADS STEPS, where BATCH is that of all ranks, and RANK and WORLD_SIZE are set; one
process alone has none of them. Prints JSON: images per second of all ranks, by the median step.
"""

import json
import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

from pytorch import SHAPES, build

WARM = 3


def main(net, batch, threads, steps):
    torch.set_num_threads(int(threads))
    size = int(os.environ.get('WORLD_SIZE', '1'))
    if size > 1:
        dist.init_process_group('gloo')
    share = int(batch) // size
    model = build(net)
    if size > 1:
        model = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    x = torch.randn(share, *SHAPES[net])
    y = torch.randint(0, 1000, (share,))
    times = []
    for step in range(WARM + int(steps)):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        if step >= WARM:
            times.append(time.perf_counter() - start)
    pace = int(batch) / sorted(times)[len(times) // 2]
    print(json.dumps({'imagesPerSecond': pace, 'torch': torch.__version__}), flush=True)


main(*sys.argv[1:5])
