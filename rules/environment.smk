"""What all rules run in: the folder of the workflow, its code, and what this machine has."""

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


# Inside a module this is the module's folder, whoever includes it.
ROOT = workflow_folder(workflow.current_basedir)
sys.path.insert(0, str(ROOT))

from untold.base.devices import gpu_count
from untold.study.rules import as_json, code_of, scaled_by_attempt
from untold.study.runs import prefer_this_interpreter

prefer_this_interpreter()
# Jobs find our packages here, and with `python -P` nothing of the same name in the study's folder.
os.environ |= {"UNTOLD_PATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}

# Without a GPU nothing is reserved, and a thread per job leaves the cores to the shards: two threads in one job are
# slower than one in each of two. Clusters ask for their GPUs in profiles/slurm.
GPU = min(gpu_count(), 1)
MODEL_THREADS = 4 if GPU else 1
CONDA = "../envs/untold.yaml"

code = code_of(ROOT)
