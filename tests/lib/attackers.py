"""Clients that an HTTP server on the open net meets: slow, idle, greedy and ill-mannered ones. Each kind is a function
that acts on a port until it is told to stop; `attack` runs one in the background."""

import contextlib
import resource
import selectors
import socket
import ssl
import threading

REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(190))


def raise_descriptor_limit():
    """As many connections as the system gives."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class TlsPort(int):
    """A port at which the attackers speak TLS."""

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _socket():
    client = socket.socket()
    client.settimeout(0.5)
    return client


def _connect(port, client):
    client.connect(("127.0.0.1", port))
    return port.context.wrap_socket(client) if isinstance(port, TlsPort) else client


class Crowd:
    """`count` connections, each opened anew as soon as the server ends it."""

    def __init__(self, port, count, greeting=b"", receive_buffer=None):
        self._port, self._greeting, self._buffer = port, greeting, receive_buffer
        self._selector = selectors.DefaultSelector()
        self.opened = 0
        for _ in range(count):
            self.open(greeting)

    def open(self, greeting):
        client = socket.socket()
        if self._buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        client.settimeout(0.5)
        try:
            client = _connect(self._port, client)
            client.send(greeting)
        except OSError:
            pass  # to be tried again
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ)
        self.opened += 1

    def clients(self):
        return [key.fileobj for key in self._selector.get_map().values()]

    def tend(self, seconds, *, reads=True):
        """Opens what has been ended, for a while. A client that does not read notices the end when it writes."""
        for key, _ in self._selector.select(seconds) if reads else []:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                try:
                    ended = not key.fileobj.recv(65536)
                except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                    ended = True
                if ended:
                    self.replace(key.fileobj)

    def replace(self, client):
        self._selector.unregister(client)
        client.close()
        self.open(self._greeting)

    def close(self):
        for client in self.clients():
            client.close()
        self._selector.close()


def _tend_until(crowd, stop):
    while not stop.is_set():
        crowd.tend(0.1)
        stop.wait(0.01)
    crowd.close()


def idle(port, stop, count=2000):
    """Connect and say nothing."""
    _tend_until(Crowd(port, count), stop)


def endless_requests(port, stop, count=200):
    """Begin a request and never end it."""
    _tend_until(Crowd(port, count, b"GET /metrics HTTP/1.1\r\nHost: slo"), stop)


def byte_by_byte(port, stop, count=200):
    """Send a request one byte at a time."""
    crowd = Crowd(port, count)
    step = 0
    while not stop.wait(0.2):
        for client in crowd.clients():
            try:
                client.send(REQUEST[step % 30:step % 30 + 1])
            except OSError:
                crowd.replace(client)
        step += 1
    crowd.close()


def keep_alive(port, stop, count=200):
    """Ask once and hold on to the connection."""
    _tend_until(Crowd(port, count, REQUEST.replace(b"/metrics", b"/-/healthy")), stop)


def stop_reading(port, stop, count=100):
    """Ask for everything, and read nothing of it."""
    crowd = Crowd(port, count, REQUEST, receive_buffer=4096)
    while not stop.wait(0.5):
        for client in crowd.clients():
            try:
                client.send(b"")
                client.send(b"\r\n")
            except OSError:
                crowd.replace(client)
    crowd.close()


def _one_after_another(port, stop, requests):
    """Sends each, reads until the end or for 0.1 s, and begins again."""
    while not stop.is_set():
        for request in requests:
            with contextlib.suppress(OSError), _connect(port, _socket()) as client:
                client.sendall(request)
                client.settimeout(0.1)
                while client.recv(65536):
                    pass


def huge_headers(port, stop):
    """Headers of a megabyte."""
    _one_after_another(port, stop, [b"GET /metrics HTTP/1.1\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n",
                                    b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n",
                                    b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 200000 + b"\r\n"])


def bad_methods(port, stop):
    """Methods that are unknown, not allowed, or no methods."""
    methods = [b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT", b"OPTIONS", b"PROPFIND", b"BREW", b"get", b"G" * 5000, b""]
    _one_after_another(port, stop, [method + b" /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
                                    for method in methods] + [b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"])


def garbage(port, stop):
    """Bytes that are not HTTP."""
    _one_after_another(port, stop, [CLIENT_HELLO, bytes(range(256)) * 64, b"\r\n" * 1000, b"\0" * 100000, b"SSH-2.0-x\r\n",
                                    b"GET /metrics HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])


def abandoned_handshakes(port, stop, count=200):
    """Begin TLS's handshake, each some bytes further than the one before, and leave it there."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        TlsPort.context.wrap_bio(incoming, outgoing).do_handshake()
    hello, crowd = outgoing.read(), Crowd(port, 0)
    for i in range(count):
        crowd.open(hello[:(i * 7) % len(hello) + 1])
    _tend_until(crowd, stop)


def tls_handshakes(port, stop):
    """Real TLS clients."""
    context = ssl.create_default_context()
    while not stop.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as client:
            context.wrap_socket(client, server_hostname="localhost")


def scanners(port, stop):
    """Pipelined requests for what other servers leak."""
    paths = [b"/../../../../etc/passwd", b"/..%2f..%2fetc/passwd", b"/%2e%2e/%2e%2e/etc/shadow", b"/.git/config", b"/wp-login.php",
             b"/cgi-bin/test.cgi", b"/metrics/../../etc/passwd", b"/\\..\\..\\boot.ini", b"/.htpasswd", b"//etc/passwd",
             b"/metrics%00.html", b"/?x=" + b"a" * 8000, b"http://127.0.0.1/secret", b"/%ff%fe", b"/-/reload"]
    pipelined = b"".join(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths)
    _one_after_another(port, stop, [pipelined * 20])


@contextlib.contextmanager
def attack(kind, *arguments):
    """One kind of attacker at work until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=kind, args=(*arguments[:1], stop, *arguments[1:]), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
