"""What all rules need: the folder of the workflow, the digest of its code, and the number of GPUs."""

import io
import os
import sys
import tarfile
import tempfile
from pathlib import Path


def workflow_folder(rules):
    """The folder above this file's, on disk.

    Jobs run our packages, so a workflow that Snakemake reads from a repository's host, as snakedeploy writes it, is
    unpacked from Snakemake's own clone, once for each commit.
    """
    if rules.is_local:
        return Path(rules).parent
    repository = rules.hosted_repo.repo
    commit = repository.commit(rules.ref).hexsha
    folder = Path(".snakemake", "untold", commit).absolute()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unpacked = tempfile.mkdtemp(dir=folder.parent)
        packed = io.BytesIO()
        repository.archive(packed, treeish=commit)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as files:
            files.extractall(unpacked, filter="data")
        try:
            os.rename(unpacked, folder)
        except FileExistsError:  # another process was faster
            pass
    return folder


# The module's folder when Untold is used as a module.
ROOT = workflow_folder(workflow.current_basedir)
sys.path.insert(0, str(ROOT))

from untold.base.devices import visible_gpus
from untold.base.driver import driver_problem
from untold.study.rules import as_json, code_of, scaled_by_attempt
from untold.study.runs import prefer_this_interpreter

prefer_this_interpreter()
# Jobs find our packages here; `python -P` ignores modules of the same name in the study's folder.
os.environ |= {"UNTOLD_PATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}

# Without a GPU none is requested, and jobs get one thread each, because two jobs with one thread are faster than one
# job with two. On clusters, profiles/slurm requests the GPUs.
GPU = min(len(visible_gpus()), 1)
if workflow.is_main_process and (problem := driver_problem()):
    print(f"warning: {problem}; jobs with small models use the CPU, others stop", file=sys.stderr)
MODEL_THREADS = 4 if GPU else 1
CONDA = "../envs/untold.yaml"

code = code_of(ROOT)
