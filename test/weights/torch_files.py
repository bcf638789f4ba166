"""Writes files of PyTorch as people have them, and what they hold as safetensors.

Usage: torch_files.py FOLDER [kept]
Writes FOLDER/NAME.pth for each case; FOLDER/expected.safetensors: the values as f32, tensor T of case NAME as 'NAME/T',
and the logits of the net of 'trained' as 'logits'; and FOLDER/versions.json. With `kept` only the cases that npm test
keeps, so that it reads files of a newer PyTorch than Debian's.
"""

import argparse
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'pytorch'))

import numpy
import safetensors
import torch
from torch import nn

folder = sys.argv[1]
kept = ['views', 'trained', 'half', 'checkpoint', 'script', 'sparse', 'model', 'none', 'legacy']
wanted = (lambda name: name in kept) if sys.argv[2:] == ['kept'] else (lambda name: True)
torch.manual_seed(1)


class AlexNet(nn.Module):
    """torchvision's alexnet (torchvision/models/alexnet.py), narrower: the same names and places."""

    def __init__(self, width=1 / 64, classes=7):
        super().__init__()
        w = lambda n: max(1, int(n * width))
        self.features = nn.Sequential(
            nn.Conv2d(3, w(64), kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(w(64), w(192), kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(w(192), w(384), kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(w(384), w(256), kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(w(256), w(256), kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(w(256) * 36, w(4096)),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(w(4096), w(4096)),
            nn.ReLU(inplace=True),
            nn.Linear(w(4096), classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


expected = {}


def keep(name, state):
    for key, value in state.items():
        if isinstance(value, torch.Tensor):
            expected[f'{name}/{key}'] = value.detach().clone().float().contiguous().numpy()


def save(name, value, state=None, write=torch.save, **options):
    if not wanted(name):
        return
    write(value, os.path.join(folder, f'{name}.pth'), **options)
    keep(name, state or {})


net = AlexNet()
state = net.state_dict()
save('alexnet', state, state)
save('half', {k: v.half() for k, v in state.items()}, {k: v.half() for k, v in state.items()})
save('bfloat16', {k: v.bfloat16() for k, v in state.items()}, {k: v.bfloat16() for k, v in state.items()})
save('double', {k: v.double() for k, v in state.items()}, {k: v.double() for k, v in state.items()})
parallel = nn.DataParallel(net).state_dict()
save('parallel', parallel, state)

# One step, so that the optimizer has a state.
# Multiples of 1/64, which f32 holds exactly; the test makes the same.
images = ((torch.arange(2 * 3 * 224 * 224) * 37 % 129 - 64) / 64).reshape(2, 3, 224, 224)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
nn.functional.cross_entropy(net(images), torch.tensor([1, 2])).backward()
optimizer.step()
save(
    'checkpoint',
    {
        'epoch': 3,
        'arch': 'alexnet',
        'state_dict': parallel,
        'best_acc1': torch.tensor(12.5),
        'optimizer': optimizer.state_dict(),
    },
    net.state_dict(),
)
save(
    'reference',
    {
        'model': net.state_dict(),
        'optimizer': optimizer.state_dict(),
        'lr_scheduler': {'last_epoch': 2, '_last_lr': [0.1]},
        'epoch': 1,
        'args': argparse.Namespace(model='alexnet', lr=0.01),
    },
    net.state_dict(),
)
net.eval()
save('trained', net.state_dict(), net.state_dict())
with torch.no_grad():
    logits = net(images)
expected['logits'] = logits.numpy()

# Views: a shared storage, strides of every order, offsets, axes of length 1, no elements, one element.
base = torch.arange(120, dtype=torch.float32)
cube = base.reshape(4, 5, 6)
views = collections.OrderedDict(
    [
        ('whole', base),
        ('part', base[7:19]),
        ('transposed', cube.permute(2, 0, 1)),
        ('channels_last', torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)),
        ('step', base[3:100:7]),
        ('column', cube[:, 2:3, 1]),
        ('diagonal', cube[:, :, 0].diagonal()),
        ('none', torch.zeros(0, 3)),
        ('one', torch.tensor(2.5)),
        ('long', torch.tensor([1, -2, 3])),
        ('int', torch.tensor([4, -5], dtype=torch.int32)),
        ('short', torch.tensor([4, -5], dtype=torch.int16)),
        ('char', torch.tensor([4, -5], dtype=torch.int8)),
        ('byte', torch.tensor([4, 250], dtype=torch.uint8)),
        ('flag', torch.tensor([True, False])),
        ('parameter', nn.Parameter(torch.tensor([1.0, 2.0]))),
        ('halves', torch.tensor([1.0, 65504.0, 6e-8, -0.0, float('inf'), float('nan')]).half()),
    ]
)
save('views', views, views)
save('protocol4', state, state, pickle_protocol=4)

# What is refused.
save('expanded', {'a': torch.ones(2).expand(1000, 2)})
save('model', nn.Sequential(nn.Linear(2, 2)))
save('legacy', {'a': torch.ones(2)}, _use_new_zipfile_serialization=False)
save('script', torch.jit.script(nn.Linear(2, 2)), write=torch.jit.save)
save('sparse', {'a': torch.ones(2).to_sparse()})
save('complex', {'a': torch.ones(2, dtype=torch.complex64)})
save('none', {'epoch': 1})
save('tensor', torch.ones(2))
save('two', {'model': state, 'state_dict': state})

safetensors.write(os.path.join(folder, 'expected.safetensors'), expected)
with open(os.path.join(folder, 'versions.json'), 'w') as file:
    json.dump({'torch': torch.__version__, 'numpy': numpy.__version__}, file)
