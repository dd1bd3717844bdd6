"""Puts what `make bench` and `make scale` have measured into docs/performance.md."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/performance.md"


def main():
    text = DOCUMENT.read_text()
    for name in ["summary", "scale"]:
        source = ROOT / f"target/bench/{name}.md"
        if not source.exists():
            sys.exit(f"{source} isn't there: run `make bench` and `make scale` first")
        if re.search("FAILED|NOT MEASURED", source.read_text()):
            sys.exit(f"{source} has figures that are missing: repair that, then measure again")
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"{DOCUMENT} has no place for {name}")
        figures = f"{begin}\n{source.read_text().strip()}\n\n{end}"
        text = pattern.sub(lambda _: figures, text)
    DOCUMENT.write_text(text)
    print(f"wrote {DOCUMENT}")


main()
