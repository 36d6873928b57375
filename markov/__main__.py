"""`python -m markov` is the command `markov`."""

from markov.cli import main

if __name__ == "__main__":
    main()
