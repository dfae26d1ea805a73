"""A flow whose step reads its own run, another flow's, and through another namespace."""

from pave import Flow, FlowSpec, Run, current, get_namespace, namespace, step

EARLY = Flow("Tour").latest_run.id


class Reader(FlowSpec):
    @step
    def start(self):
        self.mine = 1
        self.next(self.end)

    @step
    def end(self):
        self.early = EARLY
        self.namespace = get_namespace()
        self.own_state = current.run.state
        self.own_task = current.task.pathspec
        self.before = current.run["start"].task.data.mine
        self.scores = Flow("Tour").latest_run["visit"].values("score")
        namespace(None)
        self.souvenir = Run("Tour/1").data.souvenir.x


if __name__ == "__main__":
    Reader()
