"""``python -m dashboards``."""

from dashboards.build import main

if __name__ == "__main__":
    main()
