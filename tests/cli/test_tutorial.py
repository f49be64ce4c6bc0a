"""`scripts/tutorial.py` on its command line."""

import subprocess
import sys
from html.parser import HTMLParser

import pytest

from ddpg.cli import tutorial as command_line
from ddpg.tutorial import page
from ddpg.tutorial.blocks import Code, LessonSection, LessonTable, Paragraph
from ddpg.tutorial.claims import document, timing
from ddpg.tutorial.claims.registry import CLAIMS
from ddpg.tutorial.drawing import GRADES
from ddpg.tutorial.exercises import checker
from ddpg.tutorial.lesson.contents import CHAPTERS, TITLE, chapter_title


class Links(HTMLParser):
    """Collects the resources that a page loads, its ids and its internal links."""

    def __init__(self):
        super().__init__()
        self.loads, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("script", "link", "img", "iframe") or "src" in attributes:
            self.loads.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])


def test_without_options_it_prints_the_lesson(capsys):
    assert command_line.main([]) == 0
    printed = capsys.readouterr().out
    for words in ("L1 → L2", "detach", "RuntimeError", "critic update under none", "Exercises"):
        assert words in printed
    assert "(L2(x) - target) ** 2" in printed
    assert "['actor', 'critic', 'critic_target']" in printed
    assert all(chapter_title(number) in printed for number in CHAPTERS)


def test_the_chapters_can_be_chosen(tmp_path, capsys):
    assert command_line.main(["--chapters", "5,7"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(
        f"{TITLE}\nChapters (of 7):\n  {chapter_title(5)}\n  {chapter_title(7)}\n"
    )
    assert printed.count(chapter_title(5)) == printed.count(chapter_title(7)) == 2
    assert "critic update under none" not in printed
    assert "`" not in printed
    file = tmp_path / "lesson.html"
    assert command_line.main(["--chapters", "2", "--html", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    assert chapter_title(2) in text
    assert chapter_title(3) not in text


def test_the_first_lines_need_no_pytorch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from ddpg.cli.tutorial import main; main(['--chapters', '1'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith(f"{TITLE}\nChapters (of 7):\n  {chapter_title(1)}\n")
    assert "import of torch halted" in done.stderr


def test_graphs_and_page(tmp_path, capsys):
    folder, file = tmp_path / "new" / "graphs", tmp_path / "lesson.html"
    arguments = ["--chapters", "1,3,4,5", "--graphs", str(folder), "--html", str(file)]
    assert command_line.main(arguments) == 0
    drawn = sorted(path.name for path in folder.iterdir())
    assert "layers-detach.svg" in drawn
    assert "actor-update-freeze.png" in drawn
    assert not list(tmp_path.rglob("*unfinished*"))
    assert f"{len(drawn) // 2} graphs" in capsys.readouterr().out

    text = file.read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert links.loads == []
    assert len(set(links.ids)) == len(links.ids)
    assert {link.removeprefix("#") for link in links.links} <= set(links.ids)
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text
    assert text.count("<svg") > len(drawn) // 2
    assert text.count("class='legend'") == len(drawn) // 2
    assert all(f">{grade}</span>" in text for grade in GRADES)
    assert "<pre class='output'>" in text


def test_a_page_escapes_text():
    text = page.page(
        [
            LessonSection(
                "a <b>",
                (
                    Paragraph("`c<d>` **e**"),
                    Code("f < g", "h > i"),
                    LessonTable(("h",), (("leaked",),)),
                ),
            )
        ]
    )
    assert "a &lt;b&gt;" in text
    assert "<code>c&lt;d&gt;</code> <strong>e</strong>" in text
    assert "f &lt; g" in text
    assert "<pre class='output'>h &gt; i</pre>" in text
    assert "<td class='bad'>leaked</td>" in text


def test_an_exercise_is_checked(tmp_path, capsys):
    assert command_line.main(["--exercise", "3"]) == 1
    assert "Not solved yet" in capsys.readouterr().out
    assert command_line.main(["--exercise", "3", "--hint"]) == 1
    assert "share storage" in capsys.readouterr().out
    solved = tmp_path / "solved.py"
    solved.write_text(checker.solved_source(3), encoding="utf-8")
    assert command_line.main(["--exercise", "3", "--file", str(solved)]) == 0
    assert "Solved" in capsys.readouterr().out
    assert command_line.main(["--exercise", "3", "--solution"]) == 0
    assert "+        self.target = deepcopy(network).to(device)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--exercise", "9"], "exercise: 9 is not allowed; allowed: 1 to 5"),
        (
            ["--exercise", "1", "--file", "nowhere.py"],
            "allowed: an existing file with the suffix .py",
        ),
        (["--hint"], "need --exercise N"),
        (["--chapters", "8"], "chapters: '8' is not allowed; allowed: numbers from 1 to 7"),
        (["--chapters", "one"], "chapters: 'one' is not allowed"),
        (["--chapters", "1", "--notebook"], "--chapters: allowed for the text, --graphs and"),
        (["--chapters", "1", "--exercise", "1"], "--exercise: only --file, --hint and"),
        (["--notebook", "{file}/notebook.ipynb"], "cannot write"),
        (
            ["--exercise", "1", "--html", "page.html"],
            "--exercise: only --file, --hint and --solution are allowed",
        ),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--graphs", "{file}/under"], "cannot write"),
        (["--html", "{file}/page.html"], "cannot write"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SystemExit) as exit_info:
        command_line.main([argument.format(file=file) for argument in arguments])
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("tutorial.py: error: ")
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_claims_are_written_with_timings(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "WIDTHS", (16,))
    monkeypatch.setattr(timing, "BATCHES", (1,))
    monkeypatch.setattr(timing, "ROUNDS", 3)
    file = tmp_path / "claims.md"
    assert command_line.main(["--claims", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    assert text.count("| `test_") == len(CLAIMS)
    assert "crossing: faster at more than half of 1 sizes" in text
    timed = [line for line in text.splitlines() if line.startswith(("| crossing", "| update"))]
    assert len(timed) == 4
    assert all(
        line.split(" | ")[-1].rstrip(" |") in ("faster", "slower", "undecided") for line in timed
    )


def test_a_ratio_within_the_noise_is_undecided():
    def verdict(ratio, low, high, noise):
        return timing.StopTiming(
            "crossing", 1, 1, ratio, low, high, (low, high), noise, (1, 1), (0, 0)
        ).verdict

    assert verdict(0.9, 0.8, 0.95, 0.01) == "faster"
    assert verdict(1.1, 1.05, 1.2, 0.01) == "slower"
    assert verdict(0.9, 0.8, 1.01, 0.01) == "undecided"
    assert verdict(0.9, 0.8, 0.95, 0.2) == "undecided"


def test_the_table_names_the_test_of_each_claim():
    assert document.COLUMNS[-1] == "pinned by"
