"""A claim with its proof: the interval that the checker finds, and the file that proves it to anybody."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from pathlib import Path

from finitegpt.check import Proof, Proved, Refused
from finitegpt.errors import FileError, InputError
from finitegpt.files import new_file
from finitegpt.prove.document import Document

_NARROW, _TIGHT = Decimal("1e-9"), Decimal("1e-15")


@dataclass(frozen=True, eq=False)
class Certificate:
    """A claim, proved: an interval, and the file that proves it to somebody who trusts nothing but arithmetic."""

    document: Document
    """What the file will hold; see `check.py`."""
    proved: Proved
    """What the checker says of it."""

    @property
    def low(self) -> Decimal:
        """The truth is not below this."""
        return Decimal(self.proved.low)

    @property
    def high(self) -> Decimal:
        """The truth is not above this."""
        return Decimal(self.proved.high)

    @property
    def narrow(self) -> bool:
        """Whether the interval says much: nine digits of the number, or that it is below 1e-9."""
        return self.high.is_finite() and self.high - self.low <= _NARROW * max(self.high, _NARROW)

    def save(self, path: Path | str) -> None:
        """Writes a new file, whole or not at all; FileError where there is one."""
        path = Path(path)
        if path.exists():
            raise FileError(f"expected a new file, got {str(path)!r} which exists; try another name")
        with new_file(path) as partial:
            partial.write_text(json.dumps(self.document, indent=1, allow_nan=False) + "\n", encoding="ascii")


def certify(documents: Iterable[Document]) -> Certificate:
    """The certificate of the first document with a narrow interval, else of the narrowest."""
    best: Certificate | None = None
    with localcontext(Context(50, Emin=MIN_EMIN, Emax=MAX_EMAX)):
        for document in documents:
            try:
                proof = Proof(document)
            except Refused as error:
                if best is not None:
                    break  # more digits would be too much work
                raise InputError(f"{str(error).rpartition('; try ')[0]}; try another chain") from None
            proof.file = _claiming(document, proof.low, proof.high)
            certificate = Certificate(proof.file, proof.statement())
            if best is None or certificate.high - certificate.low < best.high - best.low:
                best = certificate
            if certificate.high.is_finite() and certificate.high - certificate.low <= _TIGHT * certificate.high:
                break
    assert best is not None
    return best


def _claiming(document: Document, low: Decimal, high: Decimal) -> Document:
    """The document with a claim of 20 digits that holds the interval."""
    below, above = (Context(20, mode, MIN_EMIN, MAX_EMAX) for mode in (ROUND_FLOOR, ROUND_CEILING))
    return document | {"low": str(below.plus(low)) if low else "0", "high": str(above.plus(high)) if high else "0"}
