"""File locks as leases: the kernel drops them with the process, however it dies, so none is ever stale."""

import fcntl
import os
from pathlib import Path


def open_lock(path: Path, *, shared: bool = False, wait: bool = True) -> int | None:
    """Lock a file and give its descriptor; closing that, or dying, frees it. None if `wait` is off and somebody holds it.

    A forked child shares the lock, which lasts until both have closed it. A started program does not inherit it."""
    mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, mode)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_current(descriptor: int, path: Path) -> bool:
    """Whether the locked file still stands at `path`; a throw-away folder may be removed while somebody waits for its lock."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether any process holds the lock at this moment."""
    if not path.exists():
        return False
    descriptor = open_lock(path, wait=False)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
