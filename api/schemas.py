"""Public shapes for /docs. Checking is done by `classifier.record`, once, for HTTP and the command line alike."""

from typing import Any

from pydantic import BaseModel, Field

from classifier.domain import Action, Fault, Kind, Permanence, Scope, Source


class RecordIn(BaseModel):
    """A delivery failure as codes and text."""

    id: str | int | None = Field(None, description="Your own name for it, returned unchanged.")
    text: str = Field(description="What the mail server said.", examples=["550 5.1.1 <jo@example.org>: no such user"])
    smtp_code: int | None = Field(None, ge=200, le=599, description="Reply code; read from the text if absent.")
    enhanced_code: str | None = Field(None, description="Enhanced status code; read from the text if absent.")
    remote_mta: str | None = Field(None, description="Host that gave the reply.")
    taxonomy: str | None = Field(None, description="Taxonomy to answer under: see /v1/taxonomies.")
    vocabulary: str | None = Field(None, description="Answer in this crosswalk's labels, too: see /v1/crosswalks.")
    explain: bool = Field(False, description="Add the words that decided and the nearest labelled templates.")


class Alternative(BaseModel):
    """A category that is less probable than the one given."""

    category: str
    confidence: float


class Word(BaseModel):
    """A word and the probability that the category loses without it."""

    word: str
    weight: float


class Neighbour(BaseModel):
    """A labelled template near to the one asked for."""

    template: str
    category: str
    similarity: float


class EvidenceOut(BaseModel):
    """What speaks for the category, where `explain` asked for it."""

    words: list[Word]
    neighbours: list[Neighbour]


class LabelOut(BaseModel):
    """What the answer is called in another system's words, where `vocabulary` asked for it."""

    vocabulary: str
    version: str
    label: str | None = Field(description="Null for a report of no failure that the other system has no word for.")
    lossy: bool = Field(description="False if reading the label back gives the category.")


class VerdictOut(BaseModel):
    """Why one message was not delivered, and what to do."""

    id: str | int | None = None
    request_id: str = Field(description="Names this answer for /v1/feedback; it is stored nowhere.")
    kind: Kind
    category: str
    confidence: float = Field(ge=0, le=1)
    alternatives: list[Alternative]
    permanence: Permanence
    fault: Fault
    action: Action
    scope: Scope
    retry_after_s: int | None
    blocklist: str | None
    provider: str | None
    source: Source
    model: str
    taxonomy: str
    standard: str | None = Field(None, description="The standard category; only under a user's taxonomy.")
    recipient: str | None
    smtp_code: int | None
    enhanced_code: str | None
    template: str
    template_id: str
    evidence: EvidenceOut | None = None
    label: LabelOut | None = None


class ReportOut(BaseModel):
    """One email's verdicts, one per recipient."""

    verdicts: list[VerdictOut]
    defects: list[str] = Field(description="What could not be read of the email.")


class CrosswalkHead(BaseModel):
    """One vocabulary that answers can be given in."""

    name: str
    title: str
    version: str
    source: str


class CrosswalkTo(BaseModel):
    """What a standard category is called there."""

    category: str
    permanence: Permanence | None = Field(description="Null where it plays no part.")
    label: str
    lossy: bool
    note: str | None


class CrosswalkKind(BaseModel):
    """What a report of no failure is called there."""

    kind: Kind
    label: str


class CrosswalkFrom(BaseModel):
    """What a label from there says here."""

    label: str
    category: str
    kind: Kind | None = Field(description="Set where the label is of no failure.")
    lossy: bool
    also: list[str]
    suppresses: bool = Field(description="Whether the other system's users remove the recipient.")
    unverified: bool
    note: str | None


class CrosswalkOut(CrosswalkHead):
    """One vocabulary's whole table."""

    to: list[CrosswalkTo]
    kind: list[CrosswalkKind]
    from_: list[CrosswalkFrom] = Field(alias="from")
    aliases: dict[str, str]


def body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON body that the route decodes itself."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def batch_body() -> dict[str, Any]:
    """Return the OpenAPI description of an array or NDJSON of records."""
    schema = RecordIn.model_json_schema()
    content = {
        "application/json": {"schema": {"type": "array", "items": schema}},
        "application/x-ndjson": {"schema": {"type": "string", "description": "One record a line."}},
    }
    return {"requestBody": {"required": True, "content": content}}


def email_body() -> dict[str, Any]:
    """Return the OpenAPI description of a raw email."""
    content = {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}


def taxonomy_body() -> dict[str, Any]:
    """Return the OpenAPI description of a draft: TOML or JSON (docs/taxonomy.md)."""
    content = {
        "application/toml": {"schema": {"type": "string", "description": "As in docs/taxonomy.md."}},
        "application/json": {"schema": {"type": "object", "description": "The same document as JSON."}},
    }
    return {"requestBody": {"required": True, "content": content}}


def rollback_body() -> dict[str, Any]:
    """Return the OpenAPI description of a roll-back."""
    schema = {"type": "object", "properties": {"version": {"type": "integer", "minimum": 1}}}
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}


def preview_body() -> dict[str, Any]:
    """Return the OpenAPI description of a draft with texts to try it on; a draft alone is tried on templates seen last."""
    texts = {"type": "array", "items": {"type": "string"}}
    schema = {"type": "object", "properties": {"taxonomy": {"description": "Object or TOML text."}, "texts": texts}}
    content = {"application/toml": {"schema": {"type": "string"}}, "application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def migrate_body() -> dict[str, Any]:
    """Return the OpenAPI description of labels and a mapping of categories."""
    mapping = {"type": "object", "properties": {key: {"type": "object"} for key in ("rename", "merge", "split")}}
    labels = {"type": "array", "items": {"type": "object", "required": ["category"]}}
    schema = {"type": "object", "properties": {"mapping": mapping, "labels": labels}, "required": ["labels"]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
