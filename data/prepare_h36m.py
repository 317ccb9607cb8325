#!/usr/bin/env python
"""Convert Human3.6M, from any of its public copies."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['h36m', *sys.argv[1:]]))
