"""Report in a browser: phone and desktop width, light and dark, and print."""

import pytest

from ddpg.comparison.report.cost import measure_cost
from ddpg.comparison.report.page import write_report
from tests.comparison.report.browser import print_to_pdf, render
from tests.comparison.report.written_runs import GRADES, write_run

pytestmark = pytest.mark.slow
LEAKY = {**GRADES, "critic_update/critic_target": 3, "critic_update/actor_target": 3}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Report with every kind of content, and with long names."""
    folder = tmp_path_factory.mktemp("runs") / "a-comparison-of-every-way-to-stop-a-gradient"
    write_run(folder, "none", -1000.0, LEAKY, stop="none")
    for stop in ("detach", "no_grad", "inference", "inputs", "no_grad+optimizer"):
        write_run(folder, stop, stop=stop)
    for dose in (0.01, 0.1):
        scale = {"actor_target": dose, "critic_target": dose}
        write_run(folder, f"dose-{dose}", -dose, LEAKY, stop="manual", manual_scale=scale)
    write_run(folder, "actor-none", -1000.0, actor_stop="none")
    (folder / ("a-run-with-a-very-long-name-" * 4)).mkdir()
    measure_cost(folder, seconds=0)
    return write_report(folder)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_and_has_no_console_messages(page, width, dark, tmp_path):
    rendered = render(page, width, dark, tmp_path)
    assert rendered.messages == []
    assert rendered.width == width
    assert rendered.dark == dark
    brightness = rendered.pixels.mean(axis=2)
    # Most of a page is background; text and lines contrast with it.
    assert (brightness < 0.15 if dark else brightness > 0.85).mean() > 0.7
    assert (brightness > 0.7 if dark else brightness < 0.3).mean() > 0.01
    # Lines of the control and of the first stop.
    for colour in ("#ff9250", "#5bb4f0") if dark else ("#c44e00", "#0072b2"):
        wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        assert (abs(rendered.pixels - wanted).max(axis=2) < 0.02).sum() > 100, colour


def test_the_page_can_be_printed(page, tmp_path):
    print_to_pdf(page, tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_an_overflow_and_a_console_message_are_detected(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><html><body><p style='width: 900px'>wide</p><script>oops()</script>"
        "</body></html>"
    )
    rendered = render(page, 375, False, tmp_path)
    assert rendered.messages == ["Uncaught ReferenceError: oops is not defined"]
    assert rendered.width > 375
