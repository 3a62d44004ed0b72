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


class FeedbackIn(BaseModel):
    """What an answer should have been: exactly one of text, template_id and request_id."""

    text: str | None = Field(None, description="What the mail server said; its codes are read from it.")
    template_id: str | None = Field(None, description="Of a template that was answered before.")
    request_id: str | None = Field(None, description="Of an answer.")
    category: str = Field(description="What it should have been.", examples=["mailbox_full"])
    taxonomy: str | None = Field(None, description="The request id's, else the key's, if absent: see /v1/taxonomies.")
    note: str | None = Field(None, max_length=500, description="Why; kept with addresses masked.")
    by: str | None = Field(None, max_length=60, description="Your name; not looked at where there are API keys.")
    expires_in_days: int | None = Field(None, ge=1, le=3_650, description="For how long it holds at once.")
    smtp_code: int | None = Field(None, ge=200, le=599, description="Beside a text, as in /v1/classify.")
    enhanced_code: str | None = Field(None, description="Beside a text, as in /v1/classify.")
    remote_mta: str | None = Field(None, description="Beside a text, as in /v1/classify.")
    id: str | int | None = Field(None, description="Your own name for it, returned unchanged.")


class FeedbackOut(BaseModel):
    """What became of it; an array of these for an array."""

    id: str | int | None = None
    state: str = Field(description="accepted, already, conflict or quarantined.")
    pinned: bool = Field(description="Whether this category holds now.")
    holds: str | None = Field(description="The category that is pinned now.")
    label_id: int
    template_id: str
    template: str
    taxonomy: str
    taxonomy_version: str
    category: str
    model_category: str | None = Field(description="What the model itself said; null while no model answers.")
    model_confidence: float | None


class QueuedOut(BaseModel):
    """A template that waits for a person's judgement, with what it is answered now."""

    template_id: str
    template: str
    count: int
    category: str
    confidence: float
    action: Action
    source: Source
    first_seen: str
    last_seen: str


class LabelRowOut(BaseModel):
    """What one person said of one template."""

    label_id: int
    template_id: str
    taxonomy: str
    taxonomy_version: str
    category: str
    who: str
    source: str
    note: str | None
    model_category: str | None
    model_confidence: float | None
    at: str
    batch_id: int
    state: str = Field(description="accepted, quarantined or rejected.")


class VoteOut(BaseModel):
    """Who says what."""

    category: str
    who: list[str]


class ConflictOut(BaseModel):
    """A template on which people disagree without a majority."""

    template_id: str
    template: str
    votes: list[VoteOut]
    at: str


class PinEventOut(BaseModel):
    """Something that was pinned, or unpinned where category is null."""

    taxonomy: str
    category: str | None
    who: str
    why: str
    at: str
    expires_at: str | None


class PinOut(PinEventOut):
    """A pin that holds."""

    template_id: str
    template: str | None


class TrailOut(BaseModel):
    """All that was ever pinned for a template."""

    template_id: str
    template: str
    events: list[PinEventOut]


class BatchOut(BaseModel):
    """Labels that came together."""

    batch_id: int
    who: str
    at: str
    state: str
    reason: str | None
    reviewed_by: str | None
    reviewed_at: str | None


class WaitingLabelOut(BaseModel):
    """What a batch says of one template."""

    label_id: int
    template_id: str
    template: str | None
    category: str
    model_category: str | None
    model_confidence: float | None
    note: str | None


class WaitingOut(BatchOut):
    """A batch that waits for a second person."""

    taxonomy: str | None
    labels: list[WaitingLabelOut]


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


def feedback_body() -> dict[str, Any]:
    """Return the OpenAPI description of feedback: one object or an array."""
    schema = FeedbackIn.model_json_schema()
    content = {"application/json": {"schema": {"anyOf": [schema, {"type": "array", "items": schema}]}}}
    return {"requestBody": {"required": True, "content": content}}


def review_body(**more: Any) -> dict[str, Any]:
    """Return the OpenAPI description of a second person's decision."""
    properties = {"decision": {"enum": ["approve", "reject"]}, "by": {"type": "string"}} | more
    schema = {"type": "object", "properties": properties, "required": ["decision", *more]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def reviews_body() -> dict[str, Any]:
    """Return the OpenAPI description of a decision on several batches."""
    return review_body(batch_ids={"type": "array", "items": {"type": "integer"}})


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
