"""Writes resnet.json and resnet.bin in tests/golden/data: residual networks of PyTorch in float64.

    python3 tests/golden/resnet.py              # needs torch >= 1.12 and numpy; takes a minute and 3 GB

State-dict keys with shapes as torchvision has them, for ResNet-18 and 50 in full and for the others as the SHA-256 of their
lines; and of ResNet-50 the logits of one image of 224x224, and the gradients of a cross-entropy, in evaluation mode (batch 2,
64x64) and in training mode (batch 8, 64x64). Weights and images follow from generate.py's hash, stream k for entry k of the state
dict: see fill. A gradient keeps, as float32,

    norm           of the whole tensor
    4 projections  sums of its elements times the signs that bits 0 to 3 of hash(seed, 4000 + stream, i) give (0 is plus): the mean
                   square of the projections of a difference is an unbiased estimate of its squared norm
    16 samples     the elements hash(seed, 5000 + stream, j) % size

of the gradient in PyTorch's layout.
"""

import hashlib
import json

import numpy as np
import torch
from torch import nn

from generate import DATA, hashes, uniform

SEED = 50
SAMPLES, PROJECTIONS = 16, 4
DEPTHS = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, planes, stride, bottleneck):
        super().__init__()
        outputs = planes * (4 if bottleneck else 1)
        sizes = [1, 3, 1] if bottleneck else [3, 3]
        widths = [inputs, planes, planes, outputs] if bottleneck else [inputs, planes, planes]
        # The first 3x3 convolution has the stride.
        strides = [1, stride, 1] if bottleneck else [stride, 1]
        self.count = len(sizes)
        for i, size in enumerate(sizes):
            setattr(self, f"conv{i + 1}", conv(widths[i], widths[i + 1], size, strides[i]))
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(widths[i + 1]))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = x
        for i in range(1, self.count + 1):
            h = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(h))
            if i < self.count:
                h = torch.relu(h)
        return torch.relu(h + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        bottleneck = depth >= 50
        self.conv1 = conv(3, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for k, blocks in enumerate(DEPTHS[depth]):
            stage = []
            for b in range(blocks):
                stage.append(Block(inputs, 64 << k, 2 if k > 0 and b == 0 else 1, bottleneck))
                inputs = (64 << k) * (4 if bottleneck else 1)
            setattr(self, f"layer{k + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, 1000)

    def forward(self, x):
        h = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for k in range(1, 5):
            h = getattr(self, f"layer{k}")(h)
        return self.fc(h.mean((2, 3)))


def range_of(key, shape):
    """
    (offset, bound) of an entry: weights within Kaiming's bound, the last norm of each branch at 0.2 to keep sums small, biases of norms
    such that few values come near a ReLU's bend, where rounding alone decides whether a gradient passes.
    """
    if len(shape) > 1:
        return 0.0, float(np.sqrt(6.0 / np.prod(shape[1:])))
    if key.endswith("bn3.weight"):
        return 0.2, 0.0
    if key.endswith("bn3.bias"):
        return 0.5, 0.1
    if key.endswith("weight") or key.endswith("running_var"):
        return 1.0, 0.25
    return (0.0, 0.1) if key == "fc.bias" or key.endswith("running_mean") else (2.5, 0.5)


def fill(model):
    for stream, (key, entry) in enumerate(model.state_dict().items()):
        if not entry.is_floating_point():
            continue
        offset, bound = range_of(key, entry.shape)
        values = (offset + bound * uniform(SEED, stream, entry.numel())).astype(np.float32)
        entry.copy_(torch.from_numpy(values.reshape(entry.shape)))
    return model


def images(count, size, stream):
    """Noise in [-1, 1), [count, 3, size, size]."""
    noise = uniform(SEED, stream, count * 3 * size * size).reshape(count, 3, size, size)
    return torch.from_numpy(noise.astype(np.float32)).double()


def lines(model):
    return [f"{key} {'x'.join(map(str, entry.shape))}" for key, entry in model.state_dict().items()]


def figures(gradient, stream):
    flat = gradient.flatten().numpy()
    n = flat.size
    bits = hashes(SEED, 4000 + stream, n)
    signs = [np.where((bits >> np.uint32(j)) & np.uint32(1), -1.0, 1.0) for j in range(PROJECTIONS)]
    samples = flat[hashes(SEED, 5000 + stream, SAMPLES) % np.uint32(n)]
    return np.concatenate([[np.linalg.norm(flat)], [flat @ s for s in signs], samples])


def gradients(model, mode, count, stream):
    model.zero_grad()
    model.train(mode == "train")
    x, y = images(count, 64, stream), torch.arange(count) * 97 % 1000
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    streams = {key: k for k, key in enumerate(model.state_dict())}
    rows = [figures(p.grad, streams[key]) for key, p in model.named_parameters()]
    return {"batch": count, "stream": stream, "loss": loss.item(), "at": None}, np.stack(rows)


def main():
    torch.set_num_threads(1)
    model = fill(ResNet(50)).double()
    model.eval()
    with torch.no_grad():
        logits = model(images(1, 224, 9000))[0].numpy()
    # Of 40 batches, those whose values stay farthest from the bends of ReLU: 10 and 9 times float32's error in them.
    evaluated, rows = gradients(model, "eval", 2, 9121)
    trained, more = gradients(model, "train", 8, 9110)
    parts = {"logits": logits, "eval": rows, "train": more}
    at = 0
    for name, part in parts.items():
        parts[name] = (at, part)
        at += part.size
    described = {
        "torch": torch.__version__,
        "seed": SEED,
        "samples": SAMPLES,
        "projections": PROJECTIONS,
        "logits": {"stream": 9000, "at": parts["logits"][0]},
        "eval": {**evaluated, "at": parts["eval"][0]},
        "train": {**trained, "at": parts["train"][0]},
        "state": {str(depth): lines(ResNet(depth)) for depth in (18, 50)},
        "sha256": {
            str(depth): hashlib.sha256("\n".join(lines(ResNet(depth))).encode()).hexdigest() for depth in DEPTHS
        },
    }
    (DATA / "resnet.json").write_text(json.dumps(described, indent=1) + "\n")
    (DATA / "resnet.bin").write_bytes(b"".join(part.astype("<f4").tobytes() for _, part in parts.values()))


if __name__ == "__main__":
    main()
