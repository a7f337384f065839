"""Certificates for tests, by openssl."""

import subprocess

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_self_signed(directory, name):
    """NAME.crt and NAME.key. Also an authority for a client that trusts it."""
    openssl(directory, "req", "-x509", *CURVE, "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.crt")
