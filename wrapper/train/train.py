"""Train the model of PHP code, and write the table that the product carries. Nothing of this is part of the product.

    python wrapper/train/train.py --malicious FOLDER... --clean FOLDER... [--never FOLDER...] [--out FOLDER]

Each folder below a given one is one project. It needs scikit-learn (dependency
group ``train``) and about 8 GB of memory. At most 3,000 files of one clean project count, so that none decides alone.

1. Each file becomes features exactly as the product makes them. Copies count once; files that also lie in a folder of
   ``--never`` (what is kept for measuring) are left out.
2. Features that stand in fewer than three projects and in fewer than six malicious files are dropped: what is left does
   not name an application or an author.
3. Folds leave out whole projects. Malicious files that the others find to be clean by far, and in which nothing else
   was found, are taken for wrongly labelled and dropped.
4. The heaviest features are kept, and the model is fitted once more on them alone.
5. The thresholds come from clean files of projects that the fold has not seen: 0.05 % of them above ``high``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from ungcuu.detect.content import judge, model, tokens
from ungcuu.detect.content.functions import names

KEPT = 60_000
MOST = 3_000  # files of one clean project
PASSED = {"high": 0.0005, "medium": 0.002}  # share of unseen clean files above each threshold
FOLDS = 4
MISLABELLED = -2.5
SKIPPED = names(".md .html .htm .js .css .svg .xml .json .yml .jsp .jspx .asp .aspx .png .jpg .gif .zip .go .py .pl")


@dataclass
class Samples:
    """Files as rows of features, whether each is malicious, its project, and whether rules or structure judge it."""

    rows: list[np.ndarray]
    malicious: np.ndarray
    project: np.ndarray
    judged: np.ndarray


def files(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """Yield (project, file)."""
    for folder in folders:
        for project in sorted(one for one in folder.iterdir() if one.is_dir()):
            for path in sorted(project.rglob("*")):
                if path.is_file() and not path.is_symlink() and path.suffix.lower() not in SKIPPED:
                    yield project.name, path


def digest(path: Path) -> str:
    """Return the sum by which copies are known."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def gather(malicious: list[Path], clean: list[Path], never: list[Path]) -> Samples:
    """Read all files once."""
    seen = {digest(path) for _project, path in files(never)}
    rows, labels, projects, judged = [], [], [], []
    for label, folders in ((True, malicious), (False, clean)):
        counts: Counter[str] = Counter()
        for project, path in files(folders):
            if not label and counts[project] >= MOST:
                continue
            data = path.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            found = judge.see(path.name, data) if key not in seen else None
            seen.add(key)
            if found is None or found.kind != "php":
                continue
            features = tokens.features(found.code, found.pieces)
            rows.append(np.fromiter(features, dtype=np.uint32, count=len(features)))
            labels.append(label)
            projects.append(project)
            counts[project] += 1
            judged.append(bool(judge.CRITICAL & found.marks.keys() or "high" in found.rules.values()))
    return Samples(rows, np.array(labels), np.array(projects), np.array(judged))


def matrix(samples: Samples) -> tuple[sp.csr_matrix, np.ndarray]:
    """Return rows divided by the root of their features, and the key of each column that is common enough."""
    sizes = np.array([len(row) for row in samples.rows])
    keys, columns = np.unique(np.concatenate(samples.rows), return_inverse=True)
    ends = np.concatenate(([0], np.cumsum(sizes)))
    shape = (len(sizes), len(keys))
    data = sp.csr_matrix((np.ones(len(columns), np.float32), columns.astype(np.int32), ends), shape=shape)
    names, index = np.unique(samples.project, return_inverse=True)
    member = sp.csr_matrix(
        (np.ones(len(index), np.float32), (index, np.arange(len(index)))), shape=(len(names), len(index))
    )
    in_projects = np.asarray(((member @ data) > 0).sum(0)).ravel()
    in_malicious = np.asarray(data[samples.malicious].sum(0)).ravel()
    kept = (in_projects >= 3) | (in_malicious >= 6)
    scale = sp.diags((1 / np.sqrt(np.maximum(sizes, model.LEAST))).astype(np.float32))
    return (scale @ data[:, kept]).tocsr(), keys[kept]


