"""Stands before a server that allows no empty password: what devpi's tests send as root's empty one becomes the real one."""

import http.client
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Of one connection alone (RFC 9110, 7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


def with_password(method, path, body, password):
    """The body, with root's password where devpi's tests leave it empty."""
    if not (path == "/+login" or method == "PATCH" and path.strip("/") == "root"):
        return body
    try:
        told = json.loads(body)
    except ValueError:
        return body
    if isinstance(told, dict) and told.get("user", "root") == "root" and told.get("password") == "":
        return json.dumps({**told, "password": password}).encode()
    return body


class Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    to = password = None

    def body(self):
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def relay(self):
        body = with_password(self.command, self.path, self.body(), self.password)
        connection = http.client.HTTPConnection(self.to.hostname, self.to.port, timeout=300)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        told = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(told)))
        self.end_headers()
        self.wfile.write(told)
        connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_PUSH = do_OPTIONS = relay

    def log_message(self, *_):
        """Says nothing: the tests do."""


def start(to, password):
    """A relay on a free port; its URL says `localhost`, as two of the client's tests look for that."""
    handler = type("RelayTo", (Relay,), {"to": urllib.parse.urlsplit(to), "password": password})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://localhost:{server.server_address[1]}"
