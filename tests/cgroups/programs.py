"""Python programs that are hard to freeze or to kill; each prints a line when it has begun."""

SLEEPER = "import time; print('begun', flush=True); time.sleep(60)"

# Ends with status 42 when SIGTERM arrives.
HANDLER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
print("begun", flush=True)
time.sleep(60)
"""

# Appends to the file of its placeholder.
COUNTER = """
import time
print("begun", flush=True)
with open({path!r}, "ab", buffering=0) as file:
    while True:
        file.write(b"x")
        time.sleep(0.001)
"""

# Each process ends as soon as it has started the next one: a list of them is old before it is read.
HYDRA = """
import os
for _ in range(4):
    if os.fork() == 0:
        break
else:
    print("begun", flush=True)
while os.fork() == 0:
    pass
"""

# Hangs in read(2), in a page fault of the kernel's own that nobody will resolve (userfaultfd): only SIGKILL ends it.
UNFREEZABLE = """
import ctypes, fcntl, mmap, os, platform, struct
libc = ctypes.CDLL(None)
descriptor = libc.syscall({"x86_64": 323, "aarch64": 282}[platform.machine()], os.O_CLOEXEC)
if descriptor < 0:
    print("no userfaultfd", flush=True)
    raise SystemExit
memory = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
fcntl.ioctl(descriptor, 0xC018AA3F, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))
fcntl.ioctl(descriptor, 0xC020AA00, bytearray(struct.pack("QQQQ", address, 4096, 1, 0)))
print("begun", flush=True)
libc.read(os.open("/dev/zero", os.O_RDONLY), ctypes.c_void_p(address), 4096)
print("it went on", flush=True)
"""
