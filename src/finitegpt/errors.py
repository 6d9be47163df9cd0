"""What can go wrong, in one family. A message is one line: what was expected, what was given, what to try."""


class FiniteGPTError(Exception):
    """Base of every error that is the input's fault and not a bug of ours."""


class InputError(FiniteGPTError, ValueError):
    """A value, a text or an option that cannot be used."""


class MissingError(InputError, KeyError, IndexError):
    """What a mapping or a sequence does not have: an error of ours, and those that they are to raise."""

    def __str__(self) -> str:
        return " ".join(map(str, self.args))  # a KeyError would quote it


class FileError(FiniteGPTError, OSError):
    """A file or folder that cannot be read or written, or is not what it should be."""


class TooLargeError(InputError):
    """Something that would not fit in memory, refused before anything is allocated."""
