"""Authored corpus, data set and augmentation."""

import json
import random

import pytest

from classifier.normalise import normalise
from classifier.resources import resource
from classifier.taxonomy import standard_taxonomy
from training.augment import augment
from training.authored import MalformedCorpus, fill, read_authored
from training.damage import words_of
from training.dataset import build, group_templates, read_labelled

CATEGORIES = frozenset(standard_taxonomy().by_id)


def corpus(tmp_path, text, name="a.txt"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def labelled(tmp_path, *records, name="real.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_sections_slots_and_line_breaks(tmp_path):
    folder = corpus(tmp_path, "# note\n[mailbox_full @ qmail]\n552-one {addr}\\n552 two\n\n[greylisted]\nlater\n")
    first, second = read_authored(folder, CATEGORIES)
    assert first.label == "mailbox_full"
    assert "\n" in first.text
    assert "@" in first.text
    assert (second.text, second.label) == ("later", "greylisted")


@pytest.mark.parametrize(
    ("name", "lang"), [("lang/de.txt", "de"), ("core2/de.txt", "de"), ("damaged/de.txt", "de"), ("en/de.txt", "en")]
)
def test_folders_tell_the_language(tmp_path, name, lang):
    (tmp_path / name).parent.mkdir()
    (example,) = read_authored(corpus(tmp_path, "[user_unknown]\nUnbekannt\n", name), CATEGORIES)
    assert example.lang == lang


def test_slots_are_filled_the_same_at_every_reading():
    assert fill("{addr} {ip} {id}", seed="x:1") == fill("{addr} {ip} {id}", seed="x:1")
    assert fill("{addr} {ip} {id}", seed="x:1") != fill("{addr} {ip} {id}", seed="x:2")


@pytest.mark.parametrize(
    ("text", "complaint"), [("orphan\n", "a.txt:1: a text before"), ("[nonsense]\nx\n", "nonsense is no category")]
)
def test_a_malformed_corpus_is_told_where(tmp_path, text, complaint):
    with pytest.raises(MalformedCorpus, match=complaint):
        read_authored(corpus(tmp_path, text), CATEGORIES)


def test_the_corpus_feeds_every_category_and_twelve_languages():
    examples = read_authored(resource("authored"), CATEGORIES)
    templates = {normalise(e.text).lower(): e for e in examples}
    assert len(templates) >= 6_000
    english = [e.label for e in templates.values() if e.lang == "en"]
    assert all(english.count(name) >= 100 for name in CATEGORIES)
    spoken = [e.lang for e in templates.values()]
    for lang in ("de", "fr", "es", "pt", "it", "nl", "pl", "ru", "tr", "ja", "zh", "ko"):
        assert spoken.count(lang) >= 250, lang


def test_no_template_carries_two_labels():
    labels = {}
    for example in read_authored(resource("authored"), CATEGORIES):
        labels.setdefault(normalise(example.text).lower(), set()).add(example.label)
    assert {template: found for template, found in labels.items() if len(found) > 1} == {}


def test_nothing_of_the_real_corpus_was_copied(shared_corpus):
    ours = {normalise(e.text).lower() for e in read_authored(resource("authored"), CATEGORIES)}
    theirs = [
        row.template.lower() for name in ("train", "valid") for row in read_labelled(shared_corpus / f"{name}.jsonl")
    ]
    assert [t for t in theirs if len(t.split()) >= 8 and t in ours] == []


def test_held_out_templates_are_never_trained_on(tmp_path):
    folder = corpus(tmp_path, "[user_unknown]\n550 nobody here of that name\n[mailbox_full]\n552 box is full up\n")
    held = labelled(tmp_path, {"text": "550 Nobody here of that name", "label": "user_unknown"})
    data = build(folder, [], held_out=[held], categories=CATEGORIES, dev_share=0.0, labelled_weight=1, seed=1)
    assert {row.template for row in data.train} == {"552 box is full up", ""}


def test_real_texts_win_conflicts_and_conflicts_are_told(tmp_path):
    folder = corpus(tmp_path, "[user_unknown]\n550 box gone\n")
    real = labelled(tmp_path, {"text": "550 box gone", "label": "mailbox_disabled"})
    data = build(folder, [real], held_out=[], categories=CATEGORIES, dev_share=0.0, labelled_weight=2, seed=1)
    assert [row.label for row in data.train if row.template] == ["mailbox_disabled"]
    assert data.conflicts == [("550 box gone", "mailbox_disabled", "user_unknown")]


def test_an_ambiguous_text_has_two_halves(tmp_path):
    (row,) = read_labelled(
        labelled(tmp_path, {"text": "x", "label": "greylisted", "also": "system_error", "ambiguous": True})
    )
    assert row.target == {"greylisted": 0.5, "system_error": 0.5}


def test_near_duplicates_and_fragments_share_a_group():
    groups = group_templates([
        "550 5.1.1 <[ADDR]>: user unknown in this table",
        "551 user unknown in this table",
        "the user unknown in this table was looked up",
        "452 mailbox full right now",
    ])  # fmt: skip
    assert groups[0] == groups[1] == groups[2]
    assert groups[3] != groups[0]


def test_the_split_never_parts_a_group(tmp_path):
    lines = "\n".join(
        f"{550 + i % 3} reason number {'abcdefghij'[i // 3]} {'klmnopqrst'[i // 3] * 4}" for i in range(30)
    )
    data = build(
        corpus(tmp_path, f"[user_unknown]\n{lines}\n"),
        [],
        held_out=[],
        categories=CATEGORIES,
        dev_share=0.4,
        labelled_weight=1,
        seed=3,
    )
    words = lambda rows: {row.template.split(" ", 1)[1] for row in rows if row.template}  # noqa: E731
    assert data.dev
    assert not words(data.train) & words(data.dev)


def test_augmentation_is_reproducible_and_varies():
    text = "550 5.1.1 <[ADDR]>: the recipient's mailbox was not found on this server today"
    first = [augment(text, random.Random(seed)) for seed in range(60)]
    assert first == [augment(text, random.Random(seed)) for seed in range(60)]
    assert len(set(first)) > 20
    assert text in first


@pytest.mark.parametrize(
    ("text", "code"), [("550 5.1.1", "5.1.1"), ("5.2.2 rejected", "5.2.2"), ("452 4.2.2 error", "4.2.2")]
)
def test_a_code_that_decides_is_never_dropped(text, code):
    assert all(code in augment(text, random.Random(seed)) for seed in range(300))


def test_words_are_counted_in_every_script():
    assert words_of("mailbox is full") == 2
    assert words_of("メールボックスの容量が超過しています") >= 5
