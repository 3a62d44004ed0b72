"""What is wrong with a draft that keeps to the schema, and where: without a model, in milliseconds.

    Draft + the standard taxonomy -> findings

An error keeps a taxonomy from being published: serving it would be senseless or unsafe. A warning does not.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations, pairwise

from classifier.custom.draft import MAX_EXAMPLES, Draft, DraftCategory, resolve
from classifier.domain import Action, Fault
from classifier.normalise import normalise
from classifier.parse.replies import find_enhanced_code, find_smtp_code
from classifier.taxonomy import Taxonomy

ERROR, WARNING = "error", "warning"
_ALIKE = 0.86
"""Two names of which this share is the same are read as one by people in a hurry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        level: "error" or "warning".
        code: Stable name of the rule, such as "contradictory_example".
        place: Where: "category corvane_block: examples 3".
        message: What is wrong and what to do, in a sentence.
    """

    level: str
    code: str
    place: str
    message: str


def lint(draft: Draft, standard: Taxonomy) -> list[Finding]:
    """Return all that is wrong with a draft, errors first."""
    found = [*_texts(draft), *_names(draft, standard), *_policies(draft, standard), *_reach(draft)]
    return sorted(found, key=lambda finding: finding.level != ERROR)


def _texts(draft: Draft) -> Iterator[Finding]:
    """Duplicates and contradictions: by the words as written, and by the template that is all the model sees."""
    places: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for owner, place, text in _every(draft):
        places[normalise(text)].append((owner, place, " ".join(text.split()).casefold()))
        if not normalise(text).strip("[]ABCDEHILMNOPRSTUX .:,;<>()-"):
            yield Finding(
                level=WARNING, code="empty_example", place=place, message="nothing is left of it once hosts, numbers "
                "and addresses are masked: it teaches nothing",
            )  # fmt: skip
    for same in places.values():
        for first, later in pairwise(same):
            if first[0] == later[0]:
                yield Finding(
                    level=WARNING, code="duplicate_example", place=later[1],
                    message=f"says the same as {first[1]}; another wording would teach more",
                )  # fmt: skip
        owners = {owner: (place, text) for owner, place, text in same}
        for (place, text), (other_place, other_text) in combinations(owners.values(), 2):
            literal = text == other_text
            yield Finding(
                level=ERROR if literal else WARNING, code="contradictory_example", place=other_place,
                message=f"{'is the same text as' if literal else 'differs only in masked numbers, hosts or ids from'} "
                f"{place}, which belongs elsewhere",
            )  # fmt: skip


def _every(draft: Draft) -> Iterator[tuple[str, str, str]]:
    for category in draft.categories:
        for number, text in enumerate(category.examples, 1):
            yield category.id, f"category {category.id}: examples {number}", text
    for number, text in enumerate(draft.counter_examples, 1):
        yield "", f"counter_examples {number}", text
    for category in draft.categories:
        for number, text in enumerate(category.counter_examples, 1):
            yield "", f"category {category.id}: counter_examples {number}", text


def _names(draft: Draft, standard: Taxonomy) -> Iterator[Finding]:
    for one, two in combinations(draft.categories, 2):
        for key, a, b in (("id", one.id, two.id), ("title", one.title, two.title)):
            if _alike(a, b):
                yield Finding(
                    level=WARNING, code="names_too_close", place=f"category {two.id}: {key}",
                    message=f'"{b}" is hard to tell from "{a}" of category {one.id}',
                )  # fmt: skip
                break
    for category in draft.categories:
        if category.id in standard.by_id and category.takes != (category.id,):
            yield Finding(
                level=WARNING, code="standard_name", place=f"category {category.id}: id",
                message="is also the id of a standard category and means something else here",
            )  # fmt: skip
        if not category.description:
            yield Finding(
                level=WARNING, code="no_description", place=f"category {category.id}",
                message="has no description: labellers and the model decide by it",
            )  # fmt: skip


def _alike(a: str, b: str) -> bool:
    a, b = (" ".join(name.replace("_", " ").casefold().split()) for name in (a, b))
    differing = set(a.split()) ^ set(b.split())
    # "block_a" and "block_b" look alike and are meant to: numbers and single letters tell series apart.
    if differing and all(len(word) == 1 or word.isdigit() for word in differing):
        return False
    return a == b or SequenceMatcher(None, a, b, autojunk=False).ratio() >= _ALIKE


def _policies(draft: Draft, standard: Taxonomy) -> Iterator[Finding]:
    taxonomy = resolve(draft, "draft", standard)
    for category in draft.categories:
        policy, place = taxonomy.by_id[category.id], f"category {category.id}"
        if policy.action is not Action.SUPPRESS:
            continue
        if category.threshold is None and category.action is Action.SUPPRESS:
            yield Finding(
                level=ERROR, code="destructive_without_threshold", place=place,
                message='action "suppress" loses a recipient: state the threshold (0.8 or more) that makes it safe',
            )  # fmt: skip
        elif policy.threshold < 0.5:
            yield Finding(
                level=WARNING, code="low_threshold", place=f"{place}: threshold",
                message=f"{policy.threshold:g} suppresses recipients on a guess; 0.8 or more is usual",
            )  # fmt: skip
        if policy.fault is not Fault.RECIPIENT:
            yield Finding(
                level=WARNING, code="unreachable_action", place=place,
                message=f'action "suppress" is never taken for a fault of "{policy.fault.value}"; the verdict will be review',
            )  # fmt: skip


def _reach(draft: Draft) -> Iterator[Finding]:
    for category in draft.categories:
        if not category.examples:
            continue
        mine = {normalise(text) for text in category.examples}
        if hidden := _hidden(category, mine, draft):
            yield Finding(
                level=ERROR, code="unreachable_category", place=f"category {category.id}",
                message=f"every example of it also stands in {hidden}: it can never be chosen",
            )  # fmt: skip
        elif len(mine) < 4:
            yield Finding(
                level=WARNING, code="few_wordings", place=f"category {category.id}",
                message=f"only {len(mine)} different wordings once masked; 8 to 16 work well",
            )  # fmt: skip
        if len(category.examples) == MAX_EXAMPLES:
            yield Finding(
                level=WARNING, code="many_examples", place=f"category {category.id}",
                message=f"{MAX_EXAMPLES} examples are the most; label more and train the model instead",
            )  # fmt: skip
        codes = {find_smtp_code(text) or find_enhanced_code(text) for text in category.examples}
        if len(codes) == 1 and None not in codes and len(category.examples) >= 8:
            yield Finding(
                level=WARNING, code="one_code", place=f"category {category.id}: examples",
                message="all carry one code: vary it, or the code is what is learned",
            )  # fmt: skip


def _hidden(category: DraftCategory, mine: set[str], draft: Draft) -> str | None:
    for other in draft.categories:
        if other.id != category.id and mine <= {normalise(text) for text in other.examples}:
            return f"category {other.id}"
    counter = {normalise(t) for t in (*draft.counter_examples, *category.counter_examples)}
    return "counter_examples" if mine <= counter else None
