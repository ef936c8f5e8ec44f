"""Here `ann` is somebody who registered over HTTP, not a bare row of the ledger's own tests."""

from tests.conftest import ann, bob

__all__ = ["ann", "bob"]
