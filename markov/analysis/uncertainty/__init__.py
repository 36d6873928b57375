"""How sure the answer is: random draws, Sobol indices, value of information and of longer follow-up."""
