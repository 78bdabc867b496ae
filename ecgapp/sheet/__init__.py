"""Page -> located sheet: where each lead lies, whatever the machine, scan or photograph."""
