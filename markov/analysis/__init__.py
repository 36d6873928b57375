"""Questions asked of the model: a design of rows and a summary of outcomes each, never a model of their own."""
