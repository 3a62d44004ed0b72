"""Shapes of drift over HTTP, for `/docs`."""

from pydantic import BaseModel, Field

from classifier.drift import Code, Severity

_PROVIDER = 'Such as "google"; "" for systems of no known provider'


class WordingOut(BaseModel):
    """One template as one provider sends it."""

    template_id: str
    text: str
    provider: str = Field(description=f"{_PROVIDER}.")
    category: str
    confidence: float
    failures: int
    first_seen: str = Field(description="Day (UTC).")


class AlarmOut(BaseModel):
    """One change that is more than chance and large enough to look at."""

    sentence: str = Field(description="The alarm in plain words.")
    code: Code
    severity: Severity
    provider: str | None = Field(description=f"{_PROVIDER}; null for all together that have no alarm of their own.")
    since: str = Field(description="Day (UTC) on which it began.")
    category: str | None = Field(description="Under category_mix, the category that rose most.")
    failures: int = Field(description="Failures concerned since then.")
    share: float = Field(description="Their share of what came from there since then.")
    before: float = Field(description="The same share in the month before.")
    templates: int
    most_frequent: list[WordingOut]


class FigureOut(BaseModel):
    """A share in the recent days and in the month before; null where there is too little to compare."""

    now: float | None
    before: float | None


class FiguresOut(BaseModel):
    """What one place's recent days look like."""

    provider: str | None = Field(description=f"{_PROVIDER}; null for all together.")
    failures: int
    new_templates: int
    unseen: FigureOut = Field(description="Share of failures whose template was first seen in the recent days.")
    low_confidence: FigureOut = Field(description="Share of failures answered with a confidence below 0.5.")
    category_distance: float | None = Field(description="Share of failures whose category is another than before.")


class DriftOut(BaseModel):
    """What has changed in the traffic."""

    taxonomy: str
    today: str
    days: int
    alarms: list[AlarmOut] = Field(description="The largest first.")
    figures: list[FiguresOut] = Field(description="All together, then by provider, the busiest first.")
    new_templates: list[WordingOut] = Field(description="New templates in volume, the most frequent first.")
