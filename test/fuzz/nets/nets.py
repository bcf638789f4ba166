"""Trains drawn nets in PyTorch: exactly (f64), and as far as rounding to a dtype allows.

Usage: nets.py. Each line of stdin names a folder with request.safetensors, by test/fuzz/nets/torch.ts; the
answer is FOLDER/answer.safetensors and a line on stdout. One process serves many nets.

The second course rounds the output of every layer, and the gradient of every output, to the dtype. Its distance
from the exact one is what any implementation in this dtype may be off, for this net: the yardstick of the first.
"""

import json
import os
import sys

import numpy
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../pytorch'))
import safetensors  # noqa: E402

torch.set_num_threads(1)
DTYPES = {'f32': torch.float32, 'bf16': torch.bfloat16}


class Round(torch.autograd.Function):
    """Rounds a value, and the gradient that comes back, to a dtype."""

    @staticmethod
    def forward(ctx, x, dtype):
        ctx.dtype = dtype
        return x.to(dtype).double()

    @staticmethod
    def backward(ctx, dy):
        return dy.to(ctx.dtype).double(), None


class RoundWeight(torch.autograd.Function):
    """Rounds what a layer reads of its f32 weights; their gradient is a sum in f32."""

    @staticmethod
    def forward(ctx, x, dtype):
        return x.to(dtype).double()

    @staticmethod
    def backward(ctx, dy):
        return dy.float().double(), None


