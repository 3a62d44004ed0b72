"""What the quick way of retraining takes for widely known words."""

import numpy as np

from classifier.bundle import load_bundle
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource
from training.dataset import Dataset, Row
from training.feedback_rows import Feedback
from training.heads import fitted
from training.lesson import Lesson, Memory


def row(text, label, cause=""):
    return Row(template=text, target={label: 1.0}, lang="en", source="a", weight=4.0, cause=cause)


def test_a_word_of_the_corpus_is_dear_unless_only_texts_of_fine_causes_have_it(tmp_path):
    bundle = load_bundle(resource("models/standard"))
    model = OnnxPredictor(bundle)
    label = row("554 orchard", "user_unknown")
    lesson = Lesson(
        champion=bundle,
        feedback=Feedback(learnt=[label], held_out=[], labels_until=1, sha256="0"),
        data=Dataset(train=[], dev=[], conflicts=[], hashes={}),
        version="9",
        out=tmp_path,
    )

    def says(cause):
        """Return how loudly the label's word speaks for its category, beside a memory that has it in forty other texts."""
        kept = [row(f"552 5.2.2 orchard mailbox {n} over quota", "mailbox_full", cause) for n in range(40)]
        memory = Memory(rows=kept, logits=model.encode([each.template for each in kept])[0])
        table = fitted(lesson, memory, model, model)
        pieces = model.tokens("orchard")[1:-1]
        return float(table.rows[pieces, list(bundle.manifest.categories).index("user_unknown")].sum())

    usual, jargon = says(""), says("orchard_full")
    assert np.isfinite([usual, jargon]).all()
    assert jargon > 1.5 * usual > 0
