"""A challenger beside the champion: it answers the templates that pass, nobody hears it, differences are counted.

    answers -> cases (template and codes, no address) -> challenger -> compared -> counted -> store, now and then

An answer is delayed by counting its case, some microseconds, and by nothing else: one thread works cases off in small
pieces and rests after each for as long as it worked. Each case is asked once; what comes again is only counted.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from threading import Event, Lock
from typing import NamedTuple

import structlog

from api.heap import give_back
from classifier.bootstrap import Model, Parts, load_model, shelf_of
from classifier.decide import decide
from classifier.domain import Failure, Kind, Prediction, Source
from classifier.errors import ReboundError
from classifier.memo import Memo
from classifier.pipeline import Answer
from classifier.registry import CHALLENGER
from classifier.settings import Settings
from classifier.store import Difference, ShadowRepository, Store

log = structlog.get_logger()
WORK_SECONDS = 0.2
WAITING = 2_000
"""Distinct cases that wait to be asked; answers of further ones are dropped, and counted as that."""
_ASKED = 10_000
_CHUNK = 8
_KINDS = (Kind.FAILURE, Kind.DELAYED)
_Key = tuple[str, str, str]


class _Case(NamedTuple):
    """What a challenger's answer depends on, and what the champion answered; no address."""

    template_id: str
    template: str
    kind: Kind
    dsn_action: str | None
    smtp_code: int | None
    enhanced_code: str | None
    champion: str
    category: str
    action: str
    tailored: bool


