"""Saves a small Keras model with every kind of layer that has weights, for tests that run without Keras.

Usage: keras_small.py FOLDER     writes FOLDER/keras-small.h5, .weights.h5, .keras, -whole.h5 (model and optimizer)
                                 and .json (versions, images, predictions)
       keras_small.py load FILE  prints the predictions with the weights of FILE, for the same images
"""

import json
import os
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import h5py
import keras
import numpy
import tensorflow
from keras import layers
from keras.src.legacy.saving import legacy_h5_format


def build():
    return keras.Sequential(
        [
            layers.Input((9, 7, 2)),
            layers.Conv2D(3, (3, 2), strides=(2, 1), activation='relu'),
            layers.BatchNormalization(),
            layers.Conv2D(4, 2, padding='same', activation='tanh'),
            layers.Flatten(),
            layers.Dense(5, activation='relu'),
            layers.Dense(3, activation='sigmoid'),
        ]
    )


def images():
    # [N, H, W, C]; multiples of 1/64, which f32 holds exactly.
    n = numpy.arange(4 * 9 * 7 * 2)
    return ((n * 37 % 129 - 64) / 64).astype(numpy.float32).reshape(4, 9, 7, 2)


def predictions(model):
    return model(images(), training=False).numpy().tolist()


if sys.argv[1] == 'load':
    model = build()
    model.load_weights(sys.argv[2])
    print(json.dumps(predictions(model)))
else:
    folder = sys.argv[1]
    keras.utils.set_random_seed(3)
    model = build()
    # One update, so that biases and running statistics are not their initial values.
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss='mse')
    model.train_on_batch(images(), numpy.eye(3)[[0, 1, 2, 0]])
    model.save_weights(os.path.join(folder, 'keras-small.weights.h5'))
    model.save(os.path.join(folder, 'keras-small.keras'))
    model.save(os.path.join(folder, 'keras-small-whole.h5'))
    with h5py.File(os.path.join(folder, 'keras-small.h5'), 'w') as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    answer = {
        'versions': {'keras': keras.__version__, 'tensorflow': tensorflow.__version__},
        'images': images().ravel().tolist(),
        'predictions': predictions(model),
    }
    with open(os.path.join(folder, 'keras-small.json'), 'w') as file:
        json.dump(answer, file)
