"""Fine-tuning: rows to a network, with Hugging Face's Trainer.

Every epoch sees another augmentation of each row. The body learns slowly and the head quickly; bf16 autocast makes an
epoch on two cores five times quicker than fp32. Where causes are to be told apart, every batch is followed by one of them, and
texts that have a cause come in those alone.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset as HfDataset
from tokenizers import Tokenizer
from torch import nn
from transformers import PrinterCallback, Trainer, TrainingArguments

from classifier.custom.background import PER_CATEGORY, stratified, whitening
from training.augment import augment
from training.causes import TEXTS, Closeness, cause_batches
from training.dataset import Row
from training.model import BounceNet

os.environ.setdefault("HF_HUB_OFFLINE", "1")

Floats = npt.NDArray[np.float32]
Teacher = Callable[[Sequence[str]], Floats]
"""Templates to probabilities (n, categories)."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: Passes over the rows, each with fresh augmentation.
        batch: Rows a step.
        rate: Learning rate of the body; the head's is eight times that.
        smoothing: Share of every target that is spread over all categories.
        teacher_share: Share of the target that comes from the teacher, 0 to 1.
        max_tokens: Longest input.
        causes: Whether texts of one cause are drawn together beside (`training.causes`).
        seed: Of everything random.
    """

    epochs: int = 6
    batch: int = 32
    rate: float = 2e-4
    smoothing: float = 0.05
    teacher_share: float = 0.0
    max_tokens: int = 128
    causes: bool = False
    seed: int = 20_260
    progress: bool = True


def encode(tokenizer: Tokenizer, templates: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return token ids; a long text keeps its head and the last quarter, as in serving."""
    tail = max_tokens // 4
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(templates))]
    return [row if len(row) <= max_tokens else row[: max_tokens - tail] + row[-tail:] for row in ids]


def targets_of(rows: Sequence[Row], categories: Sequence[str], smoothing: float) -> Floats:
    """Return target shares (n, categories), smoothed."""
    index = {name: i for i, name in enumerate(categories)}
    targets = np.full((len(rows), len(categories)), smoothing / len(categories), dtype=np.float32)
    for i, row in enumerate(rows):
        for name, share in row.target.items():
            targets[i, index[name]] += share * (1 - smoothing)
    return targets


