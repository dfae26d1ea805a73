"""Put the runs of FlightDelays next to each other. The same lines work in a notebook."""

import pandas as pd
from pave import Flow

rows = {}
for run in Flow("FlightDelays").runs():
    if run.successful:
        best = run.data.scores.loc[run.data.winner]
        rows[run.id] = {
            "months held back": run.data.months_held_back,
            "airlines": len(run.data.scores),
            "easiest to foresee": run.data.names[run.data.winner],
            "AUC": best["auc"],
            "skill": best["skill"],
        }
print(pd.DataFrame(rows).T.rename_axis("run").to_string(float_format="{:.3f}".format))
