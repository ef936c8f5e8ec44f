"""The built-in model as an upstream of its own: `python app/providers/local_server.py MODEL_FILE`.

It speaks OpenAI's protocol on loopback, says where on one line of JSON, and ends when its standard input does, which is
also how it notices that its parent was killed. It lives in a process of its own because a fault in the engine, or an
exit while the engine is at work, takes the whole process with it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys

# This engine reads OMP_WAIT_POLICY while it is imported, so whoever starts this process sets it.
import xllamacpp

NICENESS = 5
CONTEXT_TOKENS = 8192
REPLIES_AT_ONCE = 4
REPLY_TOKENS_MAX = 1024
# A stop is noticed between two batches of the prompt; larger ones make it wait for seconds.
BATCH_TOKENS = 256
# So small a model gains nothing from more.
WRITING_THREADS_MAX, READING_THREADS_MAX = 4, 8
ALIAS = "smollm2-135m-instruct"


def serve(model_file: str, key: str) -> xllamacpp.Server:
    cores, params = _cores(), xllamacpp.CommonParams()
    params.model.path, params.model_alias, params.api_keys = model_file, {ALIAS}, [key]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.kv_unified = CONTEXT_TOKENS, REPLIES_AT_ONCE, True
    params.n_predict = REPLY_TOKENS_MAX
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    # As many writing threads as cores spin and wait for each other as soon as anybody else wants a core.
    params.cpuparams.n_threads = min(WRITING_THREADS_MAX, max(1, cores // 2))
    params.cpuparams_batch.n_threads = min(READING_THREADS_MAX, cores)
    params.ui, params.endpoint_slots, params.cache_ram_mib, params.verbosity = False, False, 0, 0
    return xllamacpp.Server(params)


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


def main() -> None:
    # Who stops the service stops all of its processes, and replies may go on for a while then. Its end is our end.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    os.nice(NICENESS)
    key = secrets.token_hex(16)
    server = serve(sys.argv[1], key)
    sys.stdout.write(json.dumps({"base_url": f"{server.listening_address}/v1", "api_key": key}) + "\n")
    sys.stdout.flush()
    # From here on nobody reads what is said there, and a full pipe would hold us up.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.stdin.read()
    # Taking the engine down in an orderly way waits for streams that are open, up to half a minute.
    os._exit(0)


if __name__ == "__main__":
    main()
