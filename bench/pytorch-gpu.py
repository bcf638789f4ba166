"""Training or inference in PyTorch on a GPU, for bench/gpu.ts to stand beside.

Usage: pytorch-gpu.py NET HOW MODE BATCH,BATCH,... STEPS [--compile-seconds N] [--small]

HOW: 'eager f32' (TF32 forbidden), 'eager tf32' (allowed), 'autocast bf16' (eager, channels_last), or the same through
torch.compile: 'compiled f32', 'compiled tf32', 'compiled bf16'. Prints a JSON object a batch: images_per_s, by the
median of STEPS timed one by one or by the mean of as many sent at once, whichever is faster; or why there is none.
Compiling is for each batch anew: one that would end after N seconds, as the longest did, is left out. Input resident,
SGD with momentum and weight decay, dropout on: the same work as `alexnode bench`. Without a GPU it
says so, but with --small it then runs on the CPU: that says nothing but that this program works.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

arguments = argparse.ArgumentParser()
for argument in ('net', 'how', 'mode', 'batches', 'steps'):
    arguments.add_argument(argument)
arguments.add_argument('--compile-seconds', type=float, default=float('inf'))
arguments.add_argument('--small', action='store_true')
given = arguments.parse_args()
name, how, mode, steps, small = given.net, given.how, given.mode, given.steps, given.small
compiles = how.startswith('compiled')
tf32 = how.endswith('tf32')
torch.backends.cuda.matmul.allow_tf32 = tf32
torch.backends.cudnn.allow_tf32 = tf32
torch.backends.cudnn.benchmark = True
torch.manual_seed(1)
gpu = torch.cuda.is_available()
device = torch.device('cuda' if gpu else 'cpu')
half = how.endswith('bf16')
part, size = (8, 67) if small else (1, 227 if name == 'alexnet' else 224)


class TowerNorm(nn.Module):
    """LRN whose windows stop at the border of the two towers; alexnode's alpha multiplies the sum, PyTorch's the mean."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)

    def forward(self, x):
        return torch.cat([self.norm(half) for half in x.chunk(2, 1)], 1)


def conv(inputs, outputs, *args, **options):
    inputs = inputs if inputs == 3 else inputs // part
    return nn.Conv2d(inputs, outputs // part, *args, **options)


def alexnet():
    features = nn.Sequential(
        conv(3, 96, 11, 4), nn.ReLU(True), TowerNorm(), nn.MaxPool2d(3, 2),
        conv(96, 256, 5, padding=2, groups=2), nn.ReLU(True), TowerNorm(), nn.MaxPool2d(3, 2),
        conv(256, 384, 3, padding=1), nn.ReLU(True),
        conv(384, 384, 3, padding=1, groups=2), nn.ReLU(True),
        conv(384, 256, 3, padding=1, groups=2), nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Flatten(),
    )
    return features, [nn.ReLU(True), nn.Dropout()], []


def torchvision():
    features = nn.Sequential(
        conv(3, 64, 11, 4, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
        conv(64, 192, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
        conv(192, 384, 3, padding=1), nn.ReLU(True),
        conv(384, 256, 3, padding=1), nn.ReLU(True),
        conv(256, 256, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(3, 2), nn.Flatten(),
    )
    return features, [nn.ReLU(True)], [nn.Dropout()]


def build():
    features, after, before = (alexnet if name == 'alexnet' else torchvision)()
    units = features(torch.zeros(1, 3, size, size)).shape[1]
    hidden = 4096 // part
    head = [*before, nn.Linear(units, hidden), *after, *before, nn.Linear(hidden, hidden), *after]
    net = nn.Sequential(features, *head, nn.Linear(hidden, 1000)).to(device)
    if half:
        net = net.to(memory_format=torch.channels_last)
    return torch.compile(net) if compiles else net


def wait():
    if gpu:
        torch.cuda.synchronize()


def measure(batch):
    net = build()
    net.train(mode == 'train')
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    x = torch.randn(batch, 3, size, size, device=device)
    if half:
        x = x.to(memory_format=torch.channels_last)
    y = torch.randint(0, 1000, (batch,), device=device)

    def step():
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            if mode == 'infer':
                with torch.no_grad():
                    net(x)
                return
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()

    times = []
    for i in range(int(steps) + 10):
        wait()
        start = time.perf_counter()
        step()
        wait()
        if i >= 10 or small:
            times.append(time.perf_counter() - start)
        if small and i > 1:
            break
    # Many at once: no step waits for the host, as ours do not.
    wait()
    start = time.perf_counter()
    many = 1 if small else int(steps)
    for _ in range(many):
        step()
    wait()
    best = min(statistics.median(times), (time.perf_counter() - start) / many)
    return {'images_per_s': batch / best, 'step_ms': 1000 * best}


begin = time.perf_counter()
longest = 0
for batch in map(int, given.batches.split(',')):
    start = time.perf_counter()
    line = {'batch': batch, 'torch': torch.__version__, 'on': torch.cuda.get_device_name() if gpu else 'cpu'}
    try:
        if not gpu and not small:
            raise RuntimeError('this PyTorch finds no GPU')
        if compiles and start - begin + longest > given.compile_seconds:
            raise TimeoutError(f'torch.compile has {given.compile_seconds:.0f} s, and takes up to {longest:.0f} s a batch')
        line.update(measure(batch))
    except Exception as error:  # Out of memory, or no compiler for torch.compile: the rest goes on.
        line['skipped'] = f'{type(error).__name__}: {str(error)[:200]}'
    longest = max(longest, time.perf_counter() - start)
    print(json.dumps(line), flush=True)
    if compiles and hasattr(torch, 'compiler'):
        torch.compiler.reset()  # Or the next batch would be compiled for any size.
    if gpu:
        torch.cuda.empty_cache()
