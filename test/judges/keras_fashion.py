"""The walk-through's Keras program, as a reference: trains from the same weights on the same batches.

Usage: keras_fashion.py make FOLDER     trains, and writes the results
       keras_fashion.py load FOLDER     reads weights that alexnode wrote, and predicts

`make` reads request.safetensors: images u8 [N, 28, 28] and labels i32 [N] (batches of 32, one an update), and test u8
[M, 28, 28]; its metadata: `rate`, and `loss`, logits or sums (see SIGMOIDS). It starts from given.h5 if that exists,
else from Keras's own initial weights. It writes initial.h5 and initial.weights.h5 (these weights, in both formats),
final.h5 and final.weights.h5 (after the updates), and answer.json: versions, the loss of each update, and predictions
for test before (`untrained`) and after (`trained`) the updates. `load` reads ours.h5 and ours.weights.h5 and writes
loaded.json: the predictions with each.
"""

import json
import os
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import keras
import numpy
import tensorflow as tf
from keras import layers
from keras.src.legacy.saving import legacy_h5_format
import h5py

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../pytorch'))
import safetensors

BATCH = 32


# With the activation 'sigmoid' Keras finds the logits, and computes their softmax cross-entropy. With a function of
# ours it finds none, and divides the sigmoids by their sum.
SIGMOIDS = {'logits': 'sigmoid', 'sums': lambda x: 1 / (1 + keras.ops.exp(-x))}


def build(dropout, loss='logits', rate=0.01):
    model = keras.Sequential(
        [
            layers.Input((224, 224, 1)),
            layers.Conv2D(96, 11, strides=4, activation='relu'),
            layers.BatchNormalization(),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2D(256, 5, padding='same', activation='relu'),
            layers.BatchNormalization(),
            layers.MaxPooling2D(3, strides=2),
            layers.Conv2D(384, 3, padding='same', activation='relu'),
            layers.Conv2D(384, 3, padding='same', activation='relu'),
            layers.Conv2D(256, 3, padding='same', activation='relu'),
            layers.MaxPooling2D(3, strides=2),
            layers.Flatten(),
            layers.Dense(4096, activation='relu'),
            layers.Dropout(dropout),
            layers.Dense(4096, activation='relu'),
            layers.Dropout(dropout),
            layers.Dense(10, activation=SIGMOIDS[loss]),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=rate),
        loss='sparse_categorical_crossentropy',
        metrics=['accuracy'],
    )
    return model


def resized(images):
    x = images[..., None].astype(numpy.float32) / 255
    return tf.image.resize_with_pad(x, 224, 224)


def save(model, folder, name):
    model.save_weights(os.path.join(folder, f'{name}.weights.h5'))
    with h5py.File(os.path.join(folder, f'{name}.h5'), 'w') as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def predictions(model, images):
    return model(resized(images), training=False).numpy().tolist()


def make(folder):
    request, about = safetensors.read(os.path.join(folder, 'request.safetensors'))
    images, labels, test = (request[name] for name in ('images', 'labels', 'test'))
    keras.utils.set_random_seed(1)
    model = build(0.0, about['loss'], float(about['rate']))
    given = os.path.join(folder, 'given.h5')
    if os.path.exists(given):
        model.load_weights(given)
    save(model, folder, 'initial')
    untrained = predictions(model, test)
    losses = []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        # The same as `fit` with one batch; the loss is that of the batch.
        model.reset_metrics()
        losses.append(float(model.train_on_batch(resized(images[part]), labels[part])[0]))
    save(model, folder, 'final')
    answer = {
        'versions': {'tensorflow': tf.__version__, 'keras': keras.__version__},
        'losses': losses,
        'untrained': untrained,
        'trained': predictions(model, test),
    }
    with open(os.path.join(folder, 'answer.json'), 'w') as file:
        json.dump(answer, file)


def load(folder):
    test = safetensors.read(os.path.join(folder, 'request.safetensors'))[0]['test']
    answer = {}
    for name in ('ours.h5', 'ours.weights.h5'):
        model = build(0.5)
        model.load_weights(os.path.join(folder, name))
        answer[name] = predictions(model, test)
    with open(os.path.join(folder, 'loaded.json'), 'w') as file:
        json.dump(answer, file)


if __name__ == '__main__':
    {'make': make, 'load': load}[sys.argv[1]](sys.argv[2])
