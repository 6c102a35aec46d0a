"""Say whether this machine can run a study, and what the shipped studies cost on it."""

import sys
from pathlib import Path

import yaml

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.study.plan import GeneratedPlan
from untold.study.schema import parse_study
from untold.study.schema_datasets import GeneratedDataset


def main(*, model: Path, results: Path, studies: list[Path]) -> None:
    from untold.synthesis.machine import check_machine, report

    plans = {}
    for file in studies:
        study = parse_study(yaml.safe_load(file.read_text(encoding="utf-8")), str(file))
        for name, dataset in study.datasets.items():
            if isinstance(dataset, GeneratedDataset):
                plans[f"{file}, {name}"] = GeneratedPlan(name, dataset, study)
    if not report(check_machine(model, results, plans)):
        sys.exit(1)


if __name__ == "__main__":
    with own_gpu():
        run(main)
