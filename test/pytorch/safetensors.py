"""Reads and writes safetensors with NumPy alone: Debian has no package of it."""

import json

import numpy

DTYPES = {'F32': numpy.float32, 'I32': numpy.int32, 'U8': numpy.uint8}


def read(path):
    """Returns the tensors by name, as arrays, and the metadata."""
    with open(path, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        data = numpy.frombuffer(file.read(), numpy.uint8)
    metadata = header.pop('__metadata__', {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        dtype = DTYPES[entry['dtype']]
        tensors[name] = data[begin:end].view(dtype).reshape(entry['shape'])
    return tensors, metadata


def write(path, tensors):
    """Writes float32 arrays by name."""
    header, offset = {}, 0
    for name, array in tensors.items():
        entry = {'dtype': 'F32', 'shape': array.shape, 'data_offsets': [offset, offset + array.nbytes]}
        header[name] = entry
        offset += array.nbytes
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text)
        for array in tensors.values():
            file.write(numpy.ascontiguousarray(array, numpy.float32).data)
