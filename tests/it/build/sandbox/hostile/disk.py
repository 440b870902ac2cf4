number = 0
while True:
    with open("/out/%d" % number, "wb") as file:
        file.write(b"x" * (1 << 20))
    number += 1
