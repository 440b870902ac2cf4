"""Sources that no recipe was written for: what comes of them, beside what plain pip makes of them."""

from collections import Counter
from pathlib import Path

from builds import Builder

FRESH = Path(__file__).parent / "fresh.tsv"


def rows():
    return [line.split("\t") for line in FRESH.read_text().splitlines() if not line.startswith("#")]


def came_to(state):
    """A word for the end of a build, and what was done or why it failed."""
    failure, evidence = state.get("failure") or {}, state.get("evidence") or {}
    if state["state"] != "built":
        return failure.get("class") or state["state"], failure.get("line") or failure.get("hint") or ""
    doubts = evidence.get("doubts") or []
    return ("doubtful" if doubts else "built"), evidence.get("strategy", "") + "".join(f"; {doubt}" for doubt in doubts)


def measure():
    builder = Builder("fresh")
    try:
        asked = [(builder.ask_for(requirement, builder.targets[python]), requirement, python, pip)
                 for requirement, python, pip in rows() if python in builder.targets]
        lines, counts = [], Counter()
        for build, requirement, python, pip in asked:
            state = builder.ended(build) if isinstance(build, int) else build
            word, why = came_to(state)
            counts[pip, word in ("built", "doubtful")] += 1
            text = " ".join(why.split()).replace("|", "\\|")[:160]
            lines.append(f"| {requirement} | {python} | {pip} | {word} | {text} |")
            print(lines[-1], flush=True)
        head = [f"## {len(asked)} sources without a recipe", "",
                f"Of {counts['built', True] + counts['built', False]} that plain pip builds: {counts['built', True]} built. "
                f"Of {counts['fails', True] + counts['fails', False]} that it does not: {counts['fails', True]} built.", "",
                "| source | Python | plain pip | here | how, or why not |", "|---|---|---|---|---|"]
        return "\n".join(head + lines)
    finally:
        builder.server.stop()
