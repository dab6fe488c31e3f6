"""The Python side of an agent: one JSON command per line in, one JSON line out (see agent.ts for the protocol)."""

import base64
import json
import sys
import threading

_turn = threading.Lock()


def to_bytes(text):
    """Base64 to bytes; None stays None."""
    return None if text is None else base64.b64decode(text)


def to_text(data):
    """Bytes to base64; None stays None."""
    return None if data is None else base64.b64encode(data).decode()


def say(line):
    """Writes one JSON line."""
    with _turn:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _act(handlers, code_of, command):
    answer = {"id": command["id"]}
    try:
        progress = lambda n: say({"id": command["id"], "progress": n})
        answer["ok"] = handlers[command["do"]](command, progress) or {}
    except BaseException as error:  # whatever it is, the suite must hear of it
        answer["error"] = {"code": code_of(error), "message": f"{type(error).__name__}: {error}"[:2000]}
    say(answer)


class Members:
    """The members of groups that live in this agent, by name, and how each is told to leave."""

    def __init__(self):
        self._leaving = {}

    def live(self, c):
        """Makes the event that says that the member is to leave."""
        return self._leaving.setdefault(c["member"], threading.Event())

    def leave(self, c, _progress):
        """Tells a member to leave; its own command ends when it has left."""
        self._leaving.pop(c["member"]).set()


def serve(handlers, code_of):
    """Reads commands until standard input ends and runs each in a thread of its own."""
    for line in sys.stdin:
        threading.Thread(target=_act, args=(handlers, code_of, json.loads(line)), daemon=True).start()
