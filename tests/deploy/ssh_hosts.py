"""Hosts that are reached by a real sshd each, on loopback, with keys that were made for the test alone."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 60
SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/{name}.host-key
AuthorizedKeysFile {folder}/operator.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv PATH={programs}:/usr/bin:/bin
"""
CLIENT = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/operator
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    HostKeyAlias {name}
"""


@dataclass
class SshHosts:
    """Some hosts, and what ssh must be told to reach them as their operator."""

    folder: Path
    ports: Mapping[str, int]
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def start(self, name: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        command = [_program("sshd"), "-D", "-e", "-f", str(self.folder / f"{name}.conf")]
        self.servers[name] = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        _wait_until_it_listens(self.servers[name], self.ports[name], self.folder / f"{name}.log")

    def stop(self, name: str) -> None:
        server = self.servers.pop(name)
        server.terminate()
        server.wait(PATIENCE_SECONDS)


@contextmanager
def ssh_hosts(folder: Path, programs: Mapping[str, Path]) -> Iterator[SshHosts]:
    """These hosts, each with the programs of a folder on its PATH; all known to the client by their keys."""
    if os.geteuid() == 0:
        # Where sshd locks up those who have not logged in yet; its package makes it when it starts the service.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    _make_key(folder / "operator")
    hosts = SshHosts(folder, _free_ports(programs))
    known, told = [], []
    for name, port in hosts.ports.items():
        _make_key(folder / f"{name}.host-key")
        public = (folder / f"{name}.host-key.pub").read_text()
        known.append(f"{name} {public}")
        own = {"name": name, "port": port, "folder": folder, "user": getpass.getuser()}
        (folder / f"{name}.conf").write_text(SERVER.format(programs=programs[name], **own))
        told.append(CLIENT.format(**own))
    hosts.known_hosts.write_text("".join(known))
    hosts.config.write_text("".join(told))
    try:
        for name in programs:
            hosts.start(name)
        yield hosts
    finally:
        for name in list(hosts.servers):
            with suppress(subprocess.TimeoutExpired):
                hosts.stop(name)


def _make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path], check=True)


def _program(name: str) -> str:
    """Its whole path, which sshd insists on."""
    found = shutil.which(name, path=f"/usr/sbin:/usr/local/sbin:{os.environ['PATH']}")
    assert found is not None, f"{name} is missing: scripts/ensure-sshd installs it"
    return found


def _free_ports(names: Mapping[str, Path]) -> dict[str, int]:
    with ExitStack() as held:
        probes = {name: held.enter_context(socket.socket()) for name in names}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in probes.items()}


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """sshd says so in its log."""
    with log.open() as said:
        while f"on 127.0.0.1 port {port}" not in (line := said.readline()):
            assert server.poll() is None, log.read_text()
            if not line:
                with suppress(subprocess.TimeoutExpired):
                    server.wait(0.05)
