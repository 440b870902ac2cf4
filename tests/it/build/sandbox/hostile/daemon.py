import os, signal, sys
ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        os.write(told, b"x")
        for descriptor in range(3):
            os.close(descriptor)
        while True:
            try:
                open("/out/later", "a").write("x")
            except OSError:
                pass
    os._exit(0)
os.read(ready, 1)
print("left behind", sys.argv[1])
