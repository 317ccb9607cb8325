#!/usr/bin/env python
"""Make the synthetic data: a stand-in for real motion, made in seconds."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['synthetic', *sys.argv[1:]]))
