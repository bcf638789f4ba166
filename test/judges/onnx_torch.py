"""Nets that PyTorch writes as ONNX, for our import.

Usage: onnx_torch.py FOLDER [--whole]     writes alexnet.onnx, mixed.onnx and pooled.onnx; with --whole, too,
                                          whole.onnx: torchvision's AlexNet in its real size

Weights are drawn by a seed. Inputs are [N, 3, 224, 224] for AlexNets, and [N, 3, 21, 19] for the others.
"""

import sys

import torch
from torch import nn


def alexnet(width, classes):
    """torchvision's AlexNet: the same modules, so that parameters have the same names."""
    f = [round(n * width) for n in (64, 192, 384, 256, 256)]
    h = round(4096 * width)

    class AlexNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, f[0], 11, stride=4, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
                nn.Conv2d(f[0], f[1], 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
                nn.Conv2d(f[1], f[2], 3, padding=1), nn.ReLU(True),
                nn.Conv2d(f[2], f[3], 3, padding=1), nn.ReLU(True),
                nn.Conv2d(f[3], f[4], 3, padding=1), nn.ReLU(True), nn.MaxPool2d(3, 2))
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(
                nn.Dropout(), nn.Linear(f[4] * 36, h), nn.ReLU(True),
                nn.Dropout(), nn.Linear(h, h), nn.ReLU(True), nn.Linear(h, classes))

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    return AlexNet()


class Lrn(torch.autograd.Function):
    """ONNX's own operator, for which PyTorch's exporter writes branches (If) instead."""

    @staticmethod
    def symbolic(g, x):
        return g.op('LRN', x, size_i=5, alpha_f=.3, beta_f=.6, bias_f=1.5)

    @staticmethod
    def forward(ctx, x):
        return nn.functional.local_response_norm(x, 5, alpha=.3, beta=.6, k=1.5)


class Mixed(nn.Module):
    """Branches, norms of each kind, pooling of each kind, and a softmax at the end."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, (3, 5), stride=(1, 2), padding=(2, 1), bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.grouped = nn.Conv2d(12, 12, 3, padding=2, dilation=2, groups=3)
        self.max = nn.MaxPool2d(3, 2, padding=1)
        self.last = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.mean = nn.AvgPool2d(3, 2, padding=1)
        self.cells = nn.AvgPool2d(2, 1, count_include_pad=False)
        self.leaky = nn.LeakyReLU(.2)
        self.fc1 = nn.Linear(24, 16)
        self.fc2 = nn.Linear(16, 5, bias=False)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        y = Lrn.apply(x) + self.leaky(self.grouped(x))
        z = torch.cat([self.max(y), self.mean(y).tanh()], 1)
        z = self.cells(self.last(z)).sigmoid().mean((2, 3), keepdim=True)
        z = z.view(z.size(0), -1)
        return torch.softmax(self.fc2(torch.relu(self.fc1(z))), 1)


class Pooled(nn.Module):
    """A chain that ends in the mean of each map."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 6, 1)

    def forward(self, x):
        x = nn.functional.adaptive_avg_pool2d(self.b(self.a(x).relu()), 1)
        return x.flatten(1)


OPEN = {'dynamic_axes': {'x': {0: 'N'}, 'y': {0: 'N'}}}


def write(net, file, shape, **options):
    torch.manual_seed(7)
    for name, parameter in net.named_parameters():
        if parameter.dim() > 1:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.uniform_(parameter, -.2, .4)
    for name, buffer in net.named_buffers():
        if buffer.dtype == torch.float32:
            nn.init.uniform_(buffer, .5, 1.5)
    x = torch.zeros(2, *shape)
    torch.onnx.export(net.eval(), x, file, input_names=['x'], output_names=['y'], **options)


folder = sys.argv[1]
write(alexnet(1 / 64, 9), f'{folder}/alexnet.onnx', (3, 224, 224), opset_version=13, **OPEN)
# A fixed batch; and batch norm stays a node of its own.
keep = {'training': torch.onnx.TrainingMode.PRESERVE}
write(Mixed(), f'{folder}/mixed.onnx', (3, 21, 19), opset_version=13, **keep)
write(Pooled(), f'{folder}/pooled.onnx', (3, 21, 19), opset_version=11, **OPEN)
if '--whole' in sys.argv:
    write(alexnet(1, 1000), f'{folder}/whole.onnx', (3, 224, 224), opset_version=17, **OPEN)
