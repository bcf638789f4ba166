"""The walk-through's Keras program as it stands there, for a number of batches.

Usage: keras_course.py BATCHES OUT.h5

Reads Fashion-MNIST from the folder ALEXNODE_DATA. A batch is 128 random images with replacement; `fit` on it makes four
updates of 32. Every 20 batches it prints a line of JSON: batch, loss and accuracy of the last `fit`, and those of
2,000 random test images. In the end it writes the weights, and a line with versions and the seconds of training.
"""

import gzip
import json
import os
import sys
import time

import h5py
import keras
import numpy
import tensorflow as tf
from keras.src.legacy.saving import legacy_h5_format

from keras_fashion import build, resized


def read(name, offset):
    with gzip.open(os.path.join(os.environ['ALEXNODE_DATA'], 'fashion-mnist', f'{name}.gz')) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=offset)


def part(prefix):
    images = read(f'{prefix}-images-idx3-ubyte', 16).reshape(-1, 28, 28)
    return images, read(f'{prefix}-labels-idx1-ubyte', 8)


def course(batches, out):
    (images, labels), (test, test_labels) = part('train'), part('t10k')
    random = numpy.random.default_rng(1)
    keras.utils.set_random_seed(1)
    model = build(0.5)
    spent = 0
    for batch in range(1, batches + 1):
        started = time.perf_counter()
        drawn = random.integers(0, len(images), 128)
        fit = model.fit(resized(images[drawn]), labels[drawn], verbose=0).history
        spent += time.perf_counter() - started
        if batch % 20 and batch != batches:
            continue
        chosen = random.integers(0, len(test), 2000)
        loss, accuracy = (0.0, 0.0)
        for start in range(0, 2000, 100):
            some = chosen[start : start + 100]
            found = model.test_on_batch(resized(test[some]), test_labels[some])
            model.reset_metrics()
            loss, accuracy = (loss + float(found[0]) / 20, accuracy + float(found[1]) / 20)
        print(
            json.dumps(
                {
                    'batch': batch,
                    'loss': fit['loss'][0],
                    'top1': fit['accuracy'][0],
                    'testLoss': loss,
                    'testTop1': accuracy,
                }
            ),
            flush=True,
        )
    with h5py.File(out, 'w') as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    versions = {'tensorflow': tf.__version__, 'keras': keras.__version__}
    print(json.dumps({'versions': versions, 'seconds': spent}), flush=True)


if __name__ == '__main__':
    course(int(sys.argv[1]), sys.argv[2])
