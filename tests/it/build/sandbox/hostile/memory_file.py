import os
while True:
    descriptor = os.memfd_create("hidden")
    os.write(descriptor, b"x" * (4 << 20))
