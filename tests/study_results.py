"""A small file of study results, for tests of what shows them."""

import json
from pathlib import Path
from typing import Any

FOUR = ["normal", "abnormal_heartbeat", "mi", "history_of_mi"]


def score(accuracy: float, n: int = 100) -> dict[str, Any]:
    right = round(accuracy * n / 4)
    wrong = n // 4 - right
    confusion = [[right if i == j else (wrong if j == (i + 1) % 4 else 0) for j in range(4)]
                 for i in range(4)]  # fmt: skip
    figures = {"precision": accuracy, "recall": accuracy, "f1": accuracy, "specificity": 0.9}
    return {
        "accuracy": accuracy,
        "accuracy_95": [accuracy - 0.04, accuracy + 0.03],
        "macro_f1": accuracy - 0.1,
        "macro_f1_95": [accuracy - 0.15, accuracy - 0.05],
        "per_class": {
            label: {**figures, "precision": None if label == "mi" else accuracy, "support": n // 4}
            for label in FOUR
        },
        "confusion": confusion,
        "sheets": n,
    }


def run(name: str, title: str, protocol: str, accuracy: float, **other: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "protocol": protocol,
        "leaky": protocol == "random",
        "classes": FOUR,
        "schedule": "full",
        "epochs": 20,
        "n_train": 700,
        "n_test": 100,
        "n_test_different": 60 if protocol == "random" else 100,
        "n_by_class": dict.fromkeys(FOUR, 25),
        "all": score(accuracy),
        "only_3x4": score(accuracy - 0.02, 80),
        "published": [],
        "cost": {"seconds": 93.0, "device": "2 CPU cores"},
        "environment": {},
        "data_sha256": "0" * 64,
        "kind": "model",
        "note": "",
    } | other


def published(value: float) -> list[dict[str, Any]]:
    figure = {"metric": "accuracy", "value": value, "protocol": "80/10/10 at random"}
    return [figure | {"n_classes": 5}]


RUNS = [
    run("cnn2d", "2-D CNN on thirteen leads", "random", 0.96, published=published(0.98)),
    run("cnn2d", "2-D CNN on thirteen leads", "grouped", 0.72, published=published(0.98)),
    run("vit", "Vision transformer on the page", "random", 0.88, published=published(0.86),
        schedule="shortened", epochs=3, note="Trained for 3 epochs of 35."),
    run("vit", "Vision transformer on the page", "holdout", 0.6, published=published(0.86),
        schedule="shortened", epochs=3),
    run("svm", "Support vector machine", "grouped", 0.64, epochs=0),
    run("layout", "Layout alone", "grouped", 0.52, kind="confounder", epochs=0, only_3x4=None),
]  # fmt: skip


def write(path: Path, runs: list[dict[str, Any]] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"runs": RUNS if runs is None else runs}))
