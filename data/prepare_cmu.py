#!/usr/bin/env python
"""Convert CMU motion capture (ASF/AMC), seen by four cameras."""

import sys

from chainer_pose.commands import prepare
from chainer_pose.utils import cli

if __name__ == '__main__':
    cli.run(lambda: prepare.main(['cmu', *sys.argv[1:]]))
