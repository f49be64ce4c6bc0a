"""Speed over members, widths and batches, and its picture."""

from benchmarks.sections import scaling
from benchmarks.sections.scaling import (
    BATCHES,
    MEMBERS,
    WIDTHS,
    draw_scaling,
    measure_scaling,
    scaling_table,
)
from benchmarks.timing.measurement import Measurement
from benchmarks.workload import Workload


def test_every_point_is_measured_once_and_drawn(monkeypatch, tmp_path):
    ran: list[Workload] = []

    def run(subject: str, workload: Workload) -> Measurement:
        assert subject == "ddpg"
        ran.append(workload)
        return Measurement(100.0 * workload.members**0.5, 1.0, memory=float(workload.members))

    monkeypatch.setattr(scaling, "run_subject", run)
    points = measure_scaling(1.0, 1, lambda _: None)
    assert len({(each.members, each.hidden, each.batch) for each in ran}) == len(ran)
    assert len(points) == len(MEMBERS) * len(WIDTHS) * len(BATCHES)
    rows = scaling_table(points).rows
    assert rows[0] == ["1", *["100 (×1.0)"] * 4, "1"]
    assert rows[2] == ["4", *["200 (×2.0)"] * 4, "4"]
    draw_scaling(points, tmp_path / "it.png")
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
