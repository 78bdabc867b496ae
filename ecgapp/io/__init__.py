"""Bytes in, files out: pictures, PDF, HEIC, DICOM, WFDB and CSV, and the shipped weights."""