class Net:
    def __init__(self, layers, params, dtype):
        self.layers, self.params, self.dtype = layers, params, dtype
        # The least distance from a kink, where a unit may fall to either side, in deviations of its layer.
        self.nearest = float('inf')

    def round(self, x):
        return x if self.dtype is None else Round.apply(x, self.dtype)

    def weight(self, layer, name, rounded=True):
        value = self.params.get(layer['name'] + '.' + name)
        if value is None or self.dtype is None or not rounded:
            return value
        return RoundWeight.apply(value, self.dtype)

    def near(self, distance, x):
        distance = distance[distance > 0]
        scale = x.detach().pow(2).mean().sqrt()
        if distance.numel() and scale > 0:
            self.nearest = min(self.nearest, float(distance.min() / scale))

    def run(self, x, training):
        values = {'input': self.round(x)}
        for layer in self.layers:
            inputs = [values[name] for name in layer['inputs']]
            y = getattr(self, layer['kind'])(layer, inputs[0], *inputs[1:], **({'training': training} if layer['kind'] == 'batch_norm' else {}))
            values[layer['name']] = last = self.round(y)
        return last

    def conv2d(self, l, x):
        top, bottom, left, right = l['padding']
        w, b = self.weight(l, 'weight'), self.weight(l, 'bias', False)
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, w, b, stride=l['stride'], dilation=l['dilation'], groups=l['groups'])

    def dense(self, l, x):
        return F.linear(x, self.weight(l, 'weight'), self.weight(l, 'bias', False))

    def flatten(self, l, x):
        return x.flatten(1)

    def relu(self, l, x):
        self.near(x.detach().abs(), x)
        return F.relu(x)

    def leaky_relu(self, l, x):
        self.near(x.detach().abs(), x)
        return F.leaky_relu(x, l.get('slope', 0.01))

    def tanh(self, l, x):
        return torch.tanh(x)

    def sigmoid(self, l, x):
        return torch.sigmoid(x)

    def softmax(self, l, x):
        return F.softmax(x, 1)

    def add(self, l, a, b):
        return a + b

    def concat(self, l, a, b):
        return torch.cat([a, b], 1)

    def windows(self, l, x, fill):
        """x with its padding, and more of `fill` where a last window hangs over; and the padded size without that."""
        sizes, more = [], []
        for axis in (0, 1):
            before, after = l['padding'][2 * axis], l['padding'][2 * axis + 1]
            length, size, stride = x.shape[2 + axis], l['size'][axis], l['stride'][axis]
            room = length + before + after - size
            count = -(-room // stride) + 1 if l['ceil'] else room // stride + 1
            # PyTorch's rule: a last window begins inside the input or the padding before it.
            if l['ceil'] and (count - 1) * stride >= length + before:
                count -= 1
            sizes.append(length + before + after)
            more.append(max(0, (count - 1) * stride + size - sizes[-1]))
        top, bottom, left, right = l['padding']
        padded = F.pad(x, (left, right + more[1], top, bottom + more[0]), value=fill)
        # What no window reaches is left over at the end, as pooling without ceil leaves it.
        return padded, sizes

    def max_pool(self, l, x):
        padded, _ = self.windows(l, x, float('-inf'))
        y = F.max_pool2d(padded, l['size'], l['stride'])
        patches = F.unfold(padded.detach().clamp(min=-1e30), l['size'], stride=l['stride'])
        cells = l['size'][0] * l['size'][1]
        patches = patches.view(x.shape[0], x.shape[1], cells, -1)
        if cells > 1:
            best = patches.topk(2, 2).values
            self.near((best[:, :, 0] - best[:, :, 1]), x)
        return y

    def avg_pool(self, l, x):
        cells = l['size'][0] * l['size'][1]
        padded, (rows, columns) = self.windows(l, x, 0.0)
        total = F.avg_pool2d(padded, l['size'], l['stride']) * cells
        inside = torch.zeros_like(padded[:1, :1])
        if l['includePadding']:
            inside[:, :, :rows, :columns] = 1
        else:
            top, _, left, _ = l['padding']
            inside[:, :, top : top + x.shape[2], left : left + x.shape[3]] = 1
        return total / (F.avg_pool2d(inside, l['size'], l['stride']) * cells)

    def lrn(self, l, x):
        size, groups = l['size'], l['groups']
        alpha = l['alpha'] if l['alphaOf'] == 'sum' else l['alpha'] / size
        squares = x.pow(2).view(x.shape[0], groups, -1, *x.shape[2:])
        before = (size - 1) // 2
        padded = F.pad(squares, (0, 0, 0, 0, before, size - 1 - before))
        total = sum(padded[:, :, i : i + squares.shape[2]] for i in range(size)).reshape(x.shape)
        return x / (l['k'] + alpha * total).pow(l['beta'])

    def lrn_within(self, l, x):
        size = l['size']
        alpha = l['alpha'] if l['alphaOf'] == 'sum' else l['alpha'] / size**2
        before = (size - 1) // 2
        after = size - 1 - before
        padded = F.pad(x.pow(2), (before, after, before, after))
        total = F.avg_pool2d(padded, size, 1) * size**2
        return x / (l['k'] + alpha * total).pow(l['beta'])

    def batch_norm(self, l, x, training):
        view = (1, -1) + (1,) * (x.dim() - 2)
        part = {name: self.params[f"{l['name']}.{name}"] for name in ('scale', 'shift', 'running_mean', 'running_var')}
        mean, var = part['running_mean'], part['running_var']
        if training:
            axes = [i for i in range(x.dim()) if i != 1]
            var, mean = torch.var_mean(x, axes, unbiased=False)
            count = x.numel() / x.shape[1]
            with torch.no_grad():
                m = l['momentum']
                part['running_mean'].mul_(1 - m).add_(mean, alpha=m)
                part['running_var'].mul_(1 - m).add_(var * count / (count - 1), alpha=m)
        normal = (x - mean.view(view)) / (var.view(view) + l['epsilon']).sqrt()
        return normal * part['scale'].view(view) + part['shift'].view(view)


def loss_of(logits, labels, head):
    if head == 'softmax':
        return F.cross_entropy(logits, labels)
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(p.gather(1, labels.view(-1, 1)).squeeze(1) / p.sum(1)).log().mean()


class Optimizer:
    """Each by its formula, as the TSDoc of lib/optim/optimizer.ts gives it."""

    def __init__(self, options, params, decays):
        self.o, self.params, self.decays, self.steps = options, params, decays, 0
        self.state = {name: (torch.zeros_like(params[name]), torch.zeros_like(params[name])) for name in decays}

    @torch.no_grad()
    def step(self):
        o, self.steps = self.o, self.steps + 1
        lr, kind = o['lr'], o['optimizer']
        for name, factor in self.decays.items():
            w, (m, v) = self.params[name], self.state[name]
            decay = o['weightDecay'] * factor
            g = w.grad + decay * w
            if kind == 'adam':
                m.mul_(o['beta1']).add_(g, alpha=1 - o['beta1'])
                v.mul_(o['beta2']).add_(g * g, alpha=1 - o['beta2'])
                mean = m / (1 - o['beta1'] ** self.steps)
                root = (v / (1 - o['beta2'] ** self.steps)).sqrt() + o['epsilon']
                w.sub_(lr * mean / root)
            elif kind == 'paper':
                m.mul_(o['momentum']).sub_(lr * g)
                w.add_(m)
            else:
                m.mul_(o['momentum']).add_(g)
                w.sub_(lr * (g + o['momentum'] * m if kind == 'nesterov' else m))


def course(tensors, options, dtype):
    """Evaluates once, then trains: by name, what comes of it."""
    params = {name: torch.from_numpy(tensors['w/' + name].astype(numpy.float64)) for name in options['parameters']}
    images = torch.from_numpy(tensors['images'].astype(numpy.float64)).permute(0, 3, 1, 2)
    labels = torch.from_numpy(tensors['labels'].astype(numpy.int64))
    mean, std = (torch.tensor(options[key], dtype=torch.float64).view(1, -1, 1, 1) for key in ('mean', 'std'))
    x = (images / 255 - mean) / std
    net = Net(options['layers'], params, dtype)
    out = {}
    with torch.no_grad():
        logits = net.run(x, False)
        out['probabilities'] = F.softmax(logits, 1) if options['head'] == 'softmax' else torch.sigmoid(logits)
        out['evaluation'] = loss_of(logits, labels, options['head'])
    for name in options['decay']:
        params[name].requires_grad_()
    optimizer = Optimizer(options, params, options['decay'])
    losses, batch = [], options['batch']
    for start in range(0, len(images), batch):
        for name in options['decay']:
            params[name].grad = None
        loss = loss_of(net.run(x[start : start + batch], True), labels[start : start + batch], options['head'])
        loss.backward()
        if start == 0:
            for name in options['decay']:
                out['g/' + name] = params[name].grad.clone()
        losses.append(loss.detach())
        optimizer.step()
    out['losses'] = torch.stack(losses)
    for name, value in params.items():
        out['w/' + name] = value.detach()
    return out, net.nearest


for line in sys.stdin:
    folder = line.strip()
    tensors, metadata = safetensors.read(os.path.join(folder, 'request.safetensors'))
    options = json.loads(metadata['options'])
    exact, nearest = course(tensors, options, None)
    rounded, _ = course(tensors, options, DTYPES[options['dtype']])
    answer = {'nearest': numpy.array([min(nearest, 1e30)], numpy.float32)}
    for name, value in exact.items():
        answer['exact/' + name] = value.numpy().astype(numpy.float32)
        answer['off/' + name] = (rounded[name] - value).abs().numpy().astype(numpy.float32)
    safetensors.write(os.path.join(folder, 'answer.safetensors'), answer)
    print('done', flush=True)
