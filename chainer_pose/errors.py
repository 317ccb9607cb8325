"""Exceptions for which the scripts print one line instead of a traceback."""

import signal


class InputError(ValueError):
    """A file, an option or a device cannot be used; the scripts exit with status 2.

    Args:
        message: what was expected and what was found.
        argument: name and value of the argument at fault, if the message names no file:
            InputError('expected ..., found ...', gpu=3) reads "gpu 3: expected ..., found ...",
            and the scripts print it as "--gpu 3: ...". A value of None or True is left out.
    """

    def __init__(self, message: str, **argument: object) -> None:
        named = ''.join(
            f'{name}: ' if value is None or value is True else f'{name} {as_typed(value)}: '
            for name, value in argument.items()
        )
        super().__init__(named + message)
        self.argument = next(iter(argument), '')


def as_typed(value: object) -> str:
    """Return a value as it is typed after its option: a list's items with spaces between."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return ' '.join(f'{x:g}' if isinstance(x, float) else str(x) for x in values)


class IncompleteError(InputError):
    """A copy of a data set lacks some of it; the scripts exit with status 1."""

    status = 1


class NonFiniteError(ArithmeticError):
    """Training has diverged: a loss or parameter is not finite."""

    status = 1


class Stopped(Exception):
    """A signal has ended training, after its snapshot was written.

    Args:
        number: number of the signal; the scripts exit with status 128 + number.
        iteration: the last iteration.
    """

    def __init__(self, number: int, iteration: int) -> None:
        name = signal.Signals(number).name
        super().__init__(f'stopped by {name} after iteration {iteration}, with a snapshot')
        self.status = 128 + number
