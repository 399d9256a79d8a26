"""Writes the CloudFormation templates of the chosen deployments: `python deploy/aws/app.py [FOLDER]`.

The settings are read from the environment (`environment.py`), and only there.
"""

import os
import sys

import engine  # noqa: F401  # before the CDK, which starts it
from environment import Environment
from stacks import build

if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else "cdk.out"
    build(Environment.read(os.environ), folder=folder).synth()
