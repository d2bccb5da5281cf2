"""The Java that Spark runs on in the tests: `python -m tests.triage.install_java` installs it where it is missing."""

from tests import packages

JAVA = {"java": "default-jre-headless"}
HOW_TO_GET = "Spark needs Java 17 or later: apt-get install default-jre-headless"

if __name__ == "__main__":
    packages.install(JAVA, HOW_TO_GET)
