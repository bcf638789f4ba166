"""The walk-through's TensorFlow program, as a judge: from the same weights and batches, what does TensorFlow make?

Usage: tensorflow_mnist.py FOLDER

Reads images.npy (f32 [N, 784], 0…1), labels.npy (u8 [N]): batches of 64, one an update; and weights.npz: wc1, wc2,
wc3 [3, 3, in, out], wd1, wd2, out [in, out], bc1, bc2, bc3, bd1, bd2, bout. Writes answer.json: versions, the loss of
each update (before it), and `logits` of the first batch before the first update.
"""

import json
import os
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
os.environ['CUDA_VISIBLE_DEVICES'] = ''

import numpy
import tensorflow
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
BATCH = 64

folder = sys.argv[1]
read = lambda name: numpy.load(os.path.join(folder, name))
images, labels, given = read('images.npy'), read('labels.npy'), read('weights.npz')
w = {name: tf.Variable(given[name]) for name in given.files}

x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])


def stage(x, weight, bias):
    conv = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, weight, strides=[1, 1, 1, 1], padding='SAME'), bias))
    pool = tf.nn.max_pool(conv, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')
    return tf.nn.lrn(pool, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)


h = tf.reshape(x, [-1, 28, 28, 1])
for i in ('1', '2', '3'):
    h = stage(h, w[f'wc{i}'], w[f'bc{i}'])
h = tf.reshape(h, [-1, 4 * 4 * 256])
h = tf.nn.relu(tf.matmul(h, w['wd1']) + w['bd1'])
h = tf.nn.relu(tf.matmul(h, w['wd2']) + w['bd2'])
logits = tf.matmul(h, w['out']) + w['bout']
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y))
update = tf.train.AdamOptimizer(learning_rate=0.001).minimize(loss)

losses = []
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    first = None
    for start in range(0, len(images), BATCH):
        feed = {x: images[start : start + BATCH], y: numpy.eye(10)[labels[start : start + BATCH]]}
        if first is None:
            first = session.run(logits, feed)
        value, _ = session.run([loss, update], feed)
        losses.append(float(value))
answer = {'versions': {'tensorflow': tensorflow.__version__}, 'losses': losses, 'logits': first.tolist()}
with open(os.path.join(folder, 'answer.json'), 'w') as file:
    json.dump(answer, file)
