"""Writes transformers.json and transformers.bin in tests/golden/data: encoder and decoder layers of PyTorch in float64.

    python3 tests/golden/transformers.py        # called by generate.py; needs torch >= 1.12 and numpy

Outputs and every gradient of a case, in the seed's direction, with d as generate.py has it. Weights and inputs follow from its hash:
parameter k in state-dict order is offset + bound * uniform(seed, k, n), the target uniform(seed, 900, n), the memory stream 901, the
seed of the gradient stream 902.
"""

import json

import numpy as np
import torch
from torch import nn

from generate import DATA, Store, uniform

DIM, HEADS, HIDDEN, BATCH, LENGTH, MEMORY = 16, 4, 24, 3, 6, 5
LENGTHS = [6, 3, 1]
MEMORY_LENGTHS = [2, 5, 4]
CASES = [
    {"name": "encoder", "kind": "encoder", "seed": 11, "normFirst": False, "activation": "relu", "padding": True, "causal": False},
    {"name": "encoder, norm first", "kind": "encoder", "seed": 12, "normFirst": True, "activation": "gelu", "padding": False, "causal": True},
    {"name": "decoder", "kind": "decoder", "seed": 13, "normFirst": False, "activation": "gelu", "padding": True, "causal": True},
    {"name": "decoder, norm first", "kind": "decoder", "seed": 14, "normFirst": True, "activation": "relu", "padding": False, "causal": True},
]


def filled(shape, seed, stream):
    return torch.from_numpy(uniform(seed, stream, int(np.prod(shape))).reshape(shape))


def build(case):
    layer = nn.TransformerEncoderLayer if case["kind"] == "encoder" else nn.TransformerDecoderLayer
    model = layer(DIM, HEADS, HIDDEN, dropout=0.0, activation=case["activation"], batch_first=True, norm_first=case["normFirst"])
    for k, (key, p) in enumerate(model.named_parameters()):
        offset, bound = (1.0, 0.25) if "norm" in key and key.endswith("weight") else (0.0, 0.5 if p.dim() > 1 else 0.25)
        with torch.no_grad():
            p.copy_(filled(p.shape, case["seed"], k) * bound + offset)
    return model


def run(case, dtype):
    model = build(case).to(dtype).train()
    x = filled((BATCH, LENGTH, DIM), case["seed"], 900).to(dtype).requires_grad_()
    memory = filled((BATCH, MEMORY, DIM), case["seed"], 901).to(dtype).requires_grad_()
    padding = torch.arange(LENGTH)[None, :] >= torch.tensor(LENGTHS)[:, None] if case["padding"] else None
    other = torch.arange(MEMORY)[None, :] >= torch.tensor(MEMORY_LENGTHS)[:, None] if case["padding"] else None
    causal = torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1) if case["causal"] else None
    if case["kind"] == "encoder":
        y = model(x, src_mask=causal, src_key_padding_mask=padding)
    else:
        y = model(x, memory, tgt_mask=causal, tgt_key_padding_mask=padding, memory_key_padding_mask=other)
    y.backward(filled(y.shape, case["seed"], 902).to(dtype))
    gradients = {key: p.grad for key, p in model.named_parameters()}
    gradients["x"] = x.grad
    if memory.grad is not None:
        gradients["memory"] = memory.grad
    return y.detach(), gradients, list(model.state_dict())


def main():
    store = Store()
    cases = []
    for case in CASES:
        y, gradients, keys = run(case, torch.float64)
        y32, gradients32, _ = run(case, torch.float32)
        cases.append(
            {
                **case,
                "keys": keys,
                "output": store.put(y, y32),
                "gradients": {key: store.put(g, gradients32[key]) for key, g in gradients.items()},
            }
        )
    sizes = {"dim": DIM, "heads": HEADS, "hidden": HIDDEN, "batch": BATCH, "length": LENGTH, "memory": MEMORY}
    described = {"torch": torch.__version__, **sizes, "lengths": LENGTHS, "memoryLengths": MEMORY_LENGTHS, "cases": cases}
    (DATA / "transformers.json").write_text(json.dumps(described, indent=1) + "\n")
    (DATA / "transformers.bin").write_bytes(b"".join(store.chunks))


if __name__ == "__main__":
    main()
