"""A linear model of PHP code: the sum of the weights of what stands in it. The table was trained outside the product.

`weights.bin` holds the keys (unsigned, 32 bits, little endian, ascending), then a signed byte for each key's weight;
`weights.json` says where they come from, what a byte is worth, and from which sum on a file is `medium` and `high`.
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
LEAST = 30  # features: a shorter file counts as if it had so many, or one word would decide


@dataclass(frozen=True)
class Weighed:
    """What the model makes of one file: the severity alone, and the keys that weighed most, heaviest first."""

    severity: str = "none"
    score: int = 0
    heaviest: tuple[int, ...] = ()


NOTHING = Weighed()


@dataclass(frozen=True)
class Model:
    """The table. ``unit``: what one step of a weight is worth; a file's sum is divided by the root of its features."""

    weights: Mapping[int, int]
    unit: float
    bias: float
    medium: float
    high: float

    def sum(self, features: Set[int]) -> float:
        """Return the sum of a file."""
        known = self.weights
        total = sum(known[one] for one in features if one in known)
        return total * self.unit / math.sqrt(max(len(features), LEAST)) + self.bias


@cache
def load() -> Model:
    """Return the table that came with this version."""
    about = json.loads((FOLDER / "weights.json").read_text())
    data = (FOLDER / "weights.bin").read_bytes()
    count = int(about["features"])
    keys, values = array("I"), array("b")
    keys.frombytes(data[: 4 * count])
    values.frombytes(data[4 * count :])
    if sys.byteorder == "big":
        keys.byteswap()
    return Model(
        dict(zip(keys, values, strict=True)), *(float(about[name]) for name in ("unit", "bias", "medium", "high"))
    )


def weigh(features: Set[int]) -> Weighed:
    """Return what the model makes of a file's features."""
    model = load()
    total = model.sum(features)
    severity = "high" if total >= model.high else "medium" if total >= model.medium else "none"
    score = round(100 / (1 + math.exp(-max(-30.0, min(30.0, total - model.high + math.log(9))))))
    if severity == "none":
        return Weighed(severity, min(score, 49))
    heavy = sorted((one for one in features if model.weights.get(one, 0) > 0), key=lambda one: -model.weights[one])
    return Weighed(severity, score, tuple(heavy[:200]))