def fine_tune(
    net: BounceNet,
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    categories: Sequence[str],
    recipe: Recipe,
    *,
    folder: Path,
    teacher: Teacher | None = None,
) -> BounceNet:
    """Fine-tune a network in place and return it in evaluation mode."""
    data = _training_data(tokenizer, rows, categories, recipe, teacher)
    closeness = _closeness(net, tokenizer, rows, recipe) if recipe.causes else None
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,  # the epochs stand one behind the other in the data, each augmented anew
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.rate,
        lr_scheduler_type="linear",
        warmup_steps=0.06,
        weight_decay=0.01,
        max_grad_norm=1.0,
        bf16=True,
        use_cpu=True,
        save_strategy="no",
        report_to=[],
        logging_steps=100,
        disable_tqdm=not recipe.progress,
        dataloader_num_workers=0,
        remove_unused_columns=False,
        seed=recipe.seed,
    )
    optimizer = torch.optim.AdamW(
        [
            {"params": list(net.encoder.parameters()), "lr": recipe.rate},
            {"params": list(net.head.parameters()), "lr": 8 * recipe.rate},
        ],
        weight_decay=0.01,
    )
    steps = -(-len(data) // recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _slope(step, steps))
    trainer = _InOrder(
        closeness, model=net, args=arguments, train_dataset=data, data_collator=_collate, optimizers=(optimizer, schedule)
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)  # it writes to standard output, which is for results
    trainer.train()
    return net.eval()


def _slope(step: int, steps: int) -> float:
    warm = max(1, int(0.06 * steps))
    return (step + 1) / warm if step < warm else max(0.0, (steps - step) / max(1, steps - warm))


class _InOrder(Trainer):  # type: ignore[misc]
    """The data is shuffled and bucketed by length already, epoch by epoch; batches of causes add their loss."""

    def __init__(self, closeness: Closeness | None, **given: Any) -> None:
        super().__init__(**given)
        self._closeness = closeness

    def _get_train_sampler(self, *_: object) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def compute_loss(self, model: nn.Module, inputs: dict[str, torch.Tensor], *_: object, **__: object) -> torch.Tensor:
        causes = inputs.pop("causes")
        out = model(**inputs)
        loss: torch.Tensor = out["loss"]
        if self._closeness is not None and bool(causes.any()):
            loss = loss + self._closeness.loss(out["embedding"], causes)
        return loss


def _training_data(
    tokenizer: Tokenizer, rows: Sequence[Row], categories: Sequence[str], recipe: Recipe, teacher: Teacher | None
) -> HfDataset:
    chance = random.Random(recipe.seed)
    hard = targets_of(rows, categories, recipe.smoothing)
    weights = np.array([row.weight for row in rows], dtype=np.float32)[:, None]
    numbers = {cause: i for i, cause in enumerate(sorted({row.cause for row in rows if row.cause}), 1)}
    ids: list[list[int]] = []
    targets: list[Floats] = []
    causes: list[int] = []
    often = Counter(row.cause for row in rows)
    usual = [i for i, row in enumerate(rows) if not (row.cause and often[row.cause] >= TEXTS)]
    alone = recipe.causes and len(usual) >= recipe.batch and bool(cause_batches(rows, recipe.batch, 1, chance))
    usual = usual if alone else list(range(len(rows)))
    for epoch in range(recipe.epochs):
        templates = [augment(row.template, chance, lang=row.lang) if epoch else row.template for row in rows]
        soft = hard
        if teacher:
            soft = recipe.teacher_share * teacher(templates) + (1 - recipe.teacher_share) * hard
        encoded = encode(tokenizer, templates, recipe.max_tokens)
        batches = _bucketed(encoded, usual, recipe.batch, chance)
        together = cause_batches(rows, recipe.batch, len(batches), chance) if alone else []
        if together:  # one batch that is not full would cut all that come after it
            batches = [batch for batch in batches if len(batch) == recipe.batch]
        for at, batch in enumerate(batches):
            ids += [encoded[i] for i in batch]
            targets += [soft[i] * weights[i] for i in batch]
            causes += [0] * len(batch)
            if together:
                varied = [augment(rows[i].template, chance, lang=rows[i].lang) for i in together[at]]
                ids += encode(tokenizer, varied, recipe.max_tokens)
                targets += [soft[i] * weights[i] for i in together[at]]
                causes += [numbers[rows[i].cause] for i in together[at]]
    return HfDataset.from_dict({"input_ids": ids, "labels": targets, "causes": causes})


def _bucketed(
    encoded: Sequence[Sequence[int]], rows: Sequence[int], batch: int, chance: random.Random
) -> list[list[int]]:
    """Return shuffled batches of some rows in which lengths are alike: little padding; one that is not full comes last."""
    order = list(rows)
    chance.shuffle(order)
    pool = batch * 16
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        part = sorted(order[start : start + pool], key=lambda i: len(encoded[i]))
        batches += [part[at : at + batch] for at in range(0, len(part), batch)]
    short = [b for b in batches if len(b) < batch]
    full = [b for b in batches if len(b) == batch]
    chance.shuffle(full)
    return [*full, *short]


def _closeness(net: BounceNet, tokenizer: Tokenizer, rows: Sequence[Row], recipe: Recipe) -> Closeness:
    """Return the space in which causes are compared: as the network stands, inside its categories."""
    known = stratified(np.array([row.label for row in rows]), PER_CATEGORY)
    with torch.inference_mode():
        net.eval()
        batches = [encode(tokenizer, [rows[i].template], recipe.max_tokens) for i in known]
        points = [net(torch.tensor(ids), torch.ones(1, len(ids[0]), dtype=torch.long))["embedding"] for ids in batches]
    vectors = torch.cat(points)
    whiten = whitening(vectors.numpy(), np.array([rows[i].label for i in known]))
    return Closeness(mean=vectors.mean(dim=0), whiten=torch.from_numpy(whiten))


def _collate(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    width = max(len(example["input_ids"]) for example in examples)
    ids = torch.zeros(len(examples), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, example in enumerate(examples):
        tokens = torch.tensor(example["input_ids"])
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    labels = torch.tensor([example["labels"] for example in examples], dtype=torch.float32)
    causes = torch.tensor([example.get("causes", 0) for example in examples])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels, "causes": causes}


@torch.inference_mode()
def predict(
    net: BounceNet, tokenizer: Tokenizer, templates: Sequence[str], max_tokens: int, *, bf16: bool = False
) -> Floats:
    """Return logits (n, categories) of a network in evaluation mode."""
    encoded = encode(tokenizer, templates, max_tokens)
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
    out = np.zeros((len(encoded), net.head.out_features), dtype=np.float32)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        batch = _collate([{"input_ids": encoded[i], "labels": [0.0]} for i in chosen])
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            out[chosen] = net(batch["input_ids"], batch["attention_mask"])["logits"].float().numpy()
    return out