class Shadow:
    """Runs the challenger, if there is one. Safe to share between threads.

    Args:
        settings: Where the shelf is.
        parts: Tells what answers now.
        stopping: Set when the process is about to end.
        yielding: Set while another champion is loaded: three models at once are too much for the memory.
    """

    def __init__(
        self, settings: Settings, parts: Callable[[], Parts], *, stopping: Event, yielding: Event | None = None
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._stopping = stopping
        self._yielding = yielding or Event()
        self._shelf = shelf_of(settings)
        self._tried: object = None
        self._model: Model | None = None
        self._asked: Memo[_Case, Difference] = Memo(_ASKED)
        self._lock = Lock()
        self._waiting: dict[_Case, int] = {}
        self._counted: dict[_Key, Difference] = {}
        self._told = ""
        self.refused: str | None = None
        """Why the challenger cannot run; None if it can, or there is none."""
        self.dropped = 0
        """Answers that were not compared, for too many distinct ones were waiting."""

    @property
    def label(self) -> str | None:
        """Name and version of the challenger that runs; None if none does."""
        model = self._model
        return model.predictor.label if model else None

    def record(self, answers: Sequence[Answer]) -> None:
        """Take note of what the champion answered, if a challenger runs."""
        if self._model is None:
            return
        with self._lock:
            for answer in answers:
                if answer.verdict.source is not Source.MODEL or answer.failure.kind not in _KINDS:
                    continue
                case = _case(answer)
                known = self._waiting.get(case, 0)
                if known or len(self._waiting) < WAITING:
                    self._waiting[case] = known + 1
                else:
                    self.dropped += 1

    def work(self) -> None:
        """Follow the pointer, and ask the challenger about what waits. One thread calls this, again and again."""
        if self._yielding.is_set():
            self._let_go()
            self._tried = None
            return
        self._follow()
        model = self._model
        if model is None:
            return
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        cases = iter(waiting)
        while chunk := list(islice(cases, _CHUNK)):
            began = time.monotonic()
            self._compare(model, {case: waiting[case] for case in chunk})
            if self._stopping.wait(time.monotonic() - began) or self._yielding.is_set():
                return

    def flush(self, store: Store) -> None:
        """Write what was counted since the last time (errors: see `Store.session`; then it is kept)."""
        with self._lock:
            counted, self._counted = self._counted, {}
        if not counted:
            return
        differences = [*counted.values()]
        try:
            with store.session() as session:
                repository = ShadowRepository(session)
                if differences[-1].challenger != self._told:
                    # What became of the challengers before is told by the history; their differences are of no use.
                    repository.keep_only({one.challenger for one in differences})
                repository.add(differences)
            self._told = differences[-1].challenger
        except ReboundError:
            with self._lock:
                for difference in differences:
                    self._count(difference)
            raise

    def _follow(self) -> None:
        """Load or let go of a model, where the pointer was moved or the challenger has become champion."""
        stamp, champion = self._shelf.stamp(CHALLENGER), self._parts().predictor.label
        if stamp == self._tried:
            if self.label == champion:
                self._let_go()
            return
        self._tried = stamp
        self._let_go()
        self.refused = None
        try:
            label = self._shelf.label(CHALLENGER)
            if label is not None and label != champion:
                one_core = self._settings.model_copy(update={"model_threads": 1})
                self._model = load_model(one_core, self._shelf.bundle(label), like=self._parts().model)
                log.info("challenger_loaded", model=label)
        except Exception as error:  # whatever is wrong with it, the champion answers
            self.refused = (
                str(error) if isinstance(error, ReboundError) else f"cannot be loaded: {type(error).__name__}"
            )
            log.error("challenger_refused", reason=self.refused, consequence="no model runs beside the champion")

    def _let_go(self) -> None:
        if self._model is not None:
            self._model = None
            self._asked = Memo(_ASKED)
            with self._lock:
                self._waiting = {}
            give_back()

    def _compare(self, model: Model, counts: Mapping[_Case, int]) -> None:
        cases = [*counts]
        found = self._asked.many(cases, lambda some: self._differences(model, some))
        now = datetime.now(UTC)
        with self._lock:
            for case, difference in zip(cases, found, strict=True):
                self._count(replace(difference, n=counts[case], last_seen=now))

    def _differences(self, model: Model, cases: Sequence[_Case]) -> list[Difference]:
        templates = [case.template for case in cases]
        predictions = model.predictor.predict(templates)
        # Under a user's taxonomy something else was answered: the standard answers are compared.
        parts = self._parts()
        standard = iter(parts.predictor.predict([case.template for case in cases if case.tailored]))
        return [
            _difference(case, prediction, model, next(standard) if case.tailored else None, parts)
            for case, prediction in zip(cases, predictions, strict=True)
        ]

    def _count(self, difference: Difference) -> None:
        """Add to what is counted; of several answers for one template, the one that differs most is kept."""
        key = (difference.template_id, difference.champion, difference.challenger)
        if (known := self._counted.get(key)) is not None:
            worst = max(known, difference, key=weight)
            last = max(known.last_seen, difference.last_seen)
            difference = replace(worst, n=known.n + difference.n, last_seen=last)
        self._counted[key] = difference


def weight(difference: Difference) -> int:
    """Return how much a difference matters: 3 if the challenger would suppress, 2 another action, 1 category, 0 none."""
    if difference.champion_action != difference.challenger_action:
        return 3 if difference.challenger_action == "suppress" else 2
    return int(difference.champion_category != difference.challenger_category)


def _case(answer: Answer) -> _Case:
    failure, verdict = answer.failure, answer.verdict
    return _Case(
        template_id=answer.template_id,
        template=answer.template,
        kind=failure.kind,
        dsn_action=failure.action,
        smtp_code=failure.smtp_code,
        enhanced_code=failure.enhanced_code,
        champion=verdict.model,
        category=verdict.category,
        action=verdict.action.value,
        tailored=verdict.standard is not None,
    )


def _difference(
    case: _Case, prediction: Prediction, model: Model, standard: Prediction | None, parts: Parts
) -> Difference:
    failure = Failure(
        kind=case.kind,
        diagnostic=case.template,
        smtp_code=case.smtp_code,
        enhanced_code=case.enhanced_code,
        action=case.dsn_action,
    )
    challenger = decide(failure, prediction, model.bundle.taxonomy)
    champion = decide(failure, standard, parts.pipeline.taxonomy) if standard else None
    return Difference(
        template_id=case.template_id,
        champion=champion.model if champion else case.champion,
        challenger=challenger.model,
        champion_category=champion.category if champion else case.category,
        champion_action=champion.action.value if champion else case.action,
        challenger_category=challenger.category,
        challenger_action=challenger.action.value,
        n=0,
        last_seen=datetime.now(UTC),
    )
