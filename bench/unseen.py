"""Sources that were chosen before anybody tried to build them, beside what plain pip makes of them here and now."""

import fresh


def measure():
    return fresh.compare("Sources chosen before anybody tried them", [(*row, None) for row in fresh.rows("unseen.tsv")])
