"""Tables go into the document where it has a place for them."""

from benchmarks.document import fill
from benchmarks.tables import Table, spread

WHERE = {"processor": "P", "cores": 2, "load before": 0.5, "versions": {"torch": "2"}}


def test_a_table_takes_the_place_of_the_old_one(tmp_path):
    document = tmp_path / "it.md"
    document.write_text(
        "# It\n\n<!-- measured one -->\nold\n<!-- end -->\n\n"
        "between\n\n<!-- measured two -->\nkept\n<!-- end -->\nend\n"
    )
    one = Table("one", "A title", ["what", "µs"], [["a", "1"], ["b", "2"]])
    other = Table("other", "Nowhere", ["what"], [["a"]])
    for _ in range(2):
        fill(document, WHERE, [one, other])
        assert document.read_text() == (
            "# It\n\n<!-- measured one -->\n\n"
            "A title:\n\n| what | µs |\n| --- | ---: |\n| a | 1 |\n| b | 2 |\n\n"
            "*Measured on P, 2 cores, with a load of 0.5 before the first process, by torch 2.*\n\n"
            "<!-- end -->\n\nbetween\n\n<!-- measured two -->\nkept\n<!-- end -->\nend\n"
        )


def test_spread():
    assert spread([1_000.0]) == "1,000"
    assert spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0 … 3.0)"
