"""Writes bert.json and bert.bin in tests/golden/data: BERT in float64, written plainly, without dropout.

    python3 tests/golden/bert.py        # called by generate.py; needs torch >= 1.12 and numpy; takes a minute

Two cases. "base": the outputs of BERT-base for a sequence of 64: the pooled ones, and samples of the last hidden state. "gradients": 4
layers of 256 features under a classifier; for two sequences, one of them padded, the loss, and of every gradient its norm and samples.
Every figure has d beside it, PyTorch's own distance of float32 from float64, as generate.py has it.

Weights follow from the hash of generate.py. Parameter k in state-dict order, stream k:

    matrix [out, in]     uniform(seed, k, i) / sqrt(in)     the bound of Kaiming's for linear layers; tables of embeddings: in = features
    LayerNorm.weight     1 + uniform / 4
    any bias             uniform / 8

Tokens: hashes(seed, 1000, n) % vocabulary, with 0 behind a sequence's length; segments: 1 from the middle on; labels: row % classes.
Samples of a tensor: its elements at (hash(seed, 2000 + k, i) % size), 64 of them, in PyTorch's order.
"""

import json
import math

import numpy as np
import torch
from torch import nn

from generate import DATA, Store, hashes, significant, uniform

CASES = {
    "base": {
        "seed": 31,
        "lengths": [64],
        "length": 64,
        "config": {},
    },
    "gradients": {
        "seed": 32,
        "lengths": [16, 9],
        "length": 16,
        "config": {
            "vocab_size": 500,
            "hidden_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 1024,
            "max_position_embeddings": 24,
            "num_labels": 3,
        },
    },
}
BASE = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_labels": 0,
}
SAMPLES = 64


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden, inner = c["hidden_size"], c["intermediate_size"]
        self.heads = c["num_attention_heads"]
        self.query, self.key, self.value = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.mixed = nn.Linear(hidden, hidden)
        self.mixedNorm = nn.LayerNorm(hidden, eps=1e-12)
        self.up = nn.Linear(hidden, inner)
        self.down = nn.Linear(inner, hidden)
        self.downNorm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, hide):
        batch, length, hidden = x.shape
        split = lambda t: t.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)
        logits = split(self.query(x)) @ split(self.key(x)).transpose(2, 3) / math.sqrt(hidden // self.heads)
        weights = logits.masked_fill(hide[:, None, None, :], float("-inf")).softmax(-1)
        attended = (weights @ split(self.value(x))).transpose(1, 2).reshape(batch, length, hidden)
        x = self.mixedNorm(self.mixed(attended) + x)
        return self.downNorm(self.down(nn.functional.gelu(self.up(x))) + x)


class Bert(nn.Module):
    def __init__(self, c):
        super().__init__()
        hidden = c["hidden_size"]
        self.words = nn.Embedding(c["vocab_size"], hidden, padding_idx=0)
        self.positions = nn.Embedding(c["max_position_embeddings"], hidden)
        self.types = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.pooler = nn.Linear(hidden, hidden)
        if c["num_labels"]:
            self.classifier = nn.Linear(hidden, c["num_labels"])

    def forward(self, ids, types, hide):
        positions = self.positions(torch.arange(ids.shape[1]))
        x = self.norm(self.words(ids) + positions + self.types(types))
        for layer in self.layers:
            x = layer(x, hide)
        pooled = torch.tanh(self.pooler(x[:, 0]))
        return x, pooled, self.classifier(pooled) if hasattr(self, "classifier") else None


def published(name, prefix):
    """The name in Hugging Face's state dict."""
    for own, theirs in [
        ("words.", "embeddings.word_embeddings."),
        ("positions.", "embeddings.position_embeddings."),
        ("types.", "embeddings.token_type_embeddings."),
        ("norm.", "embeddings.LayerNorm."),
        ("pooler.", "pooler.dense."),
    ]:
        if name.startswith(own):
            return prefix + theirs + name[len(own) :]
    if not name.startswith("layers."):
        return name
    _, number, part, kind = name.split(".")
    inner = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "mixed": "attention.output.dense",
        "mixedNorm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "downNorm": "output.LayerNorm",
    }[part]
    return f"{prefix}encoder.layer.{number}.{inner}.{kind}"


def fill(model, seed):
    for k, (name, p) in enumerate(model.named_parameters()):
        u = torch.from_numpy(uniform(seed, k, p.numel()).reshape(p.shape))
        if p.dim() > 1:
            values = u / math.sqrt(p.shape[1])
        elif name.lower().endswith("norm.weight"):
            values = 1 + u / 4
        else:
            values = u / 8
        with torch.no_grad():
            p.copy_(values.float().to(p.dtype))


def places(seed, k, size):
    return torch.from_numpy((hashes(seed, 2000 + k, SAMPLES).astype(np.int64)) % size)


def run(case, config, dtype):
    seed, length, rows = case["seed"], case["length"], len(case["lengths"])
    model = Bert(config).to(dtype)
    fill(model, seed)
    lengths = torch.tensor(case["lengths"])
    hide = torch.arange(length)[None, :] >= lengths[:, None]
    ids = torch.from_numpy((hashes(seed, 1000, rows * length).astype(np.int64) % config["vocab_size"]).reshape(rows, length))
    ids[hide] = 0
    types = (torch.arange(length) >= length // 2).long().expand(rows, length)
    hidden, pooled, logits = model(ids, types, hide)
    if logits is None:
        return hidden.detach(), pooled.detach(), None, {}
    loss = nn.functional.cross_entropy(logits, torch.arange(rows) % config["num_labels"])
    loss.backward()
    return hidden.detach(), logits.detach(), loss.item(), {name: p.grad for name, p in model.named_parameters()}


def main():
    store = Store()
    described = {"torch": torch.__version__, "samples": SAMPLES}
    for name, case in CASES.items():
        config = {**BASE, **case["config"]}
        exact, single = run(case, config, torch.float64), run(case, config, torch.float32)
        hidden, out, loss, gradients = exact
        flat = torch.Tensor.flatten
        at = places(case["seed"], 0, flat(hidden).numel())
        entry = {
            "seed": case["seed"],
            "length": case["length"],
            "lengths": case["lengths"],
            "config": case["config"],
            "hidden": store.put(flat(hidden)[at], flat(single[0])[at]),
            "largestHidden": hidden.abs().max().item(),
            "output": store.put(out, single[1]),
        }
        if loss is not None:
            total = math.sqrt(sum(g.norm().item() ** 2 for g in gradients.values()))
            entry["loss"] = loss
            entry["gradientNorm"] = total
            entry["gradients"] = {}
            for k, (own, g) in enumerate(gradients.items()):
                norm, g32 = g.norm().item(), single[3][own]
                zero = norm < 1e-10 * total
                at = places(case["seed"], k, g.numel())
                scale = total if zero else norm
                entry["gradients"][published(own, "bert.")] = {
                    "norm": 0 if zero else norm,
                    "d": significant((g32.double() - g).norm().item() / scale),
                    "samples": store.put(g.flatten()[at], g32.flatten()[at], scale),
                }
        entry["keys"] = [published(own, "bert." if loss is not None else "") for own, _ in Bert(config).named_parameters()]
        described[name] = entry
    (DATA / "bert.json").write_text(json.dumps(described, indent=1) + "\n")
    (DATA / "bert.bin").write_bytes(b"".join(store.chunks))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
