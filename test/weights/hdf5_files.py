"""Writes files of HDF5 that a reader must refuse, and one of f16, by h5py.

Usage: hdf5_files.py FOLDER     writes FOLDER/NAME.h5 and FOLDER/versions.json
"""

import json
import os
import sys

import h5py
import numpy

folder = sys.argv[1]


def made(name):
    file = h5py.File(os.path.join(folder, f'{name}.h5'), 'w')
    group = file.create_group('layers/dense/vars')
    return file, group


file, group = made('half')
group['0'] = numpy.array([[0.5, -2], [65504, 6e-8]], 'f2')
group['1'] = numpy.array([0.1, 1], 'f8')

file, group = made('loop')
group['0'] = numpy.zeros((2, 2), 'f4')
for i in range(8):
    file[f'layers/dense/up{i}'] = file['/']  # hard links to an ancestor

file, group = made('soft-loop')
group['0'] = numpy.zeros((2, 2), 'f4')
for i in range(8):
    group[f'up{i}'] = h5py.SoftLink('/layers')

file, group = made('huge')
group.create_dataset('0', (1 << 20, 1 << 20), 'f4', chunks=(1024, 1024))  # 4 TiB, none of them written

file, group = made('bomb')
group.create_dataset('0', data=numpy.zeros((1 << 12, 1 << 10), 'f4'), chunks=(1 << 10, 1 << 10), compression='gzip', compression_opts=9)

file, group = made('external')
group.create_dataset('0', (2, 2), 'f4', external=[('/etc/passwd', 0, 16)])

file, group = made('external-link')
group['0'] = h5py.ExternalLink('/etc/passwd', '/a')

file, group = made('virtual')
layout = h5py.VirtualLayout((2, 2), 'f4')
layout[:] = h5py.VirtualSource('half.h5', 'layers/dense/vars/0', (2, 2))
group.create_virtual_dataset('0', layout)

file, group = made('big-endian')
group['0'] = numpy.zeros((2, 2), '>f4')

file, group = made('deep')
for _ in range(30):
    group = group.create_group('a')

file, group = made('nested')
file['layers/functional/layers/dense/vars/0'] = numpy.zeros((2, 2), 'f4')
group['0'] = numpy.zeros((2, 2), 'f4')

with open(os.path.join(folder, 'versions.json'), 'w') as out:
    json.dump({'h5py': h5py.__version__, 'hdf5': h5py.version.hdf5_version}, out)
