"""What users' categories cost: learning them, and answering under them."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from classifier.bootstrap import build
from classifier.custom.catalogue import Tailored
from classifier.custom.draft import Draft, read_document
from classifier.domain import Failure
from classifier.settings import Settings
from classifier.taxonomy import Taxonomy

_REASONS = (
    "invoice overdue", "left the company", "macros refused", "court order", "awaits moderator", "closed at night",
    "cable pool address", "no Unicode", "wrong tenant", "seat not licensed", "holiday mode", "parked domain",
    "sandbox account", "quota in grace", "trial expired", "listed by vendor", "bad time zone", "no consent",
    "too many aliases", "key revoked",
)  # fmt: skip


def invented(standard: Taxonomy, examples: int = 20) -> Draft:
    """Return twenty categories of some examples each."""
    categories = [
        {"id": f"category_{n}", "examples": [f"550 5.7.1 refused: {reason}, case {'x' * i}" for i in range(examples)]}
        for n, reason in enumerate(_REASONS)
    ]
    return read_document({"name": "bench", "category": categories}, standard)


def lines(
    failures: list[Failure], each: Callable[[Callable[[Failure], object], list[Failure]], float]
) -> Iterator[str]:
    """Yield one line for each figure."""
    with tempfile.TemporaryDirectory() as folder:
        parts = build(Settings(data_dir=Path(folder)))
        draft = invented(parts.catalogue.standard)
        for name in ("fit 20 categories of 20 examples, first time, s", "the same, background known, s"):
            fitted = parts.catalogue.fit(draft)
            yield f"{name:44} {fitted.seconds:12.1f}"
        parts.pipeline.classify(failures)

        def anew(failure: Failure) -> object:
            fresh = Tailored(taxonomy=tailored.taxonomy, head=tailored.head)
            return parts.pipeline.classify([failure], [fresh])

        tailored = parts.catalogue.tailored(draft, fitted)
        first = each(anew, failures)
        again = each(lambda failure: parts.pipeline.classify([failure], [tailored]), failures)
        yield f"{'head on a template that is known':44} {first * 1e6:12,.1f} µs"
        yield f"{'cached answer under a taxonomy':44} {again * 1e6:12,.1f} µs"
