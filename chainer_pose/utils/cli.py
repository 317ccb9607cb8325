"""What the commands share: options declared as a dataclass, errors on one line, progress."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import math
import os
import signal
import sys
import time
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TextIO, TypeVar

from chainer_pose.errors import InputError, NonFiniteError, Stopped

Options = TypeVar('Options')


def option(default: Any, help: str, **more: Any) -> Any:
    """Declare a field of a dataclass of options.

    Args:
        default: its default value; None for none.
        help: text for --help, in which %(default)s stands for the default.
        more: `group` of --help; `low`, `high` and `above`, see `number`; `typed`, whether the
            command line has it (default: True); `choices`, `metavar`, `nargs`, `required` and
            the like as for `add_argument`, `flags` for other names ('name' for a positional);
            and what the command itself reads from the field's metadata.
    """
    metadata = {'help': help, **more}
    return dataclasses.field(default_factory=lambda: copy.copy(default), metadata=metadata)


def flag(name: str) -> str:
    """A field's name on the command line."""
    return f'--{name.replace("_", "-")}'


class Parser(argparse.ArgumentParser):
    """An ArgumentParser with errors on one line and without abbreviations."""

    def __init__(self, **options: Any) -> None:
        options['formatter_class'] = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message}\n')

    def add_options(self, kind: type[Any], **words: str) -> None:
        """Add an option for each field of a dataclass.

        Args:
            kind: a dataclass whose fields are declared by `option`.
            words: what else stands in its help texts, as %(name)s.
        """
        groups: dict[str, Any] = {'': self}
        for field in dataclasses.fields(kind):
            more = field.metadata
            if more.get('typed', True):
                group = more.get('group', '')
                if group not in groups:
                    groups[group] = self.add_argument_group(group)
                default = default_of(field)
                given = argument_of(kind, field)
                if self.argument_default is None and 'required' not in given:
                    given['default'] = default
                groups[group].add_argument(
                    *more.get('flags', [flag(field.name)]),
                    help=more['help'] % {'default': default, **words},
                    **given,
                )


def default_of(field: dataclasses.Field) -> Any:
    """Default value of a field that `option` declared."""
    return typing.cast(Callable, field.default_factory)()


def argument_of(kind: type[Any], field: dataclasses.Field) -> dict[str, Any]:
    """Arguments of `add_argument`, by a field's type and metadata."""
    annotation = typing.get_type_hints(kind)[field.name]
    scalar = (typing.get_args(annotation) or [annotation])[0]
    given = {
        key: field.metadata[key]
        for key in ('action', 'type', 'choices', 'metavar', 'nargs', 'const', 'required', 'dest')
        if key in field.metadata
    }
    if scalar is bool:
        return {'action': argparse.BooleanOptionalAction, **given}
    if scalar in (int, float):
        bounds = {k: field.metadata[k] for k in ('low', 'high', 'above') if k in field.metadata}
        usual = {'type': number(scalar, **bounds), 'metavar': 'N' if scalar is int else 'X'}
        return {**usual, **given}
    return given


def parse(parser: Parser, kind: type[Options], argv: Sequence[str] | None = None) -> Options:
    """Read a command line as an instance of the dataclass whose options a parser has."""
    return kind(**vars(parser.parse_args(argv)))


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a command's main() and end the process as its errors ask.

    Input that cannot be used, and a file that cannot be read or written, end with one line
    and status 2, diverged training with one line and status 1, Ctrl-C with
    status 130, SIGTERM with 143, a closed pipe with 141.
    """
    # As an exception, so that a file half written is taken away on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, "head" say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141  # 128 + SIGPIPE, as of a tool that the signal ends
    except NonFiniteError as error:
        status = _say(error, 1)
    except Stopped as error:
        status = _say(error, 128 + error.number)
    except (InputError, OSError) as error:
        status = _say(error, 2)
    except KeyboardInterrupt:
        status = 130
    if status:
        _end_other_ranks(status)
    sys.exit(status)


def _end_other_ranks(status):
    # Under mpiexec the others would wait for this one for ever.
    mpi = sys.modules.get('mpi4py.MPI')
    if mpi is not None and mpi.COMM_WORLD.size > 1:
        sys.stderr.flush()
        time.sleep(1)  # mpiexec ends without what it has not yet read of the message
        mpi.COMM_WORLD.Abort(status)


def warn(texts: Iterable[str]) -> None:
    """Print warnings to standard error, a line each, after the script's name."""
    for text in texts:
        _say(f'warning: {text}', 0)


def _say(error, status):
    message = ' '.join(str(error).split())
    argument = getattr(error, 'argument', '')
    if argument:
        message = flag(argument) + message.removeprefix(argument)
    print(f'{os.path.basename(sys.argv[0])}: {message}', file=sys.stderr)
    return status


class Progress:
    """Tells how far a long conversion is: call it with (done, total, what).

    On a terminal one line is written over and over; elsewhere, in a log say, a
    line is added every ten seconds.
    """

    def __init__(self, out: TextIO | None = None, interval: float = 10.0) -> None:
        self._out = out or sys.stdout
        self._terminal = self._out.isatty()
        self._interval = 0.1 if self._terminal else interval
        self._started = self._last = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._terminal:
            self._out.write('\r\033[K')

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self._last >= self._interval:
            self._last = now
            left = (now - self._started) * (total - done) / max(done, 1)
            line = f'{done} of {total}, about {left:.0f} s left: {what}'
            self._out.write(f'\r\033[K{line}' if self._terminal else f'{line}\n')
            self._out.flush()


def number(
    kind: type, low: float | None = None, high: float | None = None, above: float | None = None
) -> Callable[[str], Any]:
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
