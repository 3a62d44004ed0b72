from training.dataset import Row
from training.suspects import find_suspects


def test_a_wrong_label_among_many_right_ones_is_found():
    def row(template, label):
        return Row(template=template, target={label: 1.0}, lang="en", source="s", weight=1.0)

    words = ["north", "south", "east", "west", "green", "blue", "red", "grey", "first", "second"]
    rows = [row(f"550 mailbox of {a} {b} is full and over quota", "mailbox_full") for a in words for b in words[:4]]
    rows += [row(f"550 no such user {a} {b} at this domain", "user_unknown") for a in words for b in words[:4]]
    rows.append(row("550 the mailbox is full and over quota today", "user_unknown"))
    found = find_suspects(rows, ["mailbox_full", "user_unknown"])
    assert found[0].row is rows[-1]
    assert found[0].suggestion == "mailbox_full"
    assert found[0].self_confidence < 0.5
