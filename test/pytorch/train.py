"""Trains a net on what test/parity.test.ts wrote, and writes what came of it.

Usage: train.py FOLDER. Reads FOLDER/request.safetensors: the parameters by name, `images` (u8
[N, H, W, C], in the order of training), `labels`, and the branches of the first batch as `branch/LAYER`.
Writes FOLDER/answer.safetensors: `losses`, the gradients of the first step by parameter, `farthest`: how far
those branches are from PyTorch's own, and `gpu`: whether a GPU computed.
"""

import json
import os
import sys

import numpy
import torch
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_

import safetensors
from nets import NETS, Model

folder = sys.argv[1]
tensors, metadata = safetensors.read(os.path.join(folder, 'request.safetensors'))
options = json.loads(metadata['options'])
torch.set_num_threads(options['threads'])
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
# On the GPU where the other side is on one, and PyTorch has one.
device = 'cuda' if options['gpu'] and torch.cuda.is_available() else 'cpu'


def tensor(array):
    return torch.from_numpy(array.copy()).to(device)


images = tensor(tensors.pop('images'))
labels = tensor(tensors.pop('labels').astype(numpy.int64))
given = [name for name in tensors if name.startswith('branch/')]
branches = {name.split('/')[1]: tensor(tensors.pop(name)) for name in given}
params = {name: tensor(array) for name, array in tensors.items()}
groups = []
for name, factor in options['decay'].items():
    params[name].requires_grad_()
    groups.append({'params': [params[name]], 'weight_decay': factor * options['weightDecay']})
optimizer = torch.optim.SGD(groups, lr=options['lr'], momentum=options['momentum'])
mean, std = (torch.tensor(options[key], device=device).view(1, -1, 1, 1) for key in ('mean', 'std'))
net, size, batch = NETS[options['net']], tuple(options['size']), options['batch']


def loss_of(start, model):
    x = (images[start : start + batch].permute(0, 3, 1, 2) / 255 - mean) / std
    if x.shape[2:] != size:
        x = F.interpolate(x, size, mode='bilinear', align_corners=False)
    optimizer.zero_grad()
    target, smoothing = labels[start : start + batch], options['labelSmoothing']
    loss = F.cross_entropy(net(model, x), target, label_smoothing=smoothing)
    loss.backward()
    return loss.item()


along = Model(params, branches)
loss_of(0, along)
answer = {name: params[name].grad.cpu().numpy().copy() for name in options['decay']}
losses = []
for start in range(0, len(images), batch):
    losses.append(loss_of(start, Model(params)))
    if 'clipNorm' in options:
        clip_grad_norm_([params[name] for name in options['decay']], options['clipNorm'])
    optimizer.step()
answer['losses'] = numpy.array(losses, numpy.float32)
answer['gpu'] = numpy.array([device == 'cuda'], numpy.float32)
answer['farthest'] = numpy.array([along.farthest], numpy.float32)
safetensors.write(os.path.join(folder, 'answer.safetensors'), answer)
