import numpy as np
import pytest
from scipy.stats import chi2

from classifier.drift.chance import chi_square_tail, shift


@pytest.mark.parametrize("df", [1, 2, 3, 5, 28])
@pytest.mark.parametrize("x", [0.0, 0.5, 3.0, 30.0, 300.0])
def test_the_tail_of_chi_square_is_that_of_the_books(df, x):
    assert chi_square_tail(x, df) == pytest.approx(chi2.sf(x, df), rel=1e-9)


def test_equal_shares_are_no_shift_and_other_shares_are_one():
    past = np.tile([80.0, 20.0], (28, 1))
    assert shift(past, past[:1]).distance == pytest.approx(0)
    assert shift(past, past[:1]).chance > 0.9
    found = shift(past, np.array([[40.0, 60.0]]))
    assert found.distance == pytest.approx(0.4)
    assert found.chance < 1e-10
    assert found.failures == 100


def test_days_that_always_differ_make_a_difference_less_surprising():
    steady = np.tile([50.0, 50.0], (28, 1))
    wild = np.array([[80.0, 20.0], [20.0, 80.0]] * 14)
    recent = np.array([[75.0, 25.0]])
    assert shift(steady, recent).chance < 1e-5
    assert shift(wild, recent).chance > 0.05


def test_one_outage_in_the_past_does_not_hide_the_next():
    past = np.tile([95.0, 5.0], (28, 1))
    past[7] = [5.0, 95.0]
    assert shift(past, np.array([[10.0, 90.0]])).chance < 1e-10


def test_few_failures_prove_little():
    assert shift(np.tile([8.0, 2.0], (28, 1)), np.array([[1.0, 3.0]])).chance > 1e-6


def test_a_sort_that_never_came_before_counts():
    found = shift(np.tile([50.0, 0.0], (28, 1)), np.array([[20.0, 40.0]]))
    assert found.chance < 1e-10
    assert shift(np.tile([50.0], (28, 1)), np.array([[20.0]])).chance == 1.0
