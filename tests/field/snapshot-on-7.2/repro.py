#!/usr/bin/env python3
"""With snapshot=on a disk is called after the image that the user named, not after the temporary file over it."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
import field



def user_image(name):
    """The name by which query-blockstats calls the overlay."""
    return json.loads(name.removeprefix("json:"))["backing"]["file"]["filename"]


field.replay_account(field.HERE / "trace.log.gz", field.HERE / "truth.json", user_image)
