"""An instance: a machine with an init of its own, in a namespace, that starts as its metadata tells it."""

import json
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from bookstore.deploying.programs import run
from bookstore.lab import programs, wires
from bookstore.lab.plan import REGISTRY
from tests.instances import metadata

BRIDGE = "bookstore-aws"
GATEWAY, NETWORK_BITS = "10.20.255.254", 16
API = f"http://{GATEWAY}:5001"
# What differs from an instance of EC2. Files on EFS and in CloudWatch are none of ours, and this database has no
# certificate that Amazon's authority knows.
LOCAL_SETTINGS = f"""
AWS_ENDPOINT_URL={API}
DATABASE_AUTHORITY=
LOG_GROUP=
SESSION_AGENT=
"""
# The image has no locales to choose one from. And a service that fails may never end here, with user data
# waiting for it: the first version of control groups tells nobody within a machine that one is empty.
CLOUD_INIT = """
locale: false
datasource_list: [Ec2]
datasource: {Ec2: {strict_id: false, max_wait: 60, timeout: 5}}
network: {config: disabled}
apt: {preserve_sources_list: true}
"""
# The kernel has no NFS: a folder of this machine plays it, and keeps with which options it would have been mounted.
MOUNT_NFS = """#!/bin/sh
echo "$@" >>/srv/efs/.options
exec mount --bind /srv/efs "$2"
"""
# An engine makes groups of its own in those of its machine, which nspawn shows it to look at alone.
DOCKER = """[Service]
ExecStartPre=/bin/sh -c 'for it in /sys/fs/cgroup/*; do mount -o remount,bind,rw "$$it"; done'
"""
# An engine tells its machine to pass packets on, which the network of a namespace in nspawn does not let it.
LET_PASS = "echo 1 >/proc/sys/net/ipv4/ip_forward"
# What cloud-init says when nobody tells it what to do.
NOBODY = "No instance datasource found"
# The registry also plays the one where images without a host in their name are, such as MySQL's.
ENGINE = {
    "insecure-registries": [REGISTRY],
    "registry-mirrors": [f"http://{REGISTRY}"],
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
}


@dataclass(frozen=True)
class Instance:
    """`name` is its id; `disk` the device of the disk that outlives it, if it has one."""

    name: str
    address: str
    folder: Path
    state: Path
    disk: Path | None = None

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def namespace(self) -> str:
        return f"aws-{self.name[-8:]}"

    @property
    def log(self) -> str:
        """What user data has said until now."""
        path = self.root / "var/log/cloud-init-output.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def has_begun_well(self) -> bool | None:
        """Whether user data came to its good end; None as long as it goes on."""
        said = [line for line in self.log.splitlines() if line.startswith("bookstore: ")]
        if "bookstore: ready" in said:
            return True
        has_failed = any(line.startswith("bookstore: failed") for line in said) or NOBODY in self.log
        return False if has_failed else None

    def start(self, lower: Path, files: Path) -> None:
        """Plug it in and let it boot. `files` plays the file system that all share."""
        self._plug_in()
        self._make_root(lower)
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            f"--directory={self.root}",
            f"--network-namespace-path=/run/netns/{self.namespace}",
            f"--machine={self.name}",
            "--register=no",
            "--keep-unit",
            "--capability=all",
            "--system-call-filter=@keyring bpf @clock",
            "--resolv-conf=off",
            "--console=pipe",
            f"--bind={self._place_of_docker()}",
            f"--bind={files}:/srv/efs",
        ]
        programs.start(self.state, self.name, command, {"SYSTEMD_NSPAWN_USE_CGNS": "1"})

    def run(self, *command: str) -> str:
        """What a program says on the instance."""
        return run(["nsenter", "--target", str(self._init()), "--all", *command])

    def cut_power(self) -> None:
        """The machine and all on it end at once."""
        os.kill(self._init(), signal.SIGKILL)
        programs.wait_until(lambda: programs.running(self.state, self.name) is None, 30)

    def remove(self) -> None:
        """End it, if it runs, and leave nothing of it."""
        if programs.running(self.state, self.name) is not None:
            self.cut_power()
        programs.stop(self.state, self.name)
        if self.root.is_mount():
            run(["umount", "--lazy", str(self.root)])
        if Path(f"/run/netns/{self.namespace}").exists():
            run(["ip", "netns", "delete", self.namespace])
        shutil.rmtree(self.folder, ignore_errors=True)

    def _init(self) -> int:
        """The first process of the instance, which this machine knows by another number."""
        outer = programs.running(self.state, self.name)
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        return int(children[0])

    def _place_of_docker(self) -> str:
        """What is bound for it: no engine keeps layers of images on a root that is made of layers itself."""
        if self.disk is not None:
            return str(self.disk)
        folder = self.folder / "docker"
        folder.mkdir(exist_ok=True)
        return f"{folder}:/var/lib/docker"

    def _plug_in(self) -> None:
        inside = ["ip", "-n", self.namespace]
        wires.plug_in(BRIDGE, self.namespace, f"aws{self.name[-8:]}", f"{self.address}/{NETWORK_BITS}")
        run([*inside, "route", "add", "default", "via", GATEWAY])
        run([*inside, "route", "add", f"{metadata.ADDRESS}/32", "dev", "eth0"])
        run(["ip", "netns", "exec", self.namespace, "sh", "-c", LET_PASS])

    def _make_root(self, lower: Path) -> None:
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={lower},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)])
        self._write("etc/resolv.conf", f"nameserver {GATEWAY}\n")
        disk = "" if self.disk is None else f"VOLUME_DEVICE={self.disk}\n"
        self._write("etc/bookstore/local.env", LOCAL_SETTINGS + disk)
        self._write("etc/cloud/cloud.cfg.d/90_instance.cfg", CLOUD_INIT)
        self._write("etc/cloud/ds-identify.cfg", "policy: enabled\n")
        self._write("etc/docker/daemon.json", json.dumps(ENGINE))
        self._write("etc/systemd/system/docker.service.d/groups.conf", DOCKER)
        self._write("usr/sbin/mount.nfs4", MOUNT_NFS, mode=0o755)

    def _write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(mode)
