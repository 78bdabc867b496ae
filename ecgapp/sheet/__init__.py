"""Page image -> located sheet, and the renderer that draws sheets the other way."""
