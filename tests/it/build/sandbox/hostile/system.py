"""Tries calls that no build needs; prints the name of each that worked."""
import ctypes, errno, os, socket, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
tried = 0


def call(name, number, *arguments):
    """A system call; how it fails shows whether the filter stopped it or something later."""
    global tried
    tried += 1
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result >= 0:
        print("OPEN", name)
    elif ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print("REACHED", name, errno.errorcode.get(ctypes.get_errno()))


def attempt(name, action, *expected):
    global tried
    tried += 1
    try:
        action()
    except OSError as error:
        if expected and error.errno not in expected:
            print("REACHED", name, error)
        return
    print("OPEN", name)


zeros = ctypes.create_string_buffer(512)
path = ctypes.c_char_p(b"/tmp")
long = ctypes.c_long
CLONE_NEWUSER = 0x10000000
NEWER = dict(io_uring_setup=425, open_tree=428, fsopen=430, clone3=435, openat2=437, pidfd_getfd=438,
             mount_setattr=442, memfd_secret=447, fchmodat2=452)
X86_64 = dict(ptrace=101, process_vm_readv=310, keyctl=250, add_key=248, request_key=249, bpf=321,
              perf_event_open=298, userfaultfd=323, unshare=272, setns=308, mount=165, umount2=166,
              pivot_root=155, chroot=161, reboot=169, kexec_load=246, kexec_file_load=320,
              init_module=175, finit_module=313, swapon=167, acct=163, sethostname=170,
              settimeofday=164, clock_settime=227, syslog=103, iopl=172, ioperm=173, quotactl=179,
              open_by_handle_at=304, fanotify_init=300, kcmp=312, modify_ldt=154)
if os.uname().machine == "x86_64":
    for name, number in X86_64.items():
        call(name, number, long(0), zeros, zeros, long(0), long(0), long(0))
    call("clone NEWUSER", 56, long(CLONE_NEWUSER | 17), long(0), long(0), long(0), long(0))
    call("ioctl TIOCSTI", 16, long(0), long(0x5412), zeros)
    call("ioctl TIOCSTI, high bits", 16, long(0), long(0x5412 | 1 << 32), zeros)
    call("getpid of x32", 0x40000000 + 39)
    call("large System V segment", 29, long(0), long(64 << 20), long(0o1600))
    call("huge System V segment", 29, long(0), long(1 << 33), long(0o1600))
for name, number in NEWER.items():
    call(name, number, long(0), zeros, zeros, long(0), long(0), long(0))

for family in ("AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "AF_BLUETOOTH", "AF_CAN"):
    number = getattr(socket, family, None)
    if number is not None:
        attempt(family, lambda: socket.socket(number, socket.SOCK_RAW), errno.EAFNOSUPPORT)
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))

open("/out/plain", "w").close()
attempt("chmod set-user-id", lambda: os.chmod("/out/plain", 0o4755), errno.EPERM)
attempt("chmod set-group-id", lambda: os.chmod("/out/plain", 0o2755), errno.EPERM)
attempt("fchmod", lambda: os.fchmod(os.open("/out/plain", os.O_RDONLY), 0o4755), errno.EPERM)
attempt("open set-user-id", lambda: os.open("/out/set", os.O_CREAT | os.O_WRONLY, 0o4755), errno.EPERM)
attempt("mknod set-user-id", lambda: os.mknod("/out/node", 0o104755), errno.EPERM)
attempt("device", lambda: os.mknod("/out/device", 0o020666, os.makedev(1, 1)), errno.EPERM)
os.chmod("/out/plain", 0o755)

status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    if int(status[key], 16):
        print("OPEN", key, status[key].strip())
if status["NoNewPrivs"].strip() != "1":
    print("OPEN new privileges")
if os.getuid() != 1000 or os.getgid() != 1000:
    print("OPEN uid", os.getuid(), os.getgid())
print("tried", tried)
