"""What a test needs of the machine beside Python."""

import os
import shutil
import sys


def need(*programs):
    """Ends with 77, ctest's sign for a skipped test, where a program is missing; with QTE_REQUIRE_ALL in the environment
    the test continues, and fails because of it. Those for root alone (nginx) are found as well."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    missing = [program for program in programs if not shutil.which(program, path=path)]
    if missing and "QTE_REQUIRE_ALL" not in os.environ:
        print("skipped, for want of:", *missing)
        sys.exit(77)


def yaml():
    """The module of Debian's python3-yaml, which other Pythons than Debian's find as well. Ends with 77 as need() does."""
    try:
        import yaml as module
    except ImportError:
        sys.path.append("/usr/lib/python3/dist-packages")
        try:
            import yaml as module
        except ImportError:
            if "QTE_REQUIRE_ALL" in os.environ:
                raise
            print("skipped, for want of: python3-yaml")
            sys.exit(77)
    return module
