import subprocess
import sys

import pytest

# Says by how many bytes the process is larger after a picture was dropped than before it was made.
KEPT = """
import re
from pathlib import Path
from ecgapp.service.memory import keep_freed_memory

def held():
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

keep_freed_memory()
before = held()
picture = bytearray(20_000_000)
del picture
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told how to hold memory")
def test_a_pictures_memory_is_kept_for_the_next() -> None:
    run = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 18_000_000
