import mmap
kept = []
while True:
    block = mmap.mmap(-1, 1 << 20)
    block.write(b"x" * (1 << 20))
    kept.append(block)
