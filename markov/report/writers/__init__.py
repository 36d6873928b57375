"""Pages into files: Excel, a web page, a Word document."""
