"""What is wrong or odd about a workbook: one small function a rule."""
