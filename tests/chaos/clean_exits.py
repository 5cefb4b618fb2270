"""Reads four tables and exits, again and again: no process may abort after its work is done.

    python -m tests.chaos.clean_exits --processes 200

Threads that still run when the interpreter ends abort the process ("terminate called without an active exception",
exit code 134), and a scheduler counts a failure. Takes about five minutes on two cores.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

TABLES, FILES, ROWS = 4, 8, 20_000
READ = """
import sys
from pathlib import Path
from longplay.delta import query_rows, read_arrow
for folder in sorted(Path(sys.argv[1]).iterdir()):
    assert read_arrow(folder).num_rows == query_rows(folder, "SELECT COUNT(*) AS n FROM rows")[0]["n"]
"""


def main() -> None:
    """Write the tables, then read them in one process after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=200)
    processes = parser.parse_args().processes
    with tempfile.TemporaryDirectory() as folder:
        for table in range(TABLES):
            for part in range(FILES):
                rows = pa.table({"n": range(part, part + ROWS), "text": [f"row {n}" for n in range(ROWS)]})
                write_deltalake(str(Path(folder, f"table-{table}")), rows, mode="append")
        command = [sys.executable, "-c", READ, folder]
        codes = Counter(subprocess.run(command, check=False).returncode for _ in range(processes))
    print(f"{processes - codes[0]} of {processes} aborted; exit codes: {dict(codes)}")
    sys.exit(0 if codes[0] == processes else 1)


if __name__ == "__main__":
    main()
