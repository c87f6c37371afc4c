"""Train a replica oracle: ``python -m physgan_protein.oracles aav PATH --folder FOLDER``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from physgan.errors import InputError
from physgan_protein.oracles.landscape import read_table
from physgan_protein.oracles.measured import MEASURED
from physgan_protein.oracles.replica import train_replicas
from physgan_protein.oracles.replica_fit import ReplicaOptions
from physgan_protein.oracles.replica_networks import ARCHITECTURES


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is asked for and print each fit; 0, or 2 where the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m physgan_protein.oracles", description=__doc__)
    parser.add_argument("table", help=f"{', '.join(MEASURED)}, or table for one of your own")
    parser.add_argument("path", type=Path, help="the CSV file, or the folder that has it")
    parser.add_argument("--folder", type=Path, required=True, help="where members are kept")
    parser.add_argument("--sequence", default="sequence", help="column of a table of your own")
    parser.add_argument("--value", default="fitness", help="column of a table of your own")
    parser.add_argument("--minutes", type=float, default=10.0, help="at most, for each member")
    parser.add_argument("--seeds", type=int, default=3, help="members of each architecture")
    parser.add_argument("--architectures", nargs="+", default=list(ARCHITECTURES))
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args(arguments)
    try:
        if asked.table in MEASURED:
            table = MEASURED[asked.table].landscape(asked.path).table
        elif asked.table == "table":
            table = read_table(asked.path, asked.sequence, asked.value)
        else:
            known = ", ".join([*MEASURED, "table"])
            raise InputError(f"no table called {asked.table!r}", fix=f"one of {known}")
        train_replicas(
            table,
            asked.folder,
            seeds=range(asked.seeds),
            architectures=asked.architectures,
            options=ReplicaOptions(minutes=asked.minutes, device=asked.device),
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
