"""Classifies photographs as torchvision does: python torchvision_photos.py WEIGHTS PHOTOGRAPHS ANSWER DRAWN.

WEIGHTS is a safetensors file by our names, of the net torchvision. ANSWER gets, by file, a digest of the cropped
pixels and all logits; DRAWN digests of pictures that pixels are drawn for by a formula.
"""

import hashlib
import json
import os
import sys

import numpy
import torch
import torchvision
from PIL import Image
from torchvision import transforms

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../pytorch'))
import safetensors  # noqa: E402

LAYERS = {
    'conv1': 'features.0', 'conv2': 'features.3', 'conv3': 'features.6', 'conv4': 'features.8',
    'conv5': 'features.10', 'fc6': 'classifier.1', 'fc7': 'classifier.4', 'fc8': 'classifier.6',
}

# torchvision/transforms/_presets.py, ImageClassification
crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
norm = transforms.Compose([
    transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def drawn(width, height):
    """The same pixels as in torchvision.ts."""
    at = numpy.arange(width * height * 3, dtype=numpy.uint64)
    return Image.fromarray(((at * at * 7 + at * 13) % 251).astype(numpy.uint8).reshape(height, width, 3))


def main(weights, photographs, answer, sizes):
    net = torchvision.models.alexnet()
    tensors, _ = safetensors.read(weights)
    state = {}
    for name, array in tensors.items():
        layer, kind = name.split('.')
        state[f'{LAYERS[layer]}.{kind}'] = torch.from_numpy(array.copy())
    net.load_state_dict(state)
    net.eval()
    found = {}
    for name in sorted(os.listdir(photographs)):
        with Image.open(os.path.join(photographs, name)) as file:
            image = crop(file.convert('RGB'))
        with torch.no_grad():
            logits = net(norm(image)[None])[0]
        found[name] = {'pixels': digest(image), 'logits': logits.tolist()}
    pictures = []
    for width, height, rows, columns in json.loads(sizes):
        size = rows if rows == columns else (rows, columns)
        resized = transforms.Resize(size)(drawn(width, height))
        pictures.append(digest(transforms.CenterCrop((rows, columns))(resized)))
    versions = f'torchvision {torchvision.__version__}, torch {torch.__version__}, Pillow {Image.__version__}'
    with open(answer, 'w') as file:
        json.dump({'versions': versions, 'photographs': found, 'drawn': pictures}, file)


main(*sys.argv[1:])
