"""Weighted linear models of few variables, in double precision (NumPy only)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

_SWEEPS = 10_000
_CONVERGED = 1e-12  # largest change of a coefficient in a sweep, relative to the largest coefficient


def ridge(inputs: Values, outputs: Values, weights: Values, penalty: float) -> tuple[Values, float]:
    """Coefficients [M] and intercept that minimise Σ w (y − b − xβ)² + penalty · ‖β‖².

    ``inputs`` [N, M], ``outputs`` [N], ``weights`` [N] ≥ 0 with a positive sum. Without penalty, ordinary
    weighted least squares; of many solutions the shortest. The intercept is not penalised.
    """
    centred, target, means, mean = _centred(inputs, outputs, weights)
    root = np.sqrt(weights)[:, None]
    rows, values = root * centred, root[:, 0] * target
    if penalty > 0:
        variables = inputs.shape[1]
        rows = np.vstack([rows, np.sqrt(penalty) * np.eye(variables)])
        values = np.concatenate([values, np.zeros(variables)])
    coefficients: Values = np.linalg.lstsq(rows, values, rcond=None)[0].astype(np.float64)
    return coefficients, mean - float(means @ coefficients)


def lasso(inputs: Values, outputs: Values, weights: Values, penalty: float) -> tuple[Values, float]:
    """Coefficients [M] and intercept that minimise Σ w (y − b − xβ)² / (2 Σ w) + penalty · ‖β‖₁.

    Coordinate descent; arguments as in ridge.
    """
    centred, target, means, mean = _centred(inputs, outputs, weights)
    share = weights / weights.sum()
    gram, moments = centred.T @ (share[:, None] * centred), centred.T @ (share * target)
    coefficients = np.zeros(inputs.shape[1])
    for _ in range(_SWEEPS):
        change = 0.0
        for variable in range(len(coefficients)):
            if gram[variable, variable] <= 0:  # a variable that never varies
                continue
            before = coefficients[variable]
            pull = moments[variable] - gram[variable] @ coefficients + gram[variable, variable] * before
            shrunk = np.sign(pull) * max(abs(pull) - penalty, 0.0)
            coefficients[variable] = shrunk / gram[variable, variable]
            change = max(change, abs(coefficients[variable] - before))
        if change <= _CONVERGED * np.abs(coefficients).max(initial=0.0):
            break
    return coefficients, mean - float(means @ coefficients)


def determination(outputs: Values, predicted: Values, weights: Values) -> float:
    """Weighted R²: the share of the outputs' variance that the model explains; 1 where they do not vary."""
    mean = float(weights @ outputs / weights.sum())
    total = float(weights @ (outputs - mean) ** 2)
    return 1 - float(weights @ (outputs - predicted) ** 2) / total if total > 0 else 1.0


def shapley_values(coalitions: Values, outputs: Values, weights: Values, empty: float, full: float) -> Values:
    """Values φ [M] that minimise Σ w (y − f(∅) − zφ)² under Σ φ = f(all) − f(∅).

    ``coalitions`` [N, M] of zeros and ones, neither empty nor full, ``outputs`` [N] their scores,
    ``weights`` [N], ``empty`` and ``full`` the scores of the two extreme coalitions. With the Shapley kernel
    over all coalitions these are the Shapley values. The constraint holds exactly: it is used to eliminate
    the last variable.

    Source: Lundberg and Lee, NeurIPS 2017, theorem 2.
    """
    gain, players = full - empty, coalitions.shape[1]
    if players == 1 or not len(coalitions):
        return np.full(players, gain / players)
    last = coalitions[:, -1:]
    root = np.sqrt(weights)
    rows = root[:, None] * (coalitions[:, :-1] - last)
    values = root * (outputs - empty - last[:, 0] * gain)
    first = np.linalg.lstsq(rows, values, rcond=None)[0]
    return np.append(first, gain - first.sum())


def _centred(inputs: Values, outputs: Values, weights: Values) -> tuple[Values, Values, Values, float]:
    """Inputs and outputs without their weighted means, and the means."""
    share = weights / weights.sum()
    means, mean = share @ inputs, float(share @ outputs)
    return inputs - means, outputs - mean, means, mean
