"""Writes the reference figures in tests/golden/data: small models trained by PyTorch in float64.

    python3 tests/golden/generate.py            # needs torch >= 1.12 and numpy; takes seconds

Each model gives NAME.json (figures, and where each tensor lies) and NAME.bin (little-endian float32, the float64
result rounded once). Every figure stands beside d, the distance of PyTorch's own float32 run from its float64 run,
so that a bound can be a multiple of what float32 itself loses:

    loss      d = |loss32 - loss64| / max(loss64, 0.1 * first loss64)
    tensor    d = |t32 - t64| / |t64|, Euclidean norms; for a gradient that is zero by construction |t32| / |all gradients|

Nothing random is stored: weights and batches follow from an integer hash, the same here and in formula.ts.

    mix(x)                   x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b; x ^= x >> 16   (modulo 2^32)
    hash(seed, stream, i)    mix(mix(mix(seed + 0x9e3779b9) ^ stream) + i * 0x9e3779b9)
    uniform(seed, stream, i) (hash >> 8) * 2^-23 - 1, in [-1, 1), exact in float32

    parameter k, element i   float32(offset_k + bound_k * uniform(seed, k, i))            offset and bound are in NAME.json
    batch t, label of row r  hash(seed, 1001 + 2 t, r) % classes
    batch t, float input     uniform(seed, 1000 + 2 t, r * n + j) + (1 if j % classes == label[r] else 0)
    batch t, token input     h = hash(seed, 1000 + 2 t, r * n + j), per = tokens / classes;
                             h even: (h >> 1) % tokens, h odd: label[r] * per + (h >> 1) % per

with n the elements of one row and j the index in it, in PyTorch's layout (C, H, W). Batch 0 gives the gradients, at
the initial weights; step s of a run (from 0) uses batch s + 1. Last values and labels are stored to compare formulas.
"""

import copy
import json
import platform
from pathlib import Path

import numpy as np
import torch
from torch import nn

DATA = Path(__file__).parent / "data"
GOLDEN_RATIO = np.uint32(0x9E3779B9)


def mix(x):
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def hashes(seed, stream, count):
    key = mix(mix(np.array([seed], np.uint32) + GOLDEN_RATIO) ^ np.uint32(stream))
    return mix(key + np.arange(count, dtype=np.uint32) * GOLDEN_RATIO)


def uniform(seed, stream, count):
    return (hashes(seed, stream, count) >> np.uint32(8)).astype(np.float64) * 2.0**-23 - 1.0


class Block(nn.Module):
    """Token and position embedding, a GELU feed-forward with residual and LayerNorm, the mean over time, a classifier."""

    def __init__(self, tokens, time, features, hidden, classes):
        super().__init__()
        self.embedding = nn.Embedding(tokens, features)
        self.positions = nn.Embedding(time, features)
        self.up = nn.Linear(features, hidden)
        self.act = nn.GELU(approximate="tanh")
        self.down = nn.Linear(hidden, features)
        self.norm = nn.LayerNorm(features)
        self.head = nn.Linear(features, classes)

    def forward(self, tokens):
        h = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1]))
        h = self.norm(h + self.down(self.act(self.up(h))))
        return self.head(h.mean(1))


# "scales" shrinks what a normalisation divides by, so that its epsilon shows, and keeps GELU where it bends.
SPECS = {
    "mlp": {
        "seed": 1,
        "batch": 16,
        "input": {"kind": "float", "shape": [20]},
        "classes": 10,
        "steps": 50,
        "scales": {},
        "zero": [],
        "build": lambda: nn.Sequential(
            nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)
        ),
    },
    "cnn": {
        "seed": 2,
        "batch": 8,
        "input": {"kind": "float", "shape": [3, 8, 8]},
        "classes": 10,
        "steps": 10,
        "scales": {"0.weight": 0.1, "4.weight": 0.1},
        # A constant added before a BatchNorm that uses batch statistics is subtracted again.
        "zero": ["0.bias", "4.bias"],
        "build": lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 10),
        ),
    },
    "block": {
        "seed": 3,
        "batch": 8,
        "input": {"kind": "token", "shape": [7], "tokens": 50},
        "classes": 5,
        "steps": 50,
        "scales": {"embedding.weight": 0.1, "positions.weight": 0.1, "up.weight": 8.0, "down.weight": 0.125},
        "zero": [],
        "build": lambda: Block(tokens=50, time=7, features=16, hidden=32, classes=5),
    },
}

