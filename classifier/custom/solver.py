"""Solves for the weights of a head, as a process of its own: scikit-learn costs 150 MB and a second to load.

    npz on standard input: rows, classes (numbers), weights, strength  ->  npz on standard output: weights, bias

Nothing of the package is imported here, so that the process starts at once, and loads while its parent still encodes.
"""

import io
import sys
import warnings

import numpy as np


def solve(stream: bytes) -> bytes:
    """Fit a multinomial logistic regression; return its weights (features, classes) and bias (classes)."""
    from sklearn.linear_model import LogisticRegression

    with np.load(io.BytesIO(stream), allow_pickle=False) as given:
        rows, classes, weights, strength = (given[k] for k in ("rows", "classes", "weights", "strength"))
    with warnings.catch_warnings():
        # A few more iterations would move the third digit: the limit is there on purpose.
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=float(strength), max_iter=150, tol=1e-3)
        model.fit(rows.astype(np.float32), classes, sample_weight=weights)
    coefficients, bias = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes share one row: the second's score against zero
        coefficients, bias = np.vstack([0 * coefficients, coefficients]), np.array([0.0, bias[0]])
    out = io.BytesIO()
    np.savez(out, weights=coefficients.T.astype(np.float32), bias=bias.astype(np.float32))
    return out.getvalue()


if __name__ == "__main__":
    import sklearn.linear_model  # noqa: F401  # loads while the parent encodes

    sys.stdout.buffer.write(solve(sys.stdin.buffer.read()))
