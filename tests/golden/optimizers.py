"""Writes tests/golden/data/optim.json: losses of the MLP of generate.py under each optimizer, schedule, clipping and accumulation.

    python3 tests/golden/optimizers.py          # needs torch >= 1.12 and numpy; generate.py runs it too

Each run takes 50 fresh batches. Its losses are PyTorch's in float64, each beside d as in generate.py; "rates" is the learning
rate of each batch's update. Lion, which PyTorch lacks, is written out below.
"""

import copy
import json
import platform

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler

from generate import DATA, SPECS, batch, initialise, significant

STEPS = 50


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                direction = torch.sign(b1 * m + (1 - b1) * p.grad)
                p.sub_(group["lr"] * (direction + group["weight_decay"] * p))
                m.copy_(b2 * m + (1 - b2) * p.grad)


SGD = {"optimizer": "SGD", "options": {"lr": 0.05, "momentum": 0.9}}
ADAMW = {"optimizer": "AdamW", "options": {"lr": 1e-2, "weight_decay": 0.1}}

# "decayMatrices" gives the weight decay to parameters of two axes alone. "clipNorm" and "clipValue" act on the gradients of each
# update; "every" batches make one, with the mean of their gradients.
RUNS = {
    "Adam": {"optimizer": "Adam", "options": {"lr": 3e-3, "weight_decay": 0.01}},
    "AdamW": ADAMW,
    "Nesterov": {"optimizer": "SGD", "options": {"lr": 0.03, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}},
    "RMSprop": {"optimizer": "RMSprop", "options": {"lr": 1e-3}},
    "RMSprop with all options": {
        "optimizer": "RMSprop",
        "options": {"lr": 1e-3, "alpha": 0.9, "eps": 1e-3, "momentum": 0.9, "weight_decay": 0.05, "centered": True},
    },
    "Adagrad": {"optimizer": "Adagrad", "options": {"lr": 0.03}},
    "Adagrad with all options": {
        "optimizer": "Adagrad",
        "options": {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.05, "initial_accumulator_value": 0.1, "eps": 1e-6},
    },
    "Lion": {"optimizer": "Lion", "options": {"lr": 1e-3}},
    "Lion with all options": {"optimizer": "Lion", "options": {"lr": 2e-3, "betas": [0.8, 0.95], "weight_decay": 0.5}},
    "stepLR": {**SGD, "schedule": "step"},
    "exponentialLR": {**SGD, "schedule": "exponential"},
    "cosineAnnealingLR": {**SGD, "schedule": "cosine"},
    "warm-up, then cosine": {**ADAMW, "schedule": "warmup"},
    "oneCycleLR": {**SGD, "schedule": "oneCycle"},
    "ReduceLROnPlateau": {**SGD, "schedule": "plateau"},
    "decay of matrices": {**ADAMW, "decayMatrices": True},
    "clipped norm": {**SGD, "clipNorm": 0.5},
    "clipped values": {**ADAMW, "clipValue": 0.01},
    "accumulation": {**ADAMW, "every": 5},
    "accumulation of pairs": {**SGD, "every": 2},
    "accumulation, clipped norm and schedule": {**ADAMW, "every": 5, "clipNorm": 0.5, "schedule": "step"},
}


def scheduler_of(name, optimizer):
    if name == "step":
        return lr_scheduler.StepLR(optimizer, 4, gamma=0.7)
    if name == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, 0.95)
    if name == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=1e-3)
    if name == "warmup":
        first = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=10)
        then = lr_scheduler.CosineAnnealingLR(optimizer, STEPS - 10)
        return lr_scheduler.SequentialLR(optimizer, [first, then], milestones=[10])
    if name == "oneCycle":
        return lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=STEPS + 1, cycle_momentum=False)
    if name == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, cooldown=3, threshold=0.01)
    return None


def train(model, run, dtype):
    model = copy.deepcopy(model).to(dtype).train()
    params = list(model.parameters())
    if run.get("decayMatrices"):
        rest = [p for p in params if p.dim() < 2]
        params = [{"params": [p for p in params if p.dim() >= 2]}, {"params": rest, "weight_decay": 0.0}]
    kind = Lion if run["optimizer"] == "Lion" else getattr(torch.optim, run["optimizer"])
    optimizer = kind(params, **run["options"])
    scheduler = scheduler_of(run.get("schedule"), optimizer)
    every = run.get("every", 1)
    losses, rates = [], []
    for step in range(STEPS):
        x, y = batch(SPECS["mlp"], step + 1)
        loss = nn.functional.cross_entropy(model(x.to(dtype)), y)
        (loss / every).backward()
        losses.append(loss.item())
        rates.append(optimizer.param_groups[0]["lr"])
        if (step + 1) % every != 0:
            continue
        if "clipValue" in run:
            nn.utils.clip_grad_value_(model.parameters(), run["clipValue"])
        if "clipNorm" in run:
            nn.utils.clip_grad_norm_(model.parameters(), run["clipNorm"])
        optimizer.step()
        optimizer.zero_grad()
        if run.get("schedule") == "plateau":
            scheduler.step(loss.item())
        elif scheduler is not None:
            scheduler.step()
    return losses, rates


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = SPECS["mlp"]["build"]()
    initialise(model, SPECS["mlp"]["seed"], SPECS["mlp"]["scales"])
    runs = []
    for name, run in RUNS.items():
        losses, rates = train(model, run, torch.float64)
        losses32, rates32 = train(model, run, torch.float32)
        assert np.allclose(rates, rates32, rtol=1e-12), name
        d = [significant(abs(b - a) / max(a, 0.1 * losses[0])) for a, b in zip(losses, losses32)]
        runs.append({"name": name, **run, "losses": losses, "d": d, "rates": rates})
        print(f"{name}: {losses[0]:.3f} to {losses[-1]:.3f}, d at most {max(d)}, {len(set(rates))} rates")
    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    (DATA / "optim.json").write_text(json.dumps({"versions": versions, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
