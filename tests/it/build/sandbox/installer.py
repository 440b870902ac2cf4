"""Reads a page as old installers do, and the file it links to; then all that it must not see."""
import hashlib, re, sys, urllib.error, urllib.parse, urllib.request
index, others = sys.argv[1], sys.argv[2:]
def get(url, method="GET"):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, method=method))
        return answer.status, answer.url, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, url, b""
status, base, page = get(index + "demo/")
for href in re.findall('href="([^"]*)"', page.decode()):
    url = urllib.parse.urljoin(base, href)
    if get(url.split("#")[0] + ".metadata")[2].find(b"Name: demo") < 0: print("no metadata")
    status, _, body = get(url.split("#")[0])
    print(status, url.split("/")[-1].split("#")[0], hashlib.sha256(body).hexdigest() == url.split("=")[-1])
print(get(index + "absent/")[0], get(index)[0])
origin = index[:-len("/simple/")]
for path in others:
    print(path, get(origin + path)[0])
print("POST", get(origin + "/simple/demo/", "POST")[0])
