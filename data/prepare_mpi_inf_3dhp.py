#!/usr/bin/env python
"""Convert MPI-INF-3DHP: training sequences and test set."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['mpi-inf-3dhp', *sys.argv[1:]]))
