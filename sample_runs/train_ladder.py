"""Train the sample ladder: an N x D grid of byte-level GPTs on the CPython standard library.

Each width is trained by another real trainer, so that the grid also yields real logs of four kinds:

  width 16          a plain PyTorch loop printing in nanoGPT's style   pyloop/<run>/train.log
  width 32          transformers.Trainer                               hf/<run>/trainer_state.json, config.json
  width 64          Lightning, CSV and TensorBoard loggers             lightning/<run>/metrics.csv, events.out...
  width 96 and up   a plain loop logging to W&B offline                wandb/<run>/.../run-*.wandb, log.jsonl

Model, data order, optimiser and schedule are the same in all. D counts unique training bytes (one byte is one
token); a run sees its D bytes for up to 16 epochs within TOKENS_MAX tokens, and the loss that counts is the best
validation loss, as in Kaplan et al. 2020, section 4. N counts non-embedding parameters: 12 n_layer n_embd^2.

usage: python train_ladder.py OUT WIDTH D_TOKENS [SEED [LR_FACTOR]]

One run a call. SEED 1337 made the grid, others its repeats; an LR_FACTOR of 30 makes a run that goes wrong for
real. Needs torch, transformers, accelerate, lightning, tensorboard and wandb.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

CONTEXT, BATCH, LAYERS, VOCAB, HEAD = 128, 32, 2, 128, 16
TOKENS_MAX, EPOCHS_MAX, EVAL_BATCHES = 6_400_000, 16, 16
WARMUP, FINAL_LR = 50, 0.1
PEAK_LR = {16: 1e-2, 32: 6e-3, 64: 4e-3, 96: 3e-3, 128: 2.5e-3, 192: 2e-3}


def corpus() -> tuple[np.ndarray, np.ndarray]:
    """The interpreter's standard library as ASCII bytes in a fixed shuffled file order: (train, validation)."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(f for f in root.rglob("*.py") if "site-packages" not in f.parts)
    random.Random(0).shuffle(files)
    raw = np.frombuffer(b"\n".join(f.read_bytes() for f in files), dtype=np.uint8)
    data = np.where(raw < VOCAB, raw, ord("?")).astype(np.int64)
    return data[:-1_000_000], data[-1_000_000:]


