"""Reads event files by TensorBoard's own reader: FOLDER ANSWER.json"""
import json
import sys

import tensorboard
from google.protobuf import json_format
from tensorboard.backend.event_processing import plugin_event_accumulator as reader
from tensorboard.compat.proto import graph_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

folder, answer = sys.argv[1:]
events = reader.EventAccumulator(folder, tensor_size_guidance={"scalars": 0, "histograms": 0}, size_guidance={reader.TENSORS: 0})
events.Reload()

found = {"versions": {"tensorboard": tensorboard.__version__}, "tags": {}}
for tag in events.Tags()[reader.TENSORS]:
    metadata = events.SummaryMetadata(tag)
    plugin = metadata.plugin_data.plugin_name
    list_ = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
    of = {"plugin": plugin, "steps": [step for step, _ in list_]}
    if plugin == "scalars":
        of["values"] = [float(value) for _, value in list_]
    elif plugin == "histograms":
        of["buckets"] = [value.tolist() for _, value in list_]
    elif plugin == "images":
        of["sizes"] = [[int(value[0]), int(value[1]), len(value) - 2] for _, value in list_]
        of["png"] = all(image[:4] == b"\x89PNG" for _, value in list_ for image in value[2:])
    elif plugin == "text":
        of["texts"] = [value.item().decode() for _, value in list_]
    elif plugin == "hparams":
        of["content"] = json_format.MessageToDict(plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content))
    found["tags"][tag] = of

graph = graph_pb2.GraphDef.FromString(events.Graph().SerializeToString())
found["graph"] = [
    {
        "name": node.name,
        "op": node.op,
        "inputs": list(node.input),
        "output": [dim.size for shape in node.attr["_output_shapes"].list.shape for dim in shape.dim],
        "options": sorted(key for key in node.attr if not key.startswith("_")),
    }
    for node in graph.node
]
with open(answer, "w") as file:
    json.dump(found, file, sort_keys=True)
