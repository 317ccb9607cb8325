#!/usr/bin/env python
"""Turn the cameras of a pose file onto the root joint."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['centered', *sys.argv[1:]]))
