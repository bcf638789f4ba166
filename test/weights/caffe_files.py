"""Writes .caffemodel and .binaryproto files by Google's protobuf library, from the fields of caffe.proto that it names
below: Caffe itself is in no package registry for Python 3.

Usage: caffe_files.py FOLDER    writes FOLDER/old.caffemodel (V1 layers, old shapes), new.caffemodel (layers, new
                                shapes, f64, a transposed product, batch norm), v0.caffemodel, mean.binaryproto and
                                versions.json. Blob n of a file has the values ((i · 37 + n) mod 129 - 64) / 64.
"""

import json
import os
import sys

import google.protobuf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

folder = sys.argv[1]
F = descriptor_pb2.FieldDescriptorProto
kinds = {
    'string': F.TYPE_STRING, 'int32': F.TYPE_INT32, 'uint32': F.TYPE_UINT32, 'int64': F.TYPE_INT64,
    'float': F.TYPE_FLOAT, 'double': F.TYPE_DOUBLE, 'bool': F.TYPE_BOOL,
}
# Source: Caffe, src/caffe/proto/caffe.proto. A type with '*' is repeated, one with '+' packed, too.
messages = {
    'BlobShape': {'dim': ('int64+', 1)},
    'BlobProto': {
        'num': ('int32', 1), 'channels': ('int32', 2), 'height': ('int32', 3), 'width': ('int32', 4),
        'data': ('float+', 5), 'diff': ('float+', 6), 'shape': ('BlobShape', 7), 'double_data': ('double+', 8),
    },
    'InnerProductParameter': {'num_output': ('uint32', 1), 'transpose': ('bool', 6)},
    'ConvolutionParameter': {'num_output': ('uint32', 1), 'group': ('uint32', 5)},
    'LayerParameter': {
        'name': ('string', 1), 'type': ('string', 2), 'bottom': ('string*', 3), 'top': ('string*', 4),
        'blobs': ('BlobProto*', 7), 'convolution_param': ('ConvolutionParameter', 106),
        'inner_product_param': ('InnerProductParameter', 117),
    },
    'V0LayerParameter': {'name': ('string', 1), 'type': ('string', 2), 'blobs': ('BlobProto*', 50)},
    'V1LayerParameter': {
        'layer': ('V0LayerParameter', 1), 'bottom': ('string*', 2), 'top': ('string*', 3), 'name': ('string', 4),
        'type': ('int32', 5), 'blobs': ('BlobProto*', 6), 'blobs_lr': ('float*', 7), 'weight_decay': ('float*', 8),
        'convolution_param': ('ConvolutionParameter', 10),
    },
    'NetParameter': {
        'name': ('string', 1), 'layers': ('V1LayerParameter*', 2), 'input': ('string*', 3), 'layer': ('LayerParameter*', 100),
    },
}
file = descriptor_pb2.FileDescriptorProto(name='caffe.proto', package='caffe', syntax='proto2')
for message, fields in messages.items():
    entry = file.message_type.add(name=message)
    for name, (kind, number) in fields.items():
        field = entry.field.add(name=name, number=number)
        field.label = F.LABEL_REPEATED if kind[-1] in '*+' else F.LABEL_OPTIONAL
        bare = kind.rstrip('*+')
        if kind.endswith('+'):
            field.options.packed = True
        if bare in kinds:
            field.type = kinds[bare]
        else:
            field.type, field.type_name = F.TYPE_MESSAGE, f'.caffe.{bare}'
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
caffe = {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f'caffe.{name}')) for name in messages}


def values(shape, n):
    count = 1
    for extent in shape:
        count *= extent
    return [((i * 37 + n) % 129 - 64) / 64 for i in range(count)]


def write(name, message):
    with open(os.path.join(folder, name), 'wb') as out:
        out.write(message.SerializeToString())


# bvlc_alexnet's layers, a sixteenth as wide, for inputs of 67 × 67 and 5 classes.
shapes = {
    'conv1': (6, 3, 11, 11), 'conv2': (16, 3, 5, 5), 'conv3': (24, 16, 3, 3), 'conv4': (24, 12, 3, 3),
    'conv5': (16, 12, 3, 3), 'fc6': (256, 16), 'fc7': (256, 256), 'fc8': (5, 256),
}
net = caffe['NetParameter'](name='AlexNet')
net.layers.add(name='data', type=5, top=['data', 'label'])
n = 0
for name, shape in shapes.items():
    layer = net.layers.add(name=name, type=4 if len(shape) == 4 else 14, bottom=['x'], top=[name])
    layer.blobs_lr.extend([1, 2])
    if len(shape) == 4:
        layer.convolution_param.num_output = shape[0]
    for own in ((1,) * (4 - len(shape)) + shape, (1, 1, 1, shape[0])):
        num, channels, height, width = own
        layer.blobs.add(num=num, channels=channels, height=height, width=width, data=values(own, n))
        n += 1
    net.layers.add(name=f'relu{name}', type=18, bottom=[name], top=[name])
write('old.caffemodel', net)

net = caffe['NetParameter'](name='small')
n = 0
for name, kind, own in [
    ('conv', 'Convolution', [(2, 1, 3, 3), (2,)]),
    ('bn', 'BatchNorm', [(2,), (2,), (1,)]),
    ('product', 'InnerProduct', [(8, 4), (4,)]),
    ('out', 'InnerProduct', [(3, 4)]),
]:
    layer = net.layer.add(name=name, type=kind, bottom=['x'], top=[name])
    layer.inner_product_param.transpose = name == 'product'
    for shape in own:
        blob = layer.blobs.add()
        blob.shape.dim.extend(shape)
        (blob.double_data if name == 'out' else blob.data).extend(values(shape, n))
        n += 1
write('new.caffemodel', net)

net = caffe['NetParameter'](name='old')
net.layers.add().layer.name = 'conv1'
write('v0.caffemodel', net)

write('mean.binaryproto', caffe['BlobProto'](num=1, channels=3, height=4, width=5, data=[float(i) for i in range(60)]))
with open(os.path.join(folder, 'versions.json'), 'w') as out:
    json.dump({'protobuf': google.protobuf.__version__}, out)
