"""Public shapes of feedback, pins and quarantine for /docs; `classifier.feedback.items` does the checking."""

from typing import Any

from pydantic import BaseModel, Field

from classifier.domain import Action, Source


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
