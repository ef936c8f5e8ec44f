"""What reaches readers as it happens. The protocols are here to be shared by many workers; `memory` serves one."""
