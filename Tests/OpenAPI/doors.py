"""What schemathesis cannot know: who may, what the events are, and that a link plays."""

import http.client
import json


def ask(larder, method, path, token=None):
    """The status, the header and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", larder.port, timeout=30)
    connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, answer, answer.read()


def check_doors(document, larder):
    """Each operation of the document, without a token and with each that is not enough for it."""
    identifier = larder.downloads()[0][1]
    for method, path, operation in document.operations():
        target = path.replace("{id}", identifier)
        if operation.get("security") == []:
            expect(larder, method, target, None, 200)
            continue
        expect(larder, method, target, None, 401, "unauthorized")
        expect(larder, method, target, "no.token.this", 401, "unauthorized")
        if path == "/metrics" or path.startswith("/api/admin/"):
            expect(larder, method, target, larder.premium, 403, "admin_required")
        else:
            expect(larder, method, target, larder.viewer, 403, "premium_required")
    expect(larder, "GET", "/api/nothing", larder.admin, 404, "not_found")
    expect(larder, "GET", "/api/nothing", None, 401, "unauthorized")
    check_methods(document, larder, identifier)


def check_methods(document, larder, identifier):
    """Each path takes the methods that the document has, and says so; HEAD goes where GET goes."""
    for path, item in document.tree["paths"].items():
        methods = [method for method in ("get", "head", "post", "put", "delete") if method in item]
        if "get" in methods and "head" not in methods:
            methods.insert(1, "head")
        status, answer, _ = ask(larder, "PATCH", path.replace("{id}", identifier), larder.admin)
        allowed = sorted(method.upper() for method in methods)
        if status != 405 or sorted((answer.getheader("Allow") or "").split(", ")) != allowed:
            raise SystemExit(f"run: PATCH {path}: {status}, Allow {answer.getheader('Allow')}, not {allowed}")


def expect(larder, method, target, token, status, code=None):
    got, _, body = ask(larder, method, target, token)
    if got != status or code and method != "HEAD" and json.loads(body)["code"] != code:
        raise SystemExit(f"run: {method} {target}: {got} {body!r} in place of {status} {code}")


def check_events(document, larder):
    """The stream begins with a comment and with what is unfinished: a paused one is there."""
    connection = http.client.HTTPConnection("127.0.0.1", larder.port, timeout=30)
    connection.request("GET", "/api/downloads/events", headers={"Authorization": f"Bearer {larder.premium}"})
    answer = connection.getresponse()
    if answer.status != 200 or answer.getheader("Content-Type") != "text/event-stream":
        raise SystemExit(f"run: the event stream: {answer.status} {answer.getheader('Content-Type')}")
    lines = iter(lambda: answer.readline().decode().rstrip("\n"), None)
    if not next(lines).startswith(":") or next(lines) != "" or next(lines) != "event: download":
        raise SystemExit("run: the event stream does not begin with a comment and an event")
    document.validate("Progress", json.loads(next(lines).removeprefix("data: ")))
    connection.close()


def check_link(larder):
    identifier = next(each for status, each in larder.downloads() if status == "completed")
    link = larder.link(larder.premium, identifier)
    expect(larder, "GET", link, None, 200)
    expect(larder, "GET", link[:-1], None, 401, "unauthorized")
    expect(larder, "GET", f"/api/downloads/{identifier}/play?token={larder.premium}", None, 401, "unauthorized")
