import os
kept = []
while True:
    file = open("/out/one", "wb")
    os.unlink("/out/one")
    file.write(b"x" * (1 << 20))
    file.flush()
    kept.append(file)
