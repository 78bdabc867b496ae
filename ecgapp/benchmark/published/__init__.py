"""Every published model, retrained and judged under one protocol."""
