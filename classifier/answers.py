"""The shape of an answer, the same from the command line and over HTTP (docs/verdict.md)."""

from dataclasses import asdict
from typing import Any

from classifier.pipeline import Answer


def to_document(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON-ready fields: the verdict's axes, then what was read from the bounce."""
    document = asdict(answer.verdict)
    document["alternatives"] = [{"category": c, "confidence": p} for c, p in answer.verdict.alternatives]
    failure = answer.failure
    return {
        "kind": failure.kind.value,
        **document,
        "recipient": failure.recipient,
        "smtp_code": failure.smtp_code,
        "enhanced_code": failure.enhanced_code,
        "template": answer.template,
        "template_id": answer.template_id,
    }
