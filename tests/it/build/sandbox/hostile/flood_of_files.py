import sys
number = 0
while True:
    open("%s/%d" % (sys.argv[1], number), "w").close()
    number += 1
