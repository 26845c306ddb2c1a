"""Writes tests/golden/data/recurrent.json and .bin: nn.LSTM, nn.GRU and nn.RNN of PyTorch in float64, outputs and gradients.

    python3 tests/golden/recurrent.py           # needs torch >= 1.12 and numpy; generate.py runs it too

Each has two layers in both directions over a packed batch of rows of different lengths. Numbers follow from generate.py's
uniform: parameter k is BOUND * uniform(seed, k), the inputs are stream 1000, the initial states h and c 1001 and 1002. The loss
is the sum of output, h and c, each times its weights: streams 1003, 1004 and 1005. The .bin holds float32, rounded once.
"""

import json
import platform

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from generate import DATA, uniform

BATCH, TIME, INPUTS, UNITS, LAYERS, PROJECTED, BOUND = 4, 7, 5, 6, 2, 4, 0.6
LENGTHS = [7, 4, 1, 5]

CELLS = {
    "LSTM": lambda **options: nn.LSTM(INPUTS, UNITS, LAYERS, **options),
    "GRU": lambda **options: nn.GRU(INPUTS, UNITS, LAYERS, **options),
    "RNN tanh": lambda **options: nn.RNN(INPUTS, UNITS, LAYERS, nonlinearity="tanh", **options),
    "RNN relu": lambda **options: nn.RNN(INPUTS, UNITS, LAYERS, nonlinearity="relu", **options),
    "LSTM projected": lambda **options: nn.LSTM(INPUTS, UNITS, LAYERS, proj_size=PROJECTED, **options),
}


def numbers(seed, stream, shape, requires_grad=False):
    values = uniform(seed, stream, int(np.prod(shape))).reshape(shape)
    return torch.tensor(values, dtype=torch.float64, requires_grad=requires_grad)


def golden(seed, build, put):
    model = build(batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(BOUND * numbers(seed, k, p.shape))
    states = [2 * LAYERS, BATCH, UNITS]
    x = numbers(seed, 1000, [BATCH, TIME, INPUTS], True)
    h = numbers(seed, 1001, [*states[:2], model.proj_size or UNITS], True)
    c = numbers(seed, 1002, states, True)
    is_lstm = isinstance(model, nn.LSTM)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    packed_output, last = model(packed, (h, c) if is_lstm else h)
    output, _ = pad_packed_sequence(packed_output, batch_first=True, total_length=TIME)
    results = {"output": output, "h": last[0] if is_lstm else last, **({"c": last[1]} if is_lstm else {})}
    loss = sum((numbers(seed, 1003 + k, list(r.shape)) * r).sum() for k, r in enumerate(results.values()))
    loss.backward()
    inputs = {"x": x, "h": h, **({"c": c} if is_lstm else {})}
    return {
        "seed": seed,
        "keys": [key for key, _ in model.named_parameters()],
        "results": {name: put(t) for name, t in results.items()},
        "gradients": {name: put(t.grad) for name, t in [*inputs.items(), *model.named_parameters()]},
    }


def main():
    chunks = []
    at = 0

    def put(t):
        nonlocal at
        values = t.detach().numpy().astype("<f4")
        chunks.append(values.tobytes())
        at += values.size
        return {"shape": list(t.shape), "at": at - values.size}

    described = {
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "sizes": {"batch": BATCH, "time": TIME, "inputs": INPUTS, "units": UNITS, "layers": LAYERS, "projected": PROJECTED},
        "bound": BOUND,
        "lengths": LENGTHS,
        "models": {name: golden(20 + k, build, put) for k, (name, build) in enumerate(CELLS.items())},
    }
    (DATA / "recurrent.json").write_text(json.dumps(described, indent=1) + "\n")
    (DATA / "recurrent.bin").write_bytes(b"".join(chunks))


if __name__ == "__main__":
    main()
