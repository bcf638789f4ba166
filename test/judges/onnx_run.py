"""Checks ONNX files by onnx.checker, and runs them in onnxruntime.

Usage: onnx_run.py JOBS.json

JOBS.json is a list: {"model": file, "input": file of raw numbers, "dtype": "float32" or "uint8", "shape": [N, …],
"outputs": {name: file that is written, raw float32}}. Prints a line of JSON: {"versions": …}.
"""

import json
import sys

import numpy
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(3)
with open(sys.argv[1]) as file:
    jobs = json.load(file)
for job in jobs:
    onnx.checker.check_model(job['model'], full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(job['model'], options, providers=['CPUExecutionProvider'])
    x = numpy.fromfile(job['input'], dtype=job['dtype']).reshape(job['shape'])
    [given] = session.get_inputs()
    names = list(job['outputs'])
    for name, y in zip(names, session.run(names, {given.name: x})):
        y.astype(numpy.float32).tofile(job['outputs'][name])
print(json.dumps({'versions': {'onnx': onnx.__version__, 'onnxruntime': onnxruntime.__version__}}))
