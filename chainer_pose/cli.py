"""What the scripts share: one-line refusals and option types."""

import argparse
import math
import os
import sys

from chainer_pose.errors import InputError, NonFiniteError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that refuses on one line and takes no abbreviations."""

    def __init__(self, *args, **kwargs):
        super().__init__(
            *args,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **kwargs,
        )

    def error(self, message):
        self.exit(2, f'{self.prog}: {message}\n')


def run(main):
    """Run a script's main() and end the process as its errors ask.

    Refused input, and a file that cannot be read or written, end with one line
    and status 2, diverged training with one line and status 1, Ctrl-C with
    status 130, a closed pipe with 141.
    """
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, "head" say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141  # 128 + SIGPIPE, as of a tool that the signal ends
    except NonFiniteError as error:
        status = _say(error, 1)
    except (InputError, OSError) as error:
        status = _say(error, 2)
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _say(error, status):
    message = ' '.join(str(error).split())
    print(f'{os.path.basename(sys.argv[0])}: {message}', file=sys.stderr)
    return status


def number(kind, low=None, high=None, above=None):
    """An argparse type: a finite int or float within bounds.

    Args:
        kind: int or float.
        low, high: smallest and largest value allowed.
        above: the value must be larger than this.
    """
    bounds = [
        text
        for bound, text in (
            (low, f'{low} or more'),
            (above, f'more than {above}'),
            (high, f'at most {high}'),
        )
        if bound is not None
    ]
    wanted = ' and '.join([{int: 'a whole number', float: 'a number'}[kind], *bounds])

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        inside = (
            math.isfinite(value)
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
        )
        if not inside:
            raise argparse.ArgumentTypeError(f'expected {wanted}, found {text!r}')
        return value

    return parse
