"""finitegpt prove and check: a number with its proof in a file, and its verification by anybody."""

from pathlib import Path

from finitegpt.cli.shared import Decoding, Flag, app, print_json, progress, truth_of
from finitegpt.errors import FileError, InputError
from finitegpt.training import Run


@app.command
def prove(
    run: Path,
    /,
    *,
    out: Path,
    red: list[str] | None = None,
    mean_time: Flag = False,
    mass: Flag = False,
    start: str | None = None,
    against: str | None = None,
    entropy_rate: Flag = False,
    decoding: Decoding | None = None,
    json: Flag = False,
) -> None:
    """Write a number and its proof to a file, which `finitegpt check`, or `check.py` alone, verifies.

    The number is one of: the probability of reaching red states (--red), the KL rate to a truth (--against), the
    entropy rate (--entropy-rate).

    Parameters
    ----------
    run
        The folder of a run.
    out
        A new file for the proof.
    red
        A pattern of states that should not be reached: 11? begins with 11, *000 ends in 000. May be given several
        times.
    mean_time
        With --red: the mean number of tokens until then, instead.
    mass
        With --red: how much of its time the chain is there in the long run, instead.
    start
        With --red: the state to start from; by default the data's most frequent one that is not red.
    against
        Another run, or a source such as even: the truth that the run is to predict.
    entropy_rate
        How random the chain is in the long run.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt import prove as proofs

    if (red is not None) + (against is not None) + entropy_rate != 1:
        raise InputError("expected one of --red, --against and --entropy-rate, got none or several; try --entropy-rate")
    if (mean_time and mass) or (red is None and (mean_time or mass or start)):
        raise InputError("expected --red with one of --mean-time and --mass, got others; try --red alone")
    if out.exists():
        raise FileError(f"expected a new file, got {str(out)!r} which exists; try another name")
    loaded = Run.load(run)
    chain = loaded.model.chain(counts=loaded.data.counts())
    chain = chain.map_rows(decoding) if decoding else chain
    note = decoding.title if decoding else ""
    with progress(None, "proof"):
        if against is not None:
            certificate = proofs.kl_rate(truth_of(against, loaded)[1], chain, note=note)
        elif red is None:
            certificate = proofs.entropy_rate(chain, note=note)
        elif mass:
            certificate = proofs.mass(chain, red, note=note)
        else:
            first = None if start is None else chain.id(start)
            passage = proofs.mean_first_passage_time if mean_time else proofs.hitting_probability
            certificate = passage(chain, red, start=first, note=note)
    certificate.save(out)
    if json:
        print_json({**certificate.proved._asdict(), "narrow": certificate.narrow, "files": {"proof": str(out)}})
    else:
        print(certificate.proved.statement)
        if not certificate.narrow:
            print("the interval is wide: no better witness was found")
        print(f"wrote {out}")


@app.command
def check(proof: Path, /, *, json: Flag = False) -> None:
    """Verify a proof by decimal arithmetic rounded outward, and say what it proves; exit code 2 if it does not.

    Parameters
    ----------
    proof
        A file that `finitegpt prove` wrote.
    json
        Print one JSON object and nothing else.
    """
    from finitegpt.check import Refused
    from finitegpt.check import check as checked

    try:
        proved = checked(proof)
    except Refused as error:
        raise FileError(str(error)) from None
    if json:
        print_json(proved._asdict())
    else:
        print(proved.statement)
