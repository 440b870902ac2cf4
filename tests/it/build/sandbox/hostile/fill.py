import sys
number = 0
while True:
    with open("%s/%d" % (sys.argv[1], number), "wb") as file:
        file.write(b"x" * (1 << 20))
    number += 1
