"""A cable between two network namespaces that carries packets late, for tests.

Usage: slow-cable.py NAMESPACE NAMESPACE MILLISECONDS. Each end is the network device v0 of its namespace. It prints
"ready" when both are there, and goes on until it is ended.
"""

import collections
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
LARGEST = 65536


def end(name):
    """Opens a tunnel in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(os.open(f'/run/netns/{name}', os.O_RDONLY), 0) != 0:
        raise OSError(ctypes.get_errno(), f'cannot enter {name}')
    tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH', b'v0', IFF_TUN | IFF_NO_PI))
    return tun


def carry(ends, delay):
    late = collections.deque()
    while True:
        left = max(0, late[0][0] - time.monotonic()) if late else None
        for tun in select.select(ends, [], [], left)[0]:
            packet = os.read(tun, LARGEST)
            late.append((time.monotonic() + delay, ends[1 - ends.index(tun)], packet))
        while late and late[0][0] <= time.monotonic():
            _, to, packet = late.popleft()
            try:
                os.write(to, packet)
            except OSError:
                pass  # the other end is down


ends = [end(name) for name in sys.argv[1:3]]
print('ready', flush=True)
carry(ends, float(sys.argv[3]) / 1000)
