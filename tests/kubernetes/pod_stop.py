#!/usr/bin/env python3
"""What a pod does before it is stopped (csi/image/varve-pod stop), for each answer of `varve node restart-check`: the program is a stand-in that notes its calls."""

import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STAND_IN = """#!/bin/sh
echo "$*" >>"$CALLS"
[ "$2" = restart-check ] || exit 0
number=$(grep -c restart-check "$CALLS")
answer=$(sed -n "${number}p" "$ANSWERS")
[ -n "$answer" ] || answer=$(tail -n 1 "$ANSWERS")
echo "${answer#* }"
exit "${answer%% *}"
"""


def stop(directory: pathlib.Path, answers: list[str], **environment: str) -> tuple[list[str], str]:
    """The calls, and what the node's log has; the last answer is repeated."""
    files = {name: directory / name for name in ("varve", "calls", "answers", "log")}
    files["varve"].write_text(STAND_IN)
    files["varve"].chmod(0o755)
    files["calls"].write_text("")
    files["log"].write_text("")
    files["answers"].write_text("".join(f"{each}\n" for each in answers))
    subprocess.run([ROOT / "csi/image/varve-pod", "stop"], check=True, timeout=30,
                   env=os.environ | {"VARVE_PROGRAM": str(files["varve"]), "VARVE_NODE": "m1", "VARVE_LOG": str(files["log"]), "CALLS": str(files["calls"]),
                                     "ANSWERS": str(files["answers"]), **environment})
    return files["calls"].read_text().splitlines(), files["log"].read_text()


def main() -> None:
    ask, move, cannot = "node restart-check m1 --wait --timeout 20s", "node move-volumes m1 --timeout 20s", "5 the metadata group cannot decide, so nothing is known"
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        calls, said = stop(directory, ["0 Yes"], VARVE_STOP_WAIT="99")
        assert calls == [ask, move] and said == "Yes\n", (calls, said)
        calls, said = stop(directory, ["5 No: a copy", "5 No: a copy", "5 No: another", "0 Yes"], VARVE_STOP_WAIT="99", VARVE_STOP_UNCLEAR="0")
        assert calls == [ask] * 4 + [move] and said == "No: a copy\nNo: another\nYes\n", "it waits as long as it is needed, and says each reason once"
        calls, said = stop(directory, ["5 No"], VARVE_STOP_WAIT="1")
        assert calls[-1] == move and "within 1 s: it stops all the same" in said, (calls, said)
        for code in (3, 4):
            calls, said = stop(directory, [f"{code} no"], VARVE_STOP_WAIT="99")
            assert calls == [ask] and "nobody waits for it" in said, "a broken node is not waited for"
        calls, said = stop(directory, ["1 elects", cannot, "0 Yes"], VARVE_STOP_WAIT="99")
        assert calls == [ask] * 3 + [move], "a metadata group that elects is asked again"
        for answer in ("1 elects", cannot):
            calls, said = stop(directory, [answer], VARVE_STOP_WAIT="99", VARVE_STOP_UNCLEAR="1")
            assert calls[-1] == move and "nobody can say" in said, "and not for ever"
        calls, said = stop(directory, ["5 No"], VARVE_STOP_WAIT="0")
        assert calls == [move], "it is told not to ask"
    print("a pod's stop: 9 courses")


main()
