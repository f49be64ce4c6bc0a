"""The sweep over members, widths and batches, and its picture."""

from benchmarks import scaling
from benchmarks.measurement import Measurement
from benchmarks.scaling import BATCHES, MEMBERS, WIDTHS, draw, scaling_table, sweep
from benchmarks.work import Work


def test_every_point_is_measured_once_and_drawn(monkeypatch, tmp_path):
    ran: list[Work] = []

    def run(subject: str, work: Work) -> Measurement:
        assert subject == "ddpg"
        ran.append(work)
        return Measurement(100.0 * work.members**0.5, 1.0, memory=float(work.members))

    monkeypatch.setattr(scaling, "run_subject", run)
    points = sweep(1.0, 1, lambda _: None)
    assert len({(work.members, work.hidden, work.batch) for work in ran}) == len(ran)
    assert len(points) == len(MEMBERS) * len(WIDTHS) * len(BATCHES)
    rows = scaling_table(points).rows
    assert rows[0] == ["1", *["100 (×1.0)"] * 4, "1"]
    assert rows[2] == ["4", *["200 (×2.0)"] * 4, "4"]
    draw(points, tmp_path / "it.png")
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
