from __future__ import annotations

import argparse
import asyncio
import sys

import uvloop

from scripts.upstream.faults import described
from scripts.upstream.server import Options, Upstream


def main() -> int:
    given = arguments().parse_args()
    if given.list:
        sys.stdout.writelines(f"{name:26} {words}\n" for name, words in described())
        return 0
    if given.fault and given.fault not in dict(described()):
        sys.stderr.write(f"There is no fault called {given.fault}; --list names them.\n")
        return 2
    options = Options(given.fault, given.tokens, given.gap_ms / 1000)
    try:
        uvloop.run(serve(options, given.host, given.port))
    except KeyboardInterrupt:
        return 0
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fake_upstream", description="An upstream that misbehaves on request.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0: a free one, which is printed")
    parser.add_argument("--fault", metavar="NAME", help="for every reply; --list names them")
    parser.add_argument("--tokens", type=int, default=64, help="length of a good reply")
    parser.add_argument("--gap-ms", type=float, default=20, help="pause after each token; 0: all at once")
    parser.add_argument("--list", action="store_true", help="names the faults and ends")
    return parser


async def serve(options: Options, host: str, port: int) -> None:
    upstream = Upstream(options)
    url = await upstream.start(host, port)
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await upstream.stop()


if __name__ == "__main__":
    sys.exit(main())
