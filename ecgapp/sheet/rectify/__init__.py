"""Scale, tilt, light and paper: a picture -> a page at canonical scale, without its grid."""
