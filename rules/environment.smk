"""What every rule runs in: the workflow's folder, its code, and what this machine has."""

import os
import sys
from pathlib import Path

# Inside a module this is the module's folder, whoever includes it; rules/ lies in the workflow's.
ROOT = Path(workflow.current_basedir).parent
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
