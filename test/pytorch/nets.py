"""The nets by name, in PyTorch's own functions, over parameters by the names that alexnode gives them.

No dropout: its draws differ from library to library.

A unit that lies within rounding of a kink (zero for a ReLU, a tie for a pool) may fall to either side, and
one such unit turns a whole gradient by 1e-3. So gradients are compared along the same branches: a Model that
is given them follows them, and notes how far from its own choice they ever were, in standard deviations.
"""

import torch
import torch.nn.functional as F


class Model:
    def __init__(self, params, branches=None):
        """params: tensors by name. branches: by layer, what a ReLU kept (0 or 1), or a pool's places."""
        self.params, self.branches, self.farthest = params, branches, 0.0

    def note(self, distance, x):
        if distance.numel():
            self.farthest = max(self.farthest, float(distance.detach().abs().max() / x.detach().std()))

    def relu(self, name, x):
        if self.branches is None:
            return F.relu(x)
        kept = self.branches[name].bool()
        self.note(x[kept != (x > 0)], x)
        return x * kept

    def conv(self, name, x, **options):
        x = F.conv2d(x, self.params[f'{name}.weight'], self.params[f'{name}.bias'], **options)
        return self.relu(name, x)

    def dense(self, name, x):
        return F.linear(x, self.params[f'{name}.weight'], self.params[f'{name}.bias'])

    def pool(self, name, x):
        y = F.max_pool2d(x, 3, 2)
        if self.branches is None:
            return y
        place = self.branches[name].long()
        row = 2 * torch.arange(y.shape[2], device=x.device).view(-1, 1) + place // 3
        column = 2 * torch.arange(y.shape[3], device=x.device) + place % 3
        chosen = x.flatten(2).gather(2, (row * x.shape[3] + column).flatten(2)).view(y.shape)
        self.note(chosen - y, x)
        return chosen

    def lrn(self, x, towers=2):
        """alexnode's alpha multiplies the sum of squares, PyTorch's their mean: hence times the size."""
        halves = x.chunk(towers, 1)
        return torch.cat([F.local_response_norm(h, 5, alpha=5e-4, beta=0.75, k=2) for h in halves], 1)

    def norm(self, name, x):
        """By its formula, in double: F.batch_norm in f32 is 4e-5 off on a CPU."""
        x = x.double()
        var, mean = torch.var_mean(x, (0, 2, 3), unbiased=False, keepdim=True)
        scale, shift = (self.params[f'{name}.{part}'].view(1, -1, 1, 1) for part in ('scale', 'shift'))
        return ((x - mean) / (var + 1e-5).sqrt() * scale + shift).float()

    def head(self, x):
        x = self.relu('fc6', self.dense('fc6', x.flatten(1)))
        return self.dense('fc8', self.relu('fc7', self.dense('fc7', x)))


def alexnet(m, x):
    x = m.pool('pool1', m.lrn(m.conv('conv1', x, stride=4)))
    x = m.pool('pool2', m.lrn(m.conv('conv2', x, padding=2, groups=2)))
    x = m.conv('conv3', x, padding=1)
    x = m.conv('conv4', x, padding=1, groups=2)
    return m.head(m.pool('pool5', m.conv('conv5', x, padding=1, groups=2)))


def torchvision(m, x):
    x = m.pool('pool1', m.conv('conv1', x, stride=4, padding=2))
    x = m.pool('pool2', m.conv('conv2', x, padding=2))
    x = m.conv('conv4', m.conv('conv3', x, padding=1), padding=1)
    return m.head(m.pool('pool5', m.conv('conv5', x, padding=1)))


def fashion(m, x):
    x = m.pool('pool1', m.norm('norm1', m.conv('conv1', x, stride=4)))
    x = m.pool('pool2', m.norm('norm2', m.conv('conv2', x, padding=2)))
    x = m.conv('conv4', m.conv('conv3', x, padding=1), padding=1)
    return m.head(m.pool('pool5', m.conv('conv5', x, padding=1)))


NETS = {'alexnet': alexnet, 'torchvision': torchvision, 'fashion': fashion}
