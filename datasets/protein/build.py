"""Build the two embedded sets of the protein domain.

``python datasets/protein/build.py --out domains/physgan_protein/data`` writes ``peptides.csv.xz``
and ``ehrlich.csv.xz`` with their cards, which take rows and checksum from what was built.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import lzma
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomli_w
from ehrlich import landscape
from peptides import peptides

from physgan.training.files import write_atomic

HERE = Path(__file__).parent
SIZE = {"pairs": 2500, "rows": 6000, "infeasible": 600}
SEED = 0


def side(key: str) -> str:
    """Training, validation or test, 80 / 10 / 10, by a hash of ``key``."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    return "train" if place < 0.8 else "val" if place < 0.9 else "test"


def packed(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], str]) -> bytes:
    """The rows with their split as an xz-compressed CSV file; the same bytes each time."""
    text = io.StringIO()
    table = csv.DictWriter(text, [*rows[0], "split"], lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow(row | {"split": side(key(row))})
    return lzma.compress(text.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and cards")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    cards = tomllib.loads((HERE / "card.toml").read_text(encoding="utf-8"))
    built = {
        "peptides": (peptides(SIZE["pairs"], SEED), lambda row: row["pair"]),
        "ehrlich": (landscape(SIZE["rows"], SIZE["infeasible"], SEED), lambda row: row["sequence"]),
    }
    for name, (rows, key) in built.items():
        content = packed(rows, key)
        write_atomic(out / f"{name}.csv.xz", content)
        digest = hashlib.sha256(content).hexdigest()
        card = cards[name] | {"sha256": digest, "rows": len(rows), "seed": SEED}
        columns = [*rows[0], "split"]
        head = {"name": name, "domain": "protein", "columns": columns}
        write_atomic(out / f"{name}.toml", tomli_w.dumps(head | card).encode())
        print(f"{name}: {len(rows)} rows, {len(content) / 1000:.0f} kB, {digest}")


if __name__ == "__main__":
    main()
