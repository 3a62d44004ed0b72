"""The fine-tuned encoder, run by onnxruntime: no torch, one file of weights, some tens of megabytes of memory."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from classifier.bundle import MODEL, TOKENIZER, Bundle
from classifier.domain import Prediction, Source
from classifier.errors import BundleRefused
from classifier.predict import Encoded

_TAIL_SHARE = 4
"""A text that is too long keeps a quarter of its room for its end: the cause may stand there."""

_TRIAL = "550 5.1.1 [ADDR]: no such user here"
_LEAST = 1e-4
"""What a category keeps at least: nothing is impossible."""

Floats = npt.NDArray[np.float32]


def calibrated(logits: Floats, temperature: float, smoothing: float) -> Floats:
    """Return honest probabilities (n, categories) for logits.

    A network that was trained on smoothed labels states smoothed probabilities: it never says more than 1 - smoothing. What
    was spread over all categories is taken off, so that near-certainty, on which a suppression rests, can be told.
    """
    scaled = logits / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    stated = exponentials / exponentials.sum(axis=1, keepdims=True)
    if smoothing:
        stated = np.maximum(stated - smoothing / logits.shape[1], _LEAST)
        stated /= stated.sum(axis=1, keepdims=True)
    return np.asarray(stated, dtype=np.float32)


class OnnxPredictor:
    """Encoder and head of one bundle.

    Args:
        bundle: A checked bundle.
        threads: Texts that one call works on at once, a core each; at least 1.
        like: A loaded model whose tokenizer is used again if it is the same: to read one holds up every other thread.

    Raises:
        BundleRefused: onnxruntime or the tokenizer cannot read the bundle's files.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, like: "OnnxPredictor | None" = None) -> None:
        self.bundle = bundle
        self._manifest = bundle.manifest
        self._pool = ThreadPoolExecutor(threads, "model") if threads > 1 else None
        same = like is not None and like._manifest.files[TOKENIZER] == bundle.manifest.files[TOKENIZER]
        try:
            self._tokenizer: Tokenizer = (
                like._tokenizer if like and same else Tokenizer.from_file(str(bundle.folder / TOKENIZER))
            )
            self._session = onnxruntime.InferenceSession(
                str(bundle.folder / MODEL), _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise bare Exceptions of their own making
            raise BundleRefused(f"{bundle.folder}: the model cannot be loaded: {error}") from error
        width = self._session.get_outputs()[0].shape[-1]
        if isinstance(width, int) and width != len(self._manifest.categories):
            raise BundleRefused(f"{bundle.folder}: the model has {width} outputs, the manifest other categories")

    source = Source.MODEL

    @property
    def label(self) -> str:
        """Name and version of the model."""
        return self._manifest.label

    def try_out(self) -> None:
        """Answer once, so that a model that cannot is found before a request finds it, and the first one is quick.

        Raises:
            BundleRefused: It gives no probabilities.
        """
        try:
            (prediction,) = self.predict([_TRIAL])
        except Exception as error:  # whatever onnxruntime makes of a graph with other inputs or outputs
            raise BundleRefused(f"the model {self.label} cannot answer: {error}") from error
        if not abs(sum(prediction.probabilities.values()) - 1) < 1e-3:
            raise BundleRefused(f"the model {self.label} cannot answer: it gives no probabilities")

    def predict(self, templates: Sequence[str]) -> list[Prediction]:
        """Return one calibrated prediction for each template, in order."""
        return [encoded.prediction for encoded in self.encoded(templates)]

    def encoded(self, templates: Sequence[str]) -> list[Encoded]:
        """Return for each template, in order, its calibrated prediction and what heads of user categories read."""
        if not templates:
            return []
        ids = [self.tokens(template) for template in templates]
        logits, embeddings = self._encode(ids)
        rows = calibrated(logits, self._manifest.temperature, self._manifest.smoothing)
        names = self._manifest.categories
        return [
            Encoded(
                Prediction(probabilities=dict(zip(names, row, strict=True)), source=Source.MODEL, model=self.label),
                embedding,
                np.array(tokens[1:-1], dtype=np.uint16),
            )
            for row, embedding, tokens in zip(rows.tolist(), embeddings.astype(np.float16), ids, strict=True)
        ]

    def encode(self, templates: Sequence[str]) -> tuple[Floats, Floats]:
        """Return logits (n, categories), not yet divided by the temperature, and embeddings (n, width)."""
        return self._encode([self.tokens(template) for template in templates])

    def _encode(self, ids: list[list[int]]) -> tuple[Floats, Floats]:
        # One text at a time: activations are rounded to eight bits over all that is run together, so a text would be
        # answered differently in other company. Threads share the texts instead of the work on each.
        found = list(self._pool.map(self._run, ids) if self._pool and len(ids) > 1 else map(self._run, ids))
        return np.concatenate([logits for logits, _ in found]), np.concatenate([embedding for _, embedding in found])

    def tokens(self, template: str) -> list[int]:
        """Return a template's token ids, between the tokenizer's start and end marks, cut to the model's length."""
        ids: list[int] = self._tokenizer.encode(template).ids
        limit = self._manifest.max_tokens
        if len(ids) <= limit:
            return ids
        tail = limit // _TAIL_SHARE
        return ids[: limit - tail] + ids[-tail:]

    def _run(self, ids: list[int]) -> tuple[Floats, Floats]:
        inputs = np.array([ids], dtype=np.int64)
        logits, embedding = self._session.run(None, {"input_ids": inputs, "attention_mask": np.ones_like(inputs)})
        return logits, embedding


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # An arena and memory patterns keep the largest batch ever seen resident.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return options
