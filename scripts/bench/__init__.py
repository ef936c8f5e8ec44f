"""How fast Prome is beside what does less, in the same run: ratios travel between machines.

- Everything runs on loopback in processes of its own, and is gone when the run is, however it ends.
- The server that is measured has one core; the upstream and the client have the others, and tell what they take.
- Lanes alternate, and a figure is the median of the rounds. Every loop is bounded in time and in number.
"""
