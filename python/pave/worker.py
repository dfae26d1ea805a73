"""`python -m pave.worker FILE[:Class]`: a worker of the runtime. Not for people."""

from ._worker.main import main

if __name__ == "__main__":
    main()
