"""A net in PyTorch on a CPU, timed as often as bench/contender.ts asks: the same work as alexnode's.

Usage: pytorch.py NET MODE DTYPE BATCH THREADS, or pytorch.py --onnx NET BATCH FILE, which writes the net for
onnxruntime. Speaks JSON, a line each: {"ready": …} when warm, then for each {"seconds": s} read the steps that
it takes as {"ms": […]}, and {"end": …} when the input ends.

Training is SGD with momentum and weight decay (fashion: plain), input resident, dropout on; bf16 is autocast, so
weights are kept in f32. Inference in bf16 has all in bf16. Of the memory formats (NCHW and channels_last) the
faster one is taken, tried on at most 32 images.
"""

import copy
import json
import os
import re
import resource
import sys
import time

import torch
from torch import nn


class Lrn(torch.autograd.Function):
    """For ONNX, whose own operator PyTorch's exporter does not write."""

    @staticmethod
    def symbolic(g, x):
        return g.op('LRN', x, size_i=5, alpha_f=5e-4, beta_f=0.75, bias_f=2.0)

    @staticmethod
    def forward(ctx, x):
        return nn.functional.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2)


class TowerNorm(nn.Module):
    """LRN whose windows stop at the border of the two towers."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)

    def forward(self, x):
        norm = Lrn.apply if torch.onnx.is_in_onnx_export() else self.norm
        return torch.cat([norm(half) for half in x.chunk(2, 1)], 1)


def pool():
    return nn.MaxPool2d(3, 2)


def head(size, classes, dropout_first):
    dense = [nn.Linear(size, 4096), nn.ReLU(True), nn.Linear(4096, 4096), nn.ReLU(True)]
    if dropout_first:
        dense = [nn.Dropout(), dense[0], dense[1], nn.Dropout(), dense[2], dense[3]]
    else:
        dense = [dense[0], dense[1], nn.Dropout(), dense[2], dense[3], nn.Dropout()]
    return [nn.Flatten(), *dense, nn.Linear(4096, classes)]


def tail(channels, filters, groups=(1, 1, 1)):
    layers = []
    for count, group in zip(filters, groups):
        layers += [nn.Conv2d(channels, count, 3, padding=1, groups=group), nn.ReLU(True)]
        channels = count
    return [*layers, pool()]


def alexnet():
    return [
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(True), TowerNorm(), pool()),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(True), TowerNorm(), pool()),
        *tail(256, (384, 384, 256), (1, 2, 2)),
        *head(9216, 1000, False),
    ]


def torchvision():
    return [
        *(nn.Conv2d(3, 64, 11, 4, padding=2), nn.ReLU(True), pool()),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(True), pool()),
        *tail(192, (384, 256, 256)),
        *head(9216, 1000, True),
    ]


def fashion():
    return [
        *(nn.Conv2d(1, 96, 11, 4), nn.ReLU(True), nn.BatchNorm2d(96), pool()),
        *(nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(True), nn.BatchNorm2d(256), pool()),
        *tail(256, (384, 384, 256)),
        *head(6400, 10, False),
    ]


SHAPES = {'alexnet': (3, 227, 227), 'torchvision': (3, 224, 224), 'fashion': (1, 224, 224)}
NETS = {'alexnet': alexnet, 'torchvision': torchvision, 'fashion': fashion}


def build(net):
    torch.manual_seed(1)
    return nn.Sequential(*NETS[net]())


def inferring(model, x, cast=False):
    @torch.inference_mode()
    def infer():
        with torch.autocast('cpu', torch.bfloat16, enabled=cast):
            model(x)

    return infer


def halved(model, x):
    """All in bf16; or by autocast where PyTorch lacks that of an op, as of LRN."""
    infer = inferring(copy.deepcopy(model).to(torch.bfloat16), x.to(torch.bfloat16))
    try:
        infer()
        return infer
    except RuntimeError:
        return inferring(model, x, cast=True)


def stepper(net, mode, dtype, batch, form):
    """A function that makes one step, in one of the memory formats."""
    model = build(net).to(memory_format=form)
    x = torch.randn(batch, *SHAPES[net]).to(memory_format=form)
    if mode == 'infer':
        model = model.eval()
        return halved(model, x) if dtype == 'bf16' else inferring(model, x)
    plain = net == 'fashion'
    how = dict(lr=0.01) if plain else dict(lr=1e-4, momentum=0.9, weight_decay=5e-4)
    optimizer = torch.optim.SGD(model.parameters(), **how)
    y = torch.randint(0, 10 if plain else 1000, (batch,))

    def train():
        optimizer.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype == 'bf16'):
            loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()

    return train


def milliseconds(step):
    start = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - start)


def blas():
    """What multiplies matrices: a reference BLAS takes forty times as long as OpenBLAS."""
    with open('/proc/self/maps') as maps:
        files = {os.path.realpath(line.split()[-1]) for line in maps if re.search(r'lib\w*blas', line)}
    return ', '.join(sorted(os.path.basename(file) for file in files))


def say(**line):
    print(json.dumps(line), flush=True)


def main(net, mode, dtype, batch, threads):
    batch = int(batch)
    torch.set_num_threads(int(threads))
    tried = {}
    for form in torch.contiguous_format, torch.channels_last:
        step = stepper(net, mode, dtype, min(batch, 32), form)
        step()
        tried[form] = min(milliseconds(step) for _ in range(2))
    best = min(tried, key=tried.get)
    step = stepper(net, mode, dtype, batch, best)
    step()
    tell = {str(form): ms for form, ms in tried.items()}
    say(ready={'torch': torch.__version__, 'memory_format': str(best), 'tried_ms': tell, 'blas': blas()})
    for line in sys.stdin:
        seconds = json.loads(line)['seconds']
        start, ms = time.perf_counter(), []
        # The step that would not be over in time is not begun.
        while not ms or time.perf_counter() - start + ms[-1] / 1000 < seconds:
            ms.append(milliseconds(step))
        say(ms=ms)
    say(end={'peak_rss_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def export(net, batch, file):
    x = torch.randn(int(batch), *SHAPES[net])
    torch.onnx.export(build(net).eval(), x, file, opset_version=13)


if __name__ == '__main__':
    if sys.argv[1] == '--onnx':
        export(*sys.argv[2:5])
    else:
        main(*sys.argv[1:6])
