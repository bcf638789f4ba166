"""Speed of PyTorch's DataLoader on a folder of JPEG files, for bench/loader.ts to stand beside.

Usage: pytorch-loader.py FOLDER BATCH BATCHES SIZE WORKERS. FOLDER holds a folder of JPEG files for each class.
Prints one JSON object: images_per_s from the first batch to the last, which torchvision decodes (by PIL), crops,
mirrors, and normalises in WORKERS processes; the batches before the first fill the queues.
"""

import json
import sys
import time

import torch
import torchvision
from torchvision import transforms

folder, (batch, batches, size, workers) = sys.argv[1], map(int, sys.argv[2:6])
torch.set_num_threads(1)
images = torchvision.datasets.ImageFolder(folder, transforms.Compose([
    transforms.RandomCrop(size),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
]))
warm = 2 * workers
total = (batches + warm) * batch
order = torch.utils.data.RandomSampler(images, replacement=True, num_samples=total)
loader = torch.utils.data.DataLoader(
    images, batch, sampler=order, num_workers=workers, drop_last=True, prefetch_factor=2
)
start = 0
for i, (x, y) in enumerate(loader):
    if i == warm - 1:
        start = time.perf_counter()
    assert x.shape == (batch, 3, size, size) and y.shape == (batch,)
print(json.dumps({
    'images_per_s': batches * batch / (time.perf_counter() - start),
    'torch': torch.__version__,
    'torchvision': torchvision.__version__,
}))
