"""The words of `python -m supply_chain`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from supply_chain.audit import audit
from supply_chain.bill import make_bill
from supply_chain.lock import LOCK, make_lock
from ynet3d.errors import YnetError


def main(words: list[str] | None = None) -> int:
    """Lock, list or audit."""
    parser = argparse.ArgumentParser(prog="python -m supply_chain", description=__doc__)
    parser.add_argument("what", choices=("lock", "bill", "audit"))
    parser.add_argument("-o", "--out", type=Path, default=Path("sbom/ynet3d.cdx.json"))
    given = parser.parse_args(words)
    try:
        if given.what == "audit":
            return audit()
        if given.what == "lock":
            make_lock()
            print(f"Written: {LOCK.name} and the one of torch")
        else:
            bill = make_bill(given.out)
            print(f"Written: {given.out}, {len(bill['components'])} packages")
    except YnetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
