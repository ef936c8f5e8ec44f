"""An upstream that speaks OpenAI's chat completions on loopback, and misbehaves on request.

`python scripts/fake_upstream.py --port 9000 --fault stall` runs it by hand. A fault is chosen for the whole server, by
the header `X-Fault`, or by asking for the model `fault-<name>`. `GET /_seen` tells what it saw, hang-ups included.
"""
