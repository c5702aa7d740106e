"""Prints `passed failed skipped` of the JUnit reports under a directory that are newer than a file.

Usage: junit_counts.py DIRECTORY NEWER_THAN_FILE
"""

import pathlib
import sys
import xml.etree.ElementTree


def main() -> None:
    root, began = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).stat().st_mtime
    passed = failed = skipped = 0
    for report in root.glob("**/target/surefire-reports/TEST-*.xml"):
        if report.stat().st_mtime < began:
            continue
        suite = xml.etree.ElementTree.parse(report).getroot()
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        out = int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - out
        failed += bad
        skipped += out
    print(passed, failed, skipped)


main()
