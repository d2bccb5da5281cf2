"""What is said in full of the chosen calls and texts.

python -m tests.in_full --write      after the core, or a reader, says something else
python -m tests.in_full --choose     chooses them anew, too (some minutes; it needs `pip install coverage`)
"""

import argparse

from tests.in_full import choosing, kept


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.in_full", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--choose", action="store_true")
    asked = parser.parse_args()
    if asked.choose:
        kept.write(choosing.chosen())
    elif asked.write:
        names = list(kept.kept())
        found = choosing.of_tests()
        found |= {name: kept.anew(name) for name in names if name.startswith(kept.OF_NO_TEST)}
        print(*(f"no longer there: {name}" for name in names if name not in found), sep="\n")
        kept.write({name: found[name] for name in names if name in found})
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