# "halfway" is the learning rate from the middle step on, so that a frozen one shows. The second AdamW has an epsilon far
# above float32's noise: with the default one, Adam scales the noise of a gradient that is truly zero up to whole steps,
# and a bias before a BatchNorm (with it the running mean) wanders differently in every float32 run. Such tensors are
# listed as "undetermined": float32 does not say what they are.
UNDETERMINED = 1e-4
RUNS = [
    {"optimizer": "SGD", "options": {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}},
    {"optimizer": "SGD", "options": {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True}, "halfway": 0.01},
    {"optimizer": "AdamW", "options": {"lr": 1e-3}},
    {
        "optimizer": "AdamW",
        "options": {"lr": 1e-2, "betas": [0.8, 0.99], "eps": 1e-2, "weight_decay": 0.1},
        "halfway": 2e-3,
    },
]


def init_of(module, name, scale):
    """(offset, bound): Kaiming's bound for ReLU where a fan-in exists, otherwise values that make every gradient matter."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        return 0.0, scale * float(np.sqrt((6.0 if name == "weight" else 1.0) / module.weight[0].numel()))
    if isinstance(module, nn.Embedding):
        return 0.0, scale
    return (1.0, 0.25) if name == "weight" else (0.0, 0.25)


def initialise(model, seed, scales):
    """Fills the parameters by formula and returns their description, in PyTorch's order."""
    described = []
    for k, (key, parameter) in enumerate(model.named_parameters()):
        path, name = key.rsplit(".", 1)
        offset, bound = init_of(model.get_submodule(path), name, scales.get(key, 1.0))
        values = (offset + bound * uniform(seed, k, parameter.numel())).astype(np.float32)
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values.reshape(parameter.shape)))
        last = float(values[-1])
        described.append({"key": key, "shape": list(parameter.shape), "offset": offset, "bound": bound, "last": last})
    return described


def batch(spec, t):
    seed, rows, shape = spec["seed"], spec["batch"], spec["input"]["shape"]
    n = int(np.prod(shape))
    labels = (hashes(seed, 1001 + 2 * t, rows) % np.uint32(spec["classes"])).astype(np.int64)
    if spec["input"]["kind"] == "float":
        x = uniform(seed, 1000 + 2 * t, rows * n).reshape(rows, n)
        x = x + (np.arange(n)[None, :] % spec["classes"] == labels[:, None])
        assert (x == x.astype(np.float32)).all()
    else:
        tokens = spec["input"]["tokens"]
        per = tokens // spec["classes"]
        h = hashes(seed, 1000 + 2 * t, rows * n).reshape(rows, n).astype(np.int64)
        x = np.where(h % 2 == 0, (h >> 1) % tokens, labels[:, None] * per + (h >> 1) % per)
    return torch.from_numpy(x.reshape(rows, *shape)), torch.from_numpy(labels)


def probe(spec, model, dtype):
    """Outputs, loss and every gradient of batch 0 in training mode, at the initial weights."""
    model = copy.deepcopy(model).to(dtype).train()
    x, y = batch(spec, 0)
    if x.is_floating_point():
        x = x.to(dtype).requires_grad_()
    outputs = model(x)
    loss = nn.functional.cross_entropy(outputs, y)
    loss.backward()
    gradients = {key: p.grad for key, p in model.named_parameters()}
    return outputs.detach(), loss.item(), gradients, x.grad


