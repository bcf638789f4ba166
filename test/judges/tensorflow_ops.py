"""Ops of TensorFlow on odd sizes, for tests that have no TensorFlow.

Usage: tensorflow_ops.py FILE     writes FILE: versions, and cases with op, options, shape [N, H, W, C], x and y

x is a formula of the place, so that it need not be kept: (37 i mod 129 - 64) / 64 for element i.
"""

import json
import os
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import numpy
import tensorflow as tf


def formula(shape):
    i = numpy.arange(int(numpy.prod(shape)))
    return ((i * 37 % 129 - 64) / 64).astype(numpy.float32).reshape(shape)


SHAPES = [(2, 5, 7, 3), (1, 1, 3, 4), (2, 3, 3, 9), (1, 7, 7, 2), (1, 4, 5, 6)]
cases = []
for shape in SHAPES:
    x = formula(shape)
    for radius, bias, alpha, beta in [(4, 1.0, 0.001 / 9, 0.75), (2, 2.0, 0.5, 0.75), (1, 1.0, 1.0, 0.5)]:
        y = tf.nn.lrn(x, radius, bias=bias, alpha=alpha, beta=beta)
        options = {'radius': radius, 'bias': bias, 'alpha': alpha, 'beta': beta}
        cases.append({'op': 'lrn', 'shape': shape, **options, 'y': y.numpy().ravel().tolist()})
    for size, stride in [(2, 2), (3, 2), (3, 3), (2, 1), (5, 2)]:
        for op in ('max_pool', 'avg_pool'):
            run = tf.nn.max_pool2d if op == 'max_pool' else tf.nn.avg_pool2d
            y = run(x, size, stride, 'SAME')
            options = {'size': size, 'stride': stride}
            out = {'to': y.shape.as_list(), 'y': y.numpy().ravel().tolist()}
            cases.append({'op': op, 'shape': shape, **options, **out})
with open(sys.argv[1], 'w') as file:
    json.dump({'versions': {'tensorflow': tf.__version__}, 'cases': cases}, file)
