"""The configuration of the load balancer, as HAProxy itself reads it."""

import shutil
import subprocess
from pathlib import Path

from bookstore.deploying.swarm.balancer import configuration

STACK_FILES = Path(__file__).parents[2] / "deploy" / "swarm"


def test_haproxy_accepts_its_configuration(tmp_path: Path) -> None:
    certificate = tmp_path / "shop.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")]
    subprocess.run([*make, "-subj", "/CN=shop.test", *files], check=True, capture_output=True)
    certificate.write_text((tmp_path / "crt").read_text() + (tmp_path / "key").read_text())
    nodes = {"node1": "10.0.0.1:80", "node2": "10.0.0.2:80"}
    text = configuration(STACK_FILES, nodes=nodes, listen="127.0.0.1", certificate=certificate)
    (tmp_path / "haproxy.cfg").write_text(text)
    haproxy = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert haproxy, "haproxy is missing: scripts/ensure-cluster"
    checked = subprocess.run(
        [haproxy, "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert text.count("server node1 10.0.0.1:80") == 2
    assert text.count("server node1-anyway 10.0.0.1:80 backup") == 2
