"""The walk-through's TensorFlow program, as a reference: trains from the same weights on the same batches.

Usage: tensorflow_mnist.py FOLDER

Reads request.safetensors: images f32 [N, 784] (0 to 1) and labels i32 [N] (batches of 64, one an update), and the
weights by our names: convI.weight [out, in, 3, 3], fcI.weight [out, in] (fc4's inputs in the order C, H, W), biases.
Writes answer.json: versions, and the loss of each batch before its update.
"""

import json
import os
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import numpy
import tensorflow
import tensorflow.compat.v1 as tf

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../pytorch'))
import safetensors

tf.disable_eager_execution()
BATCH = 64

folder = sys.argv[1]
request, _ = safetensors.read(os.path.join(folder, 'request.safetensors'))
images, labels = request['images'], request['labels']


def variable(name):
    value = request[name]
    if value.ndim == 4:
        value = value.transpose(2, 3, 1, 0)
    elif name == 'fc4.weight':
        # TensorFlow flattens H, W, C.
        value = value.reshape(-1, 256, 4, 4).transpose(2, 3, 1, 0).reshape(4 * 4 * 256, -1)
    elif value.ndim == 2:
        value = value.T
    return tf.Variable(value)


x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])


def stage(x, weight, bias):
    conv = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, weight, strides=[1, 1, 1, 1], padding='SAME'), bias))
    pool = tf.nn.max_pool(conv, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')
    return tf.nn.lrn(pool, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)


def dense(x, name):
    return tf.matmul(x, variable(f'{name}.weight')) + variable(f'{name}.bias')


h = tf.reshape(x, [-1, 28, 28, 1])
for i in (1, 2, 3):
    h = stage(h, variable(f'conv{i}.weight'), variable(f'conv{i}.bias'))
h = tf.reshape(h, [-1, 4 * 4 * 256])
h = tf.nn.relu(dense(h, 'fc4'))
h = tf.nn.relu(dense(h, 'fc5'))
logits = dense(h, 'fc6')
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
update = tf.train.AdamOptimizer(learning_rate=0.001).minimize(loss)

losses = []
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for start in range(0, len(images), BATCH):
        feed = {x: images[start : start + BATCH], y: numpy.eye(10)[labels[start : start + BATCH]]}
        value, _ = session.run([loss, update], feed)
        losses.append(float(value))
answer = {'versions': {'tensorflow': tensorflow.__version__}, 'losses': losses}
with open(os.path.join(folder, 'answer.json'), 'w') as file:
    json.dump(answer, file)
