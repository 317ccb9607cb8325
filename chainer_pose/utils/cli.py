"""Command lines: options declared as a dataclass, errors on one line, progress."""

import argparse
import contextlib
import copy
import dataclasses
import math
import os
import signal
import sys
import time
import typing
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, NoReturn, TextIO

from h5py import h5f

from chainer_pose.errors import InputError, NonFiniteError, Stopped

Rule = tuple[Collection[str], object, str]  # see `check_effect`


def option(default: Any, help: str, **more: Any) -> Any:
    """Declare a field of a dataclass of options.

    Args:
        default: its default value; None for none.
        help: text for --help, in which %(default)s stands for the default.
        more: `group` in --help; `low`, `high` and `above`, see `number`; `flags`, other names
            than the field's ('name' for a positional); `typed=False` for a field that is no
            option; `choices`, `nargs`, ... as for `add_argument`; anything else is metadata.
    """
    metadata = {'help': help, **more}
    return dataclasses.field(default_factory=lambda: copy.copy(default), metadata=metadata)


def flag(name: str) -> str:
    """Return the option of a field."""
    return f'--{name.replace("_", "-")}'


class Parser(argparse.ArgumentParser):
    """An ArgumentParser with errors on one line and without abbreviations."""

    def __init__(self, **options: Any) -> None:
        options['formatter_class'] = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f'{self.prog}: {message}\n')

    def add_options(self, kind: type[Any], **words: str) -> None:
        """Add an option for each field declared by `option`; `words` fill %(name)s in the help.

        The namespace holds only what is typed.
        """
        groups: dict[str, Any] = {'': self}
        for field in dataclasses.fields(kind):
            more = field.metadata
            if not more.get('typed', True):
                continue
            group = more.get('group', '')
            if group not in groups:
                groups[group] = self.add_argument_group(group)
            default = typing.cast(Callable, field.default_factory)()
            given = {'default': argparse.SUPPRESS, **argument_of(kind, field)}
            text = more['help'] % {'default': default, **words}
            groups[group].add_argument(*more.get('flags', [flag(field.name)]), help=text, **given)


def argument_of(kind: type[Any], field: dataclasses.Field) -> dict[str, Any]:
    """Return the arguments of `add_argument`, by a field's type and metadata."""
    annotation = typing.get_type_hints(kind)[field.name]
    scalar = (typing.get_args(annotation) or [annotation])[0]
    more = field.metadata
    given: dict[str, Any] = {}
    if scalar is bool:
        given['action'] = argparse.BooleanOptionalAction
    elif scalar in (int, float):
        bounds = {key: more[key] for key in ('low', 'high', 'above') if key in more}
        given = {'type': number(scalar, **bounds), 'metavar': 'N' if scalar is int else 'X'}
    known = ('action', 'type', 'choices', 'metavar', 'nargs', 'const', 'required', 'dest')
    return given | {key: more[key] for key in known if key in more}


def check_effect(typed: Iterable[str], rules: Iterable[Rule]) -> None:
    """Raise an InputError if an option that is typed has no effect beside the others.

    Args:
        typed: names of options.
        rules: names of options, whether they have an effect, and a reason why not.
    """
    for names, has_effect, why in rules:
        for name in typed:
            if name in names and not has_effect:
                raise InputError(f'expected to have an effect, found none {why}', **{name: None})


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a command's main() and exit; an error prints one line.

    Exit status: 1 for diverged training or an incomplete data set, 2 for unusable input or a file
    that cannot be read or written, 129 for SIGHUP, 130 for Ctrl-C, 141 for a closed pipe, 143 for
    SIGTERM.
    """
    for number in {signal.SIGTERM, getattr(signal, 'SIGHUP', signal.SIGTERM)}:  # not on Windows
        if signal.getsignal(number) != signal.SIG_IGN:  # as of nohup
            # An exception, so that temporary files are removed on the way out.
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # for example of "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except KeyboardInterrupt:
        status = 130
    except (InputError, OSError, NonFiniteError, Stopped) as error:
        _print(error)
        status = getattr(error, 'status', 2)
        if h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_FILE):
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(status)  # HDF5 crashes when a file that it could not write is freed
    mpi = sys.modules.get('mpi4py.MPI')
    if status and mpi is not None and mpi.COMM_WORLD.size > 1:
        time.sleep(1)  # lets mpiexec read the message
        mpi.COMM_WORLD.Abort(status)  # other ranks would wait forever
    sys.exit(status)


def warn(texts: Iterable[str]) -> None:
    """Print warnings to standard error, one line each."""
    for text in texts:
        _print(f'warning: {text}')


def _print(message: object) -> None:
    text = ' '.join(str(message).split())
    argument = getattr(message, 'argument', '')
    if argument:
        text = flag(argument) + text.removeprefix(argument)
    with contextlib.suppress(OSError):  # a closed terminal changes no exit status
        print(f'{os.path.basename(sys.argv[0])}: {text}', file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time as one reads it: '12 s', '5 minutes', '8.2 hours'."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} minutes' if seconds < 6000 else f'{seconds / 3600:.1f} hours'


class Progress:
    """Print how far a long task is: call it with (done, total, what).

    A terminal shows one line, updated in place; elsewhere a line is added every `interval`
    seconds.
    """

    def __init__(self, out: TextIO | None = None, interval: float = 10.0) -> None:
        self._out = out or sys.stdout
        self._terminal = self._out.isatty()
        self._interval = 0.1 if self._terminal else interval
        self._started = self._last = time.monotonic()

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._out.write('\r\033[K')

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self._last >= self._interval:
            self._last = now
            left = (now - self._started) * (total - done) / max(done, 1)
            line = f'{done} of {total}, about {duration(left)} left: {what}'
            self._out.write(f'\r\033[K{line}' if self._terminal else f'{line}\n')
            self._out.flush()


def path_of(suffix: str) -> Callable[[str], str]:
    """Return an argparse type: a path to write, which must end in `suffix`; '' stays."""

    def parse(text: str) -> str:
        if text and Path(text).suffix.lower() != suffix:
            raise argparse.ArgumentTypeError(
                f'expected a name that ends in {suffix}, found {text!r}'
            )
        return text

    return parse


def number(
    kind: type, low: float = -math.inf, high: float = math.inf, above: float = -math.inf
) -> Callable[[str], Any]:
    """Return an argparse type: a finite int or float from `low` to `high` and above `above`."""
    expected = {int: 'a whole number', float: 'a number'}[kind]
    bounds = (f'{low} or more', f'more than {above}', f'at most {high}')
    expected = ' and '.join([expected, *(text for text in bounds if 'inf' not in text)])

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (low <= value <= high and above < value < math.inf):
            raise argparse.ArgumentTypeError(f'expected {expected}, found {text!r}')
        return value

    return parse