class Windows(Dataset):
    """A fixed sequence of (input, target) windows: epoch after epoch over the first bytes, random phase and order."""

    def __init__(self, data: np.ndarray, d_tokens: int, n_windows: int, seed: int = 0) -> None:
        self.data = torch.from_numpy(data[: d_tokens + 1].copy())
        rng = np.random.default_rng(seed)
        starts: list[np.ndarray] = []
        while sum(map(len, starts)) < n_windows:
            phase = rng.integers(0, CONTEXT)
            starts.append(rng.permutation(np.arange(phase, d_tokens - CONTEXT, CONTEXT)))
        self.starts = np.concatenate(starts)[:n_windows]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        s = int(self.starts[i])
        return {"input_ids": self.data[s : s + CONTEXT], "labels": self.data[s + 1 : s + CONTEXT + 1]}


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)
        self.heads = d // HEAD

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, HEAD).transpose(1, 2) for y in self.qkv(self.ln1(x)).chunk(3, -1))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(attended.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class GPT(nn.Module):
    """A GPT with learned positions and an untied head."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, d), nn.Embedding(CONTEXT, d)
        self.blocks, self.ln = nn.Sequential(*(Block(d) for _ in range(LAYERS))), nn.LayerNorm(d)
        self.head = nn.Linear(d, VOCAB, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                into_stream = name.endswith(("proj.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * LAYERS) if into_stream else 1))

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None, **_: Any) -> dict[str, Any]:
        h = self.head(self.ln(self.blocks(self.tok(input_ids) + self.pos.weight[: input_ids.shape[1]])))
        loss = F.cross_entropy(h.flatten(0, 1), labels.flatten()) if labels is not None else None
        return {"loss": loss, "logits": h}


@dataclass(frozen=True)
class Plan:
    """One run: what is trained, on how much, for how long."""

    out: Path
    width: int
    d_tokens: int
    seed: int
    lr_factor: float

    @property
    def steps(self) -> int:
        return min(TOKENS_MAX, EPOCHS_MAX * self.d_tokens) // (BATCH * CONTEXT)

    @property
    def peak_lr(self) -> float:
        return PEAK_LR[self.width] * self.lr_factor

    @property
    def log_every(self) -> int:
        return max(1, self.steps // 200)

    @property
    def eval_every(self) -> int:
        return max(1, self.steps // 30)

    @property
    def n_params(self) -> int:
        return 12 * LAYERS * self.width**2

    @property
    def name(self) -> str:
        seed = f"-s{self.seed}" if self.seed != 1337 else ""
        factor = f"-lr{self.lr_factor:g}x" if self.lr_factor != 1 else ""
        return f"d{self.width}-D{self.d_tokens / 1e6:g}M{seed}{factor}"

    @property
    def meta(self) -> dict[str, Any]:
        """What the trainers write into their configuration."""
        return {
            "n_layer": LAYERS, "n_head": self.width // HEAD, "n_embd": self.width, "block_size": CONTEXT,
            "vocab_size": VOCAB, "batch_size": BATCH, "non_embedding_params": self.n_params,
            "dataset_tokens": self.d_tokens, "max_iters": self.steps, "learning_rate": self.peak_lr,
            "lr_schedule": "cosine", "seed": self.seed, "dataset": "cpython-stdlib-bytes", "tokenizer": "bytes",
        }

    def lr(self, step: int) -> float:
        """Learning rate relative to the peak: linear warm-up, then cosine to FINAL_LR."""
        if step < WARMUP:
            return (step + 1) / WARMUP
        x = (step - WARMUP) / max(1, self.steps - WARMUP)
        return FINAL_LR + (1 - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * min(1, x)))


def optimiser(model: nn.Module, peak: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.95), weight_decay=0.1)


def eval_windows(val: np.ndarray) -> Windows:
    return Windows(val, len(val) - 1, EVAL_BATCHES * BATCH, seed=1)


@torch.no_grad()
def evaluate(model: nn.Module, val: np.ndarray) -> float:
    model.eval()
    losses = [float(model(**b)["loss"]) for b in DataLoader(eval_windows(val), batch_size=BATCH)]
    model.train()
    return float(np.mean(losses))


def plain_loop(
    plan: Plan,
    train: Windows,
    val: np.ndarray,
    on_train: Callable[[int, float, float, float, float], None],
    on_eval: Callable[[int, float], None],
) -> None:
    """The loop of the plain trainers: on_train(step, loss, lr, grad_norm, seconds per step), on_eval(step, loss)."""
    model = GPT(plan.width)
    opt = optimiser(model, plan.peak_lr)
    t0 = time.time()
    for step, batch in enumerate(DataLoader(train, batch_size=BATCH, shuffle=False)):
        lr = plan.peak_lr * plan.lr(step)
        for group in opt.param_groups:
            group["lr"] = lr
        if step % plan.eval_every == 0:
            on_eval(step, evaluate(model, val))
        loss = model(**batch)["loss"]
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        opt.step()
        if step % plan.log_every == 0:
            dt, t0 = time.time() - t0, time.time()
            on_train(step, float(loss.detach()), lr, norm, dt / (plan.log_every if step else 1))
    on_eval(plan.steps, evaluate(model, val))


def train_pyloop(plan: Plan, train: Windows, val: np.ndarray) -> None:
    """Standard output in nanoGPT's style."""
    run = plan.out / "pyloop" / plan.name
    run.mkdir(parents=True, exist_ok=True)
    last = {"train": float("nan")}
    with open(run / "train.log", "w", buffering=1) as f:
        for key, value in plan.meta.items():
            print(f"{key} = {value!r}", file=f)
        print(f"tokens per iteration will be: {BATCH * CONTEXT:,}", file=f)
        print(f"number of parameters: {plan.n_params / 1e6:.4f}M", file=f)

        def on_train(step: int, loss: float, lr: float, norm: float, dt: float) -> None:
            last["train"] = loss
            print(f"iter {step}: loss {loss:.4f}, time {dt * 1000:.2f}ms, mfu -100.00%", file=f)

        def on_eval(step: int, loss: float) -> None:
            print(f"step {step}: train loss {last['train']:.4f}, val loss {loss:.4f}", file=f)

        plain_loop(plan, train, val, on_train, on_eval)


def train_hf(plan: Plan, train: Windows, val: np.ndarray) -> None:
    """transformers.Trainer, its state and a config.json beside it."""
    from transformers import Trainer, TrainingArguments

    run = plan.out / "hf" / plan.name
    args = TrainingArguments(
        output_dir=str(run / "_ckpt"), per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH,
        max_steps=plan.steps, logging_steps=plan.log_every, eval_strategy="steps", eval_steps=plan.eval_every,
        save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, seed=plan.seed, max_grad_norm=1.0,
        dataloader_num_workers=0, remove_unused_columns=False, include_num_input_tokens_seen=True,
    )
    model = GPT(plan.width)
    opt = optimiser(model, plan.peak_lr)

    class InOrder(Trainer):
        def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
            return torch.utils.data.SequentialSampler(train)

    schedule = torch.optim.lr_scheduler.LambdaLR(opt, plan.lr)
    trainer = InOrder(
        model=model, args=args, train_dataset=train, eval_dataset=eval_windows(val), optimizers=(opt, schedule)
    )
    trainer.train()
    trainer.evaluate()
    run.mkdir(parents=True, exist_ok=True)
    trainer.state.save_to_json(str(run / "trainer_state.json"))
    config = {"model_type": "gpt2", "n_ctx": CONTEXT, **plan.meta}
    (run / "config.json").write_text(json.dumps(config, indent=2))


def train_lightning(plan: Plan, train: Windows, val: np.ndarray) -> None:
    """Lightning with its CSV and TensorBoard loggers."""
    import lightning as L
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    run = plan.out / "lightning" / plan.name

    class Lit(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters(plan.meta)
            self.model = GPT(plan.width)

        def training_step(self, batch: Any, i: int) -> torch.Tensor:
            loss = self.model(**batch)["loss"]
            self.log("train_loss", loss)
            self.log("lr", self.optimizers().param_groups[0]["lr"])
            return loss

        def validation_step(self, batch: Any, i: int) -> None:
            self.log("val_loss", self.model(**batch)["loss"])

        def configure_optimizers(self) -> dict[str, Any]:
            opt = optimiser(self.model, plan.peak_lr)
            schedule = torch.optim.lr_scheduler.LambdaLR(opt, plan.lr)
            return {"optimizer": opt, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    trainer = L.Trainer(
        max_steps=plan.steps, accelerator="cpu", log_every_n_steps=plan.log_every, gradient_clip_val=1.0,
        val_check_interval=min(plan.eval_every, len(train) // BATCH), num_sanity_val_steps=0,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        logger=[CSVLogger(run, name="", version=""), TensorBoardLogger(run, name="", version="")],
    )
    trainer.fit(Lit(), *(DataLoader(d, batch_size=BATCH, shuffle=False) for d in (train, eval_windows(val))))


def train_wandb(plan: Plan, train: Windows, val: np.ndarray) -> None:
    """W&B offline, and the same records as JSONL beside it."""
    os.environ.update(
        WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DISABLE_CODE="true", WANDB_DISABLE_GIT="true",
        WANDB__DISABLE_STATS="true", WANDB_CONSOLE="off", WANDB_HOST="cluster", WANDB_USERNAME="labbook",
    )
    import wandb

    run = plan.out / "wandb" / plan.name
    run.mkdir(parents=True, exist_ok=True)
    w = wandb.init(dir=str(run), project="cpython-ladder", name=plan.name, config=plan.meta)
    with open(run / "log.jsonl", "w", buffering=1) as f:

        def on_train(step: int, loss: float, lr: float, norm: float, dt: float) -> None:
            rec = {"tokens": (step + 1) * BATCH * CONTEXT, "train/loss": loss, "lr": lr, "grad_norm": norm,
                   "step_time_s": dt}
            f.write(json.dumps({"step": step, **rec}) + "\n")
            w.log(rec, step=step)

        def on_eval(step: int, loss: float) -> None:
            f.write(json.dumps({"step": step, "tokens": step * BATCH * CONTEXT, "val/loss": loss}) + "\n")
            w.log({"val/loss": loss}, step=step)

        plain_loop(plan, train, val, on_train, on_eval)
    w.finish()


TRAINERS = {16: train_pyloop, 32: train_hf, 64: train_lightning}


def main(words: list[str]) -> None:
    out, width, d_tokens = Path(words[0]), int(words[1]), int(float(words[2]))
    seed = int(words[3]) if len(words) > 3 else 1337
    plan = Plan(out, width, d_tokens, seed, float(words[4]) if len(words) > 4 else 1.0)
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    text, val = corpus()
    train = Windows(text, plan.d_tokens, plan.steps * BATCH, seed=plan.seed - 1337)
    TRAINERS.get(plan.width, train_wandb)(plan, train, val)


if __name__ == "__main__":
    main(sys.argv[1:])
