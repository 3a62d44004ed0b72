"""Shapes of models over HTTP, for `/docs`."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class ChampionOut(BaseModel):
    """The model that answers."""

    model: str = Field(description="What this process answers with right now.")
    pointed: str | None = Field(description="What the pointer names; null while the shipped model is to answer.")
    since: str | None = Field(description="When the pointer was moved there; null if it never was.")
    refused: str | None = Field(description="Why what should answer does not.")


class ChallengerOut(BaseModel):
    """The model that runs beside it."""

    pointed: str | None
    since: str | None
    running: bool = Field(description="Whether this process asks it.")
    refused: str | None


class MoveOut(BaseModel):
    """A pointer was moved."""

    when: str
    alias: str
    before: str | None
    after: str | None = Field(description="Null: no pointer, and for the champion the shipped model.")
    why: str
    back: bool = Field(description="Whether it was a roll-back.")


class RegisteredOut(BaseModel):
    """A model that was trained and judged."""

    model: str
    state: str
    bundle_sha256: str
    registry_version: str | None
    objections: list[str] = Field(description="The gate's, one sentence each.")
    figures: dict[str, Any]
    created_at: str
    changed_at: str


class ModelsOut(BaseModel):
    """Which models there are, which answer, and how it came to that."""

    follows: Literal["bundle_dir", "shelf", "mlflow"] = Field(description="Who decides which model answers.")
    champion: ChampionOut
    challenger: ChallengerOut
    shelf: list[str]
    history: list[MoveOut] = Field(description="The newest first.")
    registered: list[RegisteredOut] | None = Field(description="The newest first; null while the store is away.")


class AnswerOut(BaseModel):
    """What one model says of a template."""

    category: str
    action: str


class DifferenceOut(BaseModel):
    """A template that both models answer differently."""

    template_id: str
    template: str
    failures: int
    last_seen: str
    champion: AnswerOut
    challenger: AnswerOut


class CountOut(BaseModel):
    """Distinct templates, and failures of them."""

    templates: int
    failures: int


class ShadowOut(BaseModel):
    """How champion and challenger compare on what has passed."""

    champion: str
    challenger: str | None
    running: bool
    refused: str | None
    compared: CountOut
    agree: CountOut
    differ: CountOut
    would_suppress: CountOut = Field(description="What only the challenger suppresses.")
    dropped: int = Field(description="Answers that this process did not compare, for too many were waiting.")
    differences: list[DifferenceOut] = Field(description="First what only the challenger suppresses, then by number.")


class RolledBackOut(BaseModel):
    """Which model answers from now on."""

    before: str | None
    champion: str | None = Field(description="Null: the shipped model.")


def rollback_body() -> dict[str, Any]:
    """Return the OpenAPI description of a roll-back."""
    schema = {"type": "object", "properties": {"why": {"type": "string", "maxLength": 300}}}
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
