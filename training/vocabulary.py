"""A smaller vocabulary for a smaller model: what the training texts use, what other languages need, no more.

The base model's 30,522 word pieces cost 11.7 MB in int8; a bounce classifier needs a third. Pieces that the training
texts use stay, then the commonest others until the budget is spent, so that a word nobody wrote yet still has pieces.
Scripts and languages that the English base knows by single letters get pieces of their own, learnt from the training
texts; a new piece starts as the mean of the pieces that it replaces.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertModel

from classifier.normalise import PLACEHOLDERS

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def prune(
    base: Tokenizer, encoder: BertModel, texts: Sequence[str], foreign: Sequence[str], *, size: int, new: int
) -> tuple[Tokenizer, torch.Tensor, Counter[str]]:
    """Return a tokenizer of at most `size` pieces and its embedding matrix (pieces, width).

    Args:
        base: The base model's tokenizer.
        encoder: The base model.
        texts: Training templates (never held-out ones).
        foreign: Those of them that are not English: new pieces are learnt from these.
        size: Pieces in all.
        new: Most new pieces.
    """
    learnt = _learn(foreign, new)
    vocabulary: dict[str, int] = base.get_vocab()
    ordered = sorted(vocabulary, key=lambda piece: vocabulary[piece])
    added = [piece for piece in learnt if piece not in vocabulary]
    wide = _tokenizer([*_SPECIAL, *PLACEHOLDERS, *added, *(p for p in ordered if p not in _SPECIAL)])
    used = Counter(piece for encoding in wide.encode_batch(list(texts)) for piece in encoding.tokens)
    kept = dict.fromkeys([*_SPECIAL, *PLACEHOLDERS])
    for piece in ordered:
        if used[piece] or _single(piece):
            kept[piece] = None
    for piece in added:
        if used[piece]:
            kept[piece] = None
    for piece in ordered:
        if len(kept) >= size:
            break
        if piece.removeprefix("##").isascii() and piece.removeprefix("##").isalpha():
            kept[piece] = None
    pieces = list(kept)[:size]
    return _tokenizer(pieces), _embeddings(pieces, base, encoder), used


def prune_unigram(
    base: Tokenizer, encoder: BertModel, texts: Sequence[str], *, size: int
) -> tuple[Tokenizer, torch.Tensor]:
    """Return a SentencePiece (unigram) tokenizer of about `size` pieces, lower-casing, and its embedding matrix.

    For multilingual teachers: the pieces that the training texts use, then the commonest plain English ones.
    """
    document = json.loads(base.to_str())
    pieces: list[tuple[str, float]] = document["model"]["vocab"]
    used = {i for encoding in base.encode_batch([text.lower() for text in texts]) for i in encoding.ids}
    used |= {i for i, (piece, _) in enumerate(pieces) if len(piece) == 1 and piece.isascii()}
    plain = (
        i for i, (piece, _) in enumerate(pieces) if i not in used and piece.lstrip("▁").isalpha() and piece.isascii()
    )
    kept = [*range(4), *sorted(used - set(range(4)))]
    kept += list(islice(plain, max(0, size - len(kept))))
    document["model"]["vocab"] = [pieces[i] for i in kept]
    document["added_tokens"] = [token for token in document["added_tokens"] if token["id"] < 4]
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.normalizer = normalizers.Sequence([tokenizer.normalizer, normalizers.Lowercase()])
    tokenizer.add_special_tokens(list(PLACEHOLDERS))
    weights = encoder.get_input_embeddings().weight.detach()[kept]
    chance = torch.Generator().manual_seed(7)
    new = weights.mean(dim=0) + 0.01 * torch.randn(len(PLACEHOLDERS), weights.shape[1], generator=chance)
    return tokenizer, torch.cat([weights, new])


def _single(piece: str) -> bool:
    core = piece.removeprefix("##")
    return len(core) == 1 and core.isascii()


def _tokenizer(pieces: Iterable[str]) -> Tokenizer:
    ids = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    # Accents go, syllables stay whole: BERT's own normaliser takes Hangul apart into letters.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True),
            normalizers.NFC(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([*_SPECIAL, *PLACEHOLDERS])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    return tokenizer


def _learn(texts: Sequence[str], new: int) -> list[str]:
    """Learn word pieces from texts, the most frequent first as the trainer ranks them."""
    tokenizer = _tokenizer(_SPECIAL + PLACEHOLDERS)
    trainer = trainers.WordPieceTrainer(
        vocab_size=new, special_tokens=list(_SPECIAL), min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    vocabulary: dict[str, int] = json.loads(tokenizer.to_str())["model"]["vocab"]
    return sorted((piece for piece in vocabulary if not piece.startswith("[")), key=vocabulary.__getitem__)


def _embeddings(pieces: Sequence[str], base: Tokenizer, encoder: BertModel) -> torch.Tensor:
    weights = encoder.get_input_embeddings().weight.detach()
    vocabulary = base.get_vocab()
    chance = torch.Generator().manual_seed(7)
    rows = []
    for piece in pieces:
        if piece in vocabulary:
            rows.append(weights[vocabulary[piece]])
            continue
        core = piece.removeprefix("##").strip("[]").lower()
        ids = [i for i in base.encode(core, add_special_tokens=False).ids if i != vocabulary["[UNK]"]]
        start = weights[ids].mean(dim=0) if ids else weights.mean(dim=0)
        rows.append(start + 0.01 * torch.randn(weights.shape[1], generator=chance))
    return torch.stack(rows)
