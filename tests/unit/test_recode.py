"""What a wrong character set did is undone; what only looks like it stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.recode import recode

MEANT = (
    "La boîte aux lettres de l’élève est pleine à ras bord",
    "Das Postfach ist überfüllt – bitte später",
    "El buzón está lleno; inténtelo mañana",
    "Skrzynka pełna, spróbuj później",
    "Ящик переполнен",
    "Posta kutusu doldu, lütfen bekleyin: ğışö",
    "メールボックスがいっぱいです",
    "메일함이 가득 찼습니다",
    "邮箱已满",
)


@pytest.mark.parametrize("meant", MEANT)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_utf_8_that_was_read_as_latin_1_is_read_again(meant, times):
    damaged = meant
    for _ in range(times):
        damaged = damaged.encode().decode("latin-1")
    assert recode(damaged) == meant
    assert recode(meant) == meant


@pytest.mark.parametrize("meant", MEANT[:3])
def test_utf_8_that_was_read_as_windows_1252_is_read_again(meant):
    assert recode(meant.encode().decode("cp1252", "surrogateescape").replace("\udc90", "\x90")) == meant


def test_a_no_break_space_that_was_folded_is_found_again():
    assert recode("La boÃ®te est pleine Ã ras bord") == "La boîte est pleine à ras bord"


@pytest.mark.parametrize(
    ("damaged", "meant"),
    [
        ("bo=C3=AEte", "boîte"),
        ("552 Bo=EEte pleine", "552 Boîte pleine"),
        ("550 full=20\n", "550 full \n"),
        ("550=205.1.1=20User=20unknown", "550 5.1.1 User unknown"),
        ("Postfach &amp;uuml;berf&uuml;llt", "Postfach überfüllt"),
        ("&lt;br&gt;", "<br>"),
    ],
)
def test_what_was_encoded_for_transport_is_decoded(damaged, meant):
    assert recode(damaged) == meant


@pytest.mark.parametrize(
    "text",
    [
        "554 AUTHRES=FAIL",
        "TLS handshake failed, verify=FAIL required",
        "rejected: country=DE",
        "id=DEADBEEF retry=20s",
        "« réservé…» et « payé »",
        "MESSAGE REFUSÉ\u00a0: boîte pleine",
        "Der Benutzer „Weiß“ existiert nicht, viel Spaß… Ü– und Ö›",
        "ESPAÑ… „Ä“",
        "ÜBERFÜLLT: „Postfach“",
        "São Paulo: caixa não existe",
        "CAIXA NÃO EXISTE",
        "550 5.1.1 no such user",
        "Ã",
        "",
    ],
)
def test_what_was_meant_stays(text):
    assert recode(text) == text


@given(
    st.lists(st.sampled_from([*MEANT, "Ã", "â€", "Ã©", "=C3", "=20", "=", "&amp;", "&", "é", "\x9d", " ", "x"])).map(
        "".join
    )
)
def test_recoding_again_changes_nothing_more_than_a_few_rounds_would(text):
    again = recode(recode(recode(text)))
    assert recode(again) == again