def fit(data: sp.csr_matrix, malicious: np.ndarray) -> LogisticRegression:
    """Fit one model."""
    return LogisticRegression(C=30, solver="liblinear", dual=True, max_iter=80, tol=0.02).fit(data, malicious)


def unseen(data: sp.csr_matrix, samples: Samples, kept: np.ndarray) -> np.ndarray:
    """Return what each file gets from a model that has seen nothing of its project."""
    names, index = np.unique(samples.project, return_inverse=True)
    fold = np.random.default_rng(1).permutation(len(names))[index] % FOLDS
    sums = np.zeros(len(fold))
    for number in range(FOLDS):
        train = (fold != number) & kept
        fitted = fit(data[train], samples.malicious[train])
        sums[fold == number] = fitted.decision_function(data[fold == number])
    return sums


def lightest(fitted: LogisticRegression, data: sp.csr_matrix) -> np.ndarray:
    """Return the columns worth keeping: by their weight, and by how often they stand in a file."""
    common = np.sqrt(np.asarray((data > 0).sum(0)).ravel())
    return np.sort(np.argsort(-np.abs(fitted.coef_[0]) * common)[:KEPT])


def write(out: Path, keys: np.ndarray, fitted: LogisticRegression, about: dict[str, object]) -> None:
    """Write the table, each weight as one signed byte."""
    weights = fitted.coef_[0]
    unit = float(np.percentile(np.abs(weights), 99.9)) / 127
    steps = np.clip(np.round(weights / unit), -127, 127).astype(np.int8)
    used = steps != 0
    packed = array("I", keys[used].astype(np.uint32).tolist())
    if sys.byteorder == "big":
        packed.byteswap()
    (out / "weights.bin").write_bytes(packed.tobytes() + steps[used].tobytes())
    head = {"features": int(used.sum()), "unit": unit, "bias": float(fitted.intercept_[0])}
    (out / "weights.json").write_text(json.dumps(head | about, indent=1) + "\n")


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--malicious", "--clean"):
        parser.add_argument(name, nargs="+", type=Path, required=True)
    parser.add_argument("--never", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path, default=model.FOLDER)
    args = parser.parse_args()
    samples = gather(args.malicious, args.clean, args.never)
    data, keys = matrix(samples)
    everything = np.ones(len(samples.rows), bool)
    sums = unseen(data, samples, everything)
    kept = ~(samples.malicious & (sums < MISLABELLED) & ~samples.judged)
    columns = lightest(fit(data[kept], samples.malicious[kept]), data)
    small = data[:, columns]
    sums = unseen(small, samples, kept)
    clean = np.sort(sums[~samples.malicious & ~samples.judged])[::-1]
    levels = {name: float(clean[int(share * len(clean))]) for name, share in PASSED.items()}
    about = {
        **levels,
        "source": "public collections of malicious PHP and public projects, 2026-11",
        "trained": f"{datetime.now(UTC):%Y-%m-%d}",
        "malicious_files": int((samples.malicious & kept).sum()),
        "dropped_as_mislabelled": int((~kept).sum()),
        "clean_files": int((~samples.malicious).sum()),
        "clean_projects": len(set(samples.project[~samples.malicious])),
    }
    write(args.out, keys[columns], fit(small[kept], samples.malicious[kept]), about)
    found = (sums >= levels["high"]) | samples.judged
    for project in sorted(set(samples.project)):
        chosen = (samples.project == project) & kept
        label = "malicious" if samples.malicious[chosen].any() else "clean"
        print(f"{project:<32} {label:<10} {chosen.sum():>6} files {100 * found[chosen].mean():8.3f} % found")


if __name__ == "__main__":
    main()
