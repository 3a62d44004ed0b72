"""The shape of an answer, the same from the command line and over HTTP (docs/verdict.md)."""

from dataclasses import asdict
from typing import Any

from classifier.crosswalks import translate
from classifier.pipeline import Answer
from classifier.predict.evidence import Evidence


def to_document(answer: Answer, evidence: Evidence | None = None, *, vocabulary: str | None = None) -> dict[str, Any]:
    """Return an answer as JSON-ready fields: the verdict's axes, what was read from the bounce, evidence if given.

    With a vocabulary (errors: see `classifier.crosswalks.crosswalk`), `label` says what the answer is called in it.
    """
    document = asdict(answer.verdict)
    if document["standard"] is None:
        del document["standard"]
    document["alternatives"] = [{"category": c, "confidence": p} for c, p in answer.verdict.alternatives]
    failure = answer.failure
    shown: dict[str, Any] = {} if evidence is None else {"evidence": _evidence(evidence)}
    if vocabulary is not None:
        shown["label"] = asdict(translate(answer.verdict, vocabulary, kind=failure.kind))
    return {
        "kind": failure.kind.value,
        **document,
        "recipient": failure.recipient,
        "smtp_code": failure.smtp_code,
        "enhanced_code": failure.enhanced_code,
        "template": answer.template,
        "template_id": answer.template_id,
        **shown,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "words": [{"word": word, "weight": weight} for word, weight in evidence.words],
        "neighbours": [{"template": t, "category": c, "similarity": s} for t, c, s in evidence.neighbours],
    }
