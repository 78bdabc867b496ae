"""Readers of PDF, HEIC and DICOM files, each run in a process of its own.

Their libraries parse intricate formats, mostly in C and C++, and a file of 20 MB can ask any of
them for gigabytes and hours. So none of them reads an upload in the process that serves others:
`ecgapp.io.decoders.isolation` starts one that may use so much memory and time, may write no file,
and is gone when the page is read. The process that serves loads none of these libraries.
"""
