"""The array and the data frame that are stored and read."""

import os

import numpy as np
import pandas as pd

BYTES = int(os.environ.get("BENCH_MIB", "256")) << 20


def make_array() -> np.ndarray:
    """Make random numbers: nothing that would compress well."""
    return np.random.default_rng(1).random(BYTES // 8)


def use_array(array: np.ndarray) -> float:
    """Touch every number."""
    return float(array.sum())


def make_frame() -> pd.DataFrame:
    """Make a table with the usual kinds of columns."""
    random = np.random.default_rng(1)
    rows = BYTES // 78
    words = np.array([f"customer-{number:03}" for number in range(1000)])
    return pd.DataFrame(
        {
            "price": random.random(rows),
            "weight": random.normal(size=rows),
            "height": random.normal(size=rows),
            "score": random.random(rows).round(2),
            "count": random.integers(0, 1000, rows),
            "id": np.arange(rows),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="s"),
            "paid": random.random(rows) < 0.9,
            "country": pd.Categorical.from_codes(
                random.integers(0, 50, rows), [f"country {number}" for number in range(50)]
            ),
            "customer": pd.array(words[random.integers(0, 1000, rows)], dtype="str"),
        }
    )


def use_frame(frame: pd.DataFrame) -> float:
    """Touch every column."""
    numbers = frame.select_dtypes("number").sum().sum()
    texts = (frame["customer"] == "customer-007").sum()
    rest = frame["paid"].sum() + frame["country"].cat.codes.sum()
    return float(numbers + texts + rest + frame["when"].max().timestamp())