def train(spec, model, run, dtype):
    """Losses (each before its update), the final state, and the outputs for batch 0 in evaluation mode after it."""
    model = copy.deepcopy(model).to(dtype).train()
    optimizer = getattr(torch.optim, run["optimizer"])(model.parameters(), **run["options"])
    losses = []
    for step in range(spec["steps"]):
        for at, lr in run["schedule"]:
            if at == step:
                optimizer.param_groups[0]["lr"] = lr
        x, y = batch(spec, step + 1)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.to(dtype) if x.is_floating_point() else x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    x, _ = batch(spec, 0)
    with torch.no_grad():
        evaluated = model.eval()(x.to(dtype) if x.is_floating_point() else x)
    return losses, model.state_dict(), evaluated


class Store:
    """Tensors of one model, end to end."""

    def __init__(self):
        self.chunks, self.length = [], 0

    def put(self, exact, single, norm=None):
        """Stores the float64 tensor and describes it; the offset counts elements."""
        scale = exact.norm().item() if norm is None else norm
        distance = ((single.double() - exact).norm().item()) / scale
        entry = {"shape": list(exact.shape), "at": self.length, "d": significant(distance)}
        self.chunks.append(exact.numpy().astype("<f4").tobytes())
        self.length += exact.numel()
        return entry


def significant(x):
    return float(f"{x:.3g}")


def golden(name, spec):
    model = spec["build"]()
    store = Store()
    parameters = initialise(model, spec["seed"], spec["scales"])

    outputs, loss, gradients, dx = probe(spec, model, torch.float64)
    outputs32, loss32, gradients32, dx32 = probe(spec, model, torch.float32)
    all_gradients = float(np.sqrt(sum(g.norm().item() ** 2 for g in gradients.values())))
    zero = [key for key, g in gradients.items() if g.norm().item() < 1e-12 * all_gradients]
    assert zero == spec["zero"], (name, zero)
    probed = {
        "loss": loss,
        "d": significant(abs(loss32 - loss) / loss),
        "outputs": store.put(outputs, outputs32),
        "gradients": {
            key: store.put(g, gradients32[key], all_gradients if key in zero else None) for key, g in gradients.items()
        },
        "zero": zero,
    }
    if dx is not None:
        probed["inputGradient"] = store.put(dx, dx32)

    runs = []
    for declared in RUNS:
        half = spec["steps"] // 2
        schedule = [[half, declared["halfway"]]] if "halfway" in declared else []
        run = {"optimizer": declared["optimizer"], "options": declared["options"], "schedule": schedule}
        losses, state, evaluated = train(spec, model, run, torch.float64)
        losses32, state32, evaluated32 = train(spec, model, run, torch.float32)
        tensors = {key: store.put(t, state32[key]) for key, t in state.items() if t.is_floating_point()}
        undetermined = [key for key, entry in tensors.items() if entry["d"] > UNDETERMINED]
        assert not undetermined or (spec["zero"] and "eps" not in run["options"]), (name, undetermined)
        counters = {key: t.item() for key, t in state.items() if not t.is_floating_point()}
        runs.append(
            {
                **run,
                "losses": losses,
                "d": [significant(abs(b - a) / max(a, 0.1 * losses[0])) for a, b in zip(losses, losses32)],
                "state": tensors,
                "undetermined": undetermined,
                "counters": counters,
                "evaluated": store.put(evaluated, evaluated32),
            }
        )

    x, y = batch(spec, 0)
    described = {
        "model": name,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "seed": spec["seed"],
        "batch": spec["batch"],
        "input": spec["input"],
        "classes": spec["classes"],
        "steps": spec["steps"],
        "lastInput": x.flatten()[-1].item(),
        "labels": y.tolist(),
        "keys": list(model.state_dict()),
        "parameters": parameters,
        "probe": probed,
        "runs": runs,
    }
    (DATA / f"{name}.json").write_text(json.dumps(described, indent=1) + "\n")
    (DATA / f"{name}.bin").write_bytes(b"".join(store.chunks))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    DATA.mkdir(exist_ok=True)
    for name, spec in SPECS.items():
        golden(name, spec)
    import bert
    import optimizers
    import recurrent
    import resnet
    import transformers

    bert.main()
    optimizers.main()
    recurrent.main()
    resnet.main()
    transformers.main()


if __name__ == "__main__":
    main()
