import os, sys, threading
threading.stack_size(1 << 16)
forever = threading.Event()
count = 1
try:
    while count < 2000:
        threading.Thread(target=forever.wait, daemon=True).start()
        count += 1
except RuntimeError as error:
    print("refused:", error)
try:
    if os.fork() == 0:
        os._exit(0)
    print("forks beside", count, "threads")
except OSError as error:
    print("fork:", error.errno, "beside", count)
print("pid_max can be changed:", os.access("/proc/sys/kernel/pid_max", os.W_OK))
sys.stdout.flush()
os._exit(0)
