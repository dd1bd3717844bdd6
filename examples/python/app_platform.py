"""Runs a project written for Cloudflare: examples/app-platform/worker.js.

    python app_platform.py <data-dir> [worker.js]

Has an app generated and visits it twice. The app keeps counting when the program runs again.
"""

import sys
from pathlib import Path

import facetbox
from facetbox import WorkerCode

WORKER = Path(__file__).parent.parent / "app-platform" / "worker.js"


def main(data: str, worker: str | Path = WORKER) -> None:
    code = WorkerCode("worker.js", {"worker.js": Path(worker).read_text()})
    with facetbox.open(data) as runtime:
        platform = runtime.deploy("app-platform", code)

        def send(path: str, method: str = "GET", body: str | None = None) -> str:
            answer = platform.fetch(f"http://platform{path}", method=method, body=body).text()
            print(answer, end="")
            return answer

        send("/apps/my-app/prompt", "POST", "An app that counts my visits.")
        send("/apps/my-app/")
        answer = send("/apps/my-app/")
        visits = next(word for word in answer.split() if word.isdigit())
        print(f"PROJECT host=Python visits={visits}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
