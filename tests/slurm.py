"""A real SLURM cluster with one node on this machine: munge, controller and node daemon, without accounting."""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

CONFIGURATION = Path("/etc/slurm/slurm.conf")
MARK = "# Written by tests/slurm.py; removed when the tests end.\n"
NAME = "untold-test"
DAEMONS = ("munged", "slurmctld", "slurmd")


def why_not() -> str | None:
    """Return the reason why a cluster cannot be started here, or None if it can."""
    if os.geteuid():
        return "the SLURM daemons need root"
    os.environ["PATH"] += ":/usr/sbin"
    if missing := [name for name in (*DAEMONS, "sbatch") if not shutil.which(name)]:
        return f"{', '.join(missing)} not installed (Debian: slurm-wlm, munge)"
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(MARK):
        return f"this machine has a {CONFIGURATION} of its own"
    return None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Cluster:
    """Cluster with the partitions ``cpu`` and ``gpu`` on one node that declares at least eight cores on any machine.

    The node declares two devices as GPUs (``/dev/zero`` and ``/dev/full``), so that a job that requests a GPU is
    scheduled and gets its CUDA_VISIBLE_DEVICES as on a real cluster. Memory is declared, not measured.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.host = socket.gethostname().split(".")[0]
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        self.folder.mkdir(parents=True)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        gres = self.folder / "gres.conf"
        gres.write_text("Name=gpu File=/dev/zero\nName=gpu File=/dev/full\n")
        CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
        CONFIGURATION.write_text(MARK + self._configuration())
        # SLURM expects this file in the folder of slurm.conf.
        shutil.copy(gres, CONFIGURATION.with_name("gres.conf"))
        munge = [f"--{name}-file={self.folder / 'munge'}.{name}" for name in ("pid", "log", "seed")]
        self._spawn(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket", *munge
        )
        wait_for(lambda: (self.folder / "munge.socket").exists(), "munged to listen")
        self._spawn("slurmctld", "-D", "-i")
        self.start_node()

    def _configuration(self) -> str:
        cores = max(8, os.cpu_count() or 1)
        return f"""\
ClusterName={NAME}
SlurmctldHost={self.host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser=root
AuthInfo=socket={self.folder}/munge.socket,cred_expire=30
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=1
SlurmdParameters=config_overrides
SlurmdTimeout=20
ReturnToService=2
KillWait=5
MinJobAge=3600
GresTypes=gpu
NodeName={self.host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes={self.host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=gpu Nodes={self.host} MaxTime=INFINITE State=UP OverSubscribe=NO
"""

    def _spawn(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.out").open("a")
        self.processes[name] = subprocess.Popen([name, *arguments], stdout=log, stderr=log, start_new_session=True)

    def start_node(self) -> None:
        """Start the daemon of the node and wait until the controller can schedule jobs on it."""
        self._spawn("slurmd", "-D")
        wait_for(lambda: self._state() in ("idle", "mixed", "allocated"), "the node to be ready")

    def _state(self) -> str:
        shown = subprocess.run(["sinfo", "-h", "-p", "cpu", "-o", "%T"], capture_output=True, text=True, check=False)
        return shown.stdout.strip()

    def jobs(self) -> list[dict[str, str]]:
        """Return every job that the controller remembers, as the controller describes it."""
        shown = subprocess.run(["scontrol", "-o", "show", "jobs"], capture_output=True, text=True, check=False)
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in shown.stdout.splitlines() if "JobId" in line]

    def of_rule(self, rule: str) -> list[dict[str, str]]:
        """Return the jobs of one rule, which Snakemake's plugin names in the comment."""
        return [job for job in self.jobs() if job.get("Comment", "").startswith(f"rule_{rule}_wildcards")]

    def kill_node(self) -> None:
        """Simulate the power loss of a node by killing its daemon and everything that it started at once.

        Return when the controller has noticed it and requeued the jobs of the node.
        """
        self.processes["slurmd"].kill()
        self.processes["slurmd"].wait()
        for process in self._started_by_node():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_for(lambda: "down" in self._state(), "the controller to miss the node")

    def _started_by_node(self) -> list[int]:
        """Return the step daemons, which only this cluster starts here, and the processes of jobs."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                step = (process / "cmdline").read_bytes().startswith(b"slurmstepd")
                if step or f"SLURM_CLUSTER_NAME={NAME}\0".encode() in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found

    def stop(self) -> None:
        subprocess.run(["scancel", "-u", "root"], check=False)
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        for process in self._started_by_node():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for name in ("slurm.conf", "gres.conf"):
            CONFIGURATION.with_name(name).unlink(missing_ok=True)


def wait_for(happened, what: str, limit: float = 300) -> None:
    end = time.monotonic() + limit
    while not happened():
        assert time.monotonic() < end, f"waited {limit} s for {what}"
        time.sleep(0.2)
