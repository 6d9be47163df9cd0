"""What finitegpt train trains on: a text, documents, or a source."""

from pathlib import Path

from finitegpt.cli.settings import ValidationOptions
from finitegpt.data import NOTEBOOK_SEQUENCE, Data
from finitegpt.errors import FileError, InputError
from finitegpt.files import read_text

_LENGTH = 10_000

Vocab = str | tuple[str, ...]


def data_of_text(
    sequence: str | None, text: str | None, transform: str | None, vocab: str | None, context_length: int
) -> Data:
    """Data from a sequence or a text file; the notebook's where none is given."""
    if text is not None:
        sequence = _read(None if text == "-" else Path(text))
    sequence = NOTEBOOK_SEQUENCE if sequence is None else sequence
    if transform is None:
        return Data.from_text(sequence, context_length=context_length, vocab=vocab)
    from finitegpt.sources import transform as transformed

    return Data.from_symbols(transformed(sequence, transform), context_length=context_length, vocab=vocab)


def data_of_documents(
    documents: Path, transform: str | None, bos: str | None, eos: str | None, vocab: Vocab | None, context_length: int
) -> Data:
    """Data from a file of documents, one a line, or from a folder of them, one a file."""
    texts = _files(documents) if documents.is_dir() else _lines(documents)
    if transform is None:
        return Data.from_sequences(texts, context_length=context_length, vocab=vocab, bos=bos, eos=eos)
    from finitegpt.sources import transform_all

    found = transform_all(texts, transform)
    return Data.from_sequences(found, context_length=context_length, vocab=vocab, bos=bos, eos=eos)


def data_of_source(source: str, length: int | None, exact: bool, context_length: int, seed: int) -> Data:
    """Data drawn from a source, or its exact law."""
    from finitegpt.sources import Source, parse

    known = parse(source)
    if exact:
        if length is not None:
            raise InputError("expected --exact or --length, got both; try one of them")
        return Data.from_source(known, context_length=context_length)
    length = _LENGTH if length is None else length
    if isinstance(known, Source) and known.stationary:
        drawn = known.sample(length, seed=seed)
        return Data.from_text(drawn, context_length=context_length, vocab=known.vocab, source=known.name)
    if context_length < 1 or length <= context_length:
        raise InputError(f"expected --length above the context length {context_length}, got {length}; try {_LENGTH}")
    texts = known.sample_sequences(length // (context_length + 1), context_length + 1, seed=seed)
    return Data.from_sequences(texts, context_length=context_length, vocab=known.vocab, source=known.name)


def validation_of(
    validation: ValidationOptions, data: Data, source: bool, documents: bool, transform: str | None
) -> Data | float | None:
    """The validation data of a file, read as that of the training was; or a share."""
    if validation.file is None:
        return validation.share
    if source:
        raise InputError("expected a share of what is drawn for --validation, got a file; try 0.1")
    vocab, borders = data.vocab, data.borders
    if documents and borders is not None:
        return data_of_documents(validation.file, transform, borders.bos, borders.eos, vocab, data.context_length)
    text = _read(validation.file)
    if transform is None:
        return Data.from_text(text, context_length=data.context_length, vocab=vocab)
    from finitegpt.sources import transform as transformed

    return Data.from_symbols(transformed(text, transform), context_length=data.context_length, vocab=vocab)


def _lines(path: Path) -> list[str]:
    found = [line for line in (line.removesuffix("\r") for line in _text(path).split("\n")) if line]
    if not found:
        raise InputError(f"expected documents, one a line, got none in {str(path)!r}; try another file")
    return found


def _files(folder: Path) -> list[str]:
    """The texts of all files in a folder, by name."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise FileError(f"expected to read {str(folder)!r}, got {error.strerror!r}; try another folder") from None
    if not paths:
        raise InputError(f"expected a folder of documents, got {str(folder)!r} with none; try another")
    for path in paths:
        if path.is_dir():
            raise InputError(f"expected documents alone in {str(folder)!r}, got the folder {path.name!r}; try another")
    return [_text(path) for path in paths]


def _text(path: Path) -> str:
    text = _read(path)
    if "\0" in text:
        raise FileError(f"expected UTF-8 text in {str(path)!r}, got a binary file; try another file")
    return text


def _read(path: Path | None) -> str:
    """A text without the mark of UTF-8 at its beginning and a line end at its very end."""
    text = read_text(path)
    return text.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
