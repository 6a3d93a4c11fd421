"""What a build changes in figures/: what differs in substance, as a whole, and nothing else."""

import json
import os

import pytest

from rodflow_book.build.publish import publish

FILES = {
    "wave.svg": '<svg><path id="a1b2" d="M 1.00 2.00 L 3.5 4"/><use href="#a1b2"/></svg>',
    "wave.png": "pixels",
    "wave.csv": "step,loss,word\n0,1.25,a\n1,0.5,b\n",
    "wave.json": json.dumps(
        {
            "alt": "A wave.",
            "runs": [{"seconds": 3.1, "spent": {"rod": 1.7}, "config": {"eta": 0.1}}],
        }
    ),
}


@pytest.fixture
def folders(tmp_path):
    made, cited = tmp_path / "made", tmp_path / "cited"
    for folder in (made, cited):
        folder.mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text)
    return made, cited


def content(folder):
    return {p.name: p.read_text() for p in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("wave.svg", "1.00", "1.01"),
        ("wave.svg", "a1b2", "c3d4"),
        ("wave.csv", "1.25", "1.2500001"),
        ("wave.json", "3.1", "4.7"),
        ("wave.json", "1.7", "1.9"),
        ("wave.png", "pixels", "other pixels"),
    ],
)
def test_what_says_the_same_is_left_alone(folders, name, old, new):
    made, cited = folders
    (made / name).write_text(FILES[name].replace(old, new))
    assert publish(made, cited) == [] and content(cited) == FILES


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("wave.svg", "4", "5"),
        ("wave.svg", "L", "C"),
        ("wave.csv", "1.25", "1.25001"),
        ("wave.csv", "b", "c"),
        ("wave.csv", "1,0.5,b\n", ""),
        ("wave.csv", "loss", "losses"),
        ("wave.csv", "0.5", "nan"),
        ("wave.json", "A wave", "Another wave"),
        ("wave.json", "0.1", "0.2"),
    ],
)
def test_what_differs_is_published_as_a_whole(folders, name, old, new):
    made, cited = folders
    (made / name).write_text(FILES[name].replace(old, new, 1))
    (made / "wave.png").write_text("other pixels")
    assert publish(made, cited) == ["wave"]
    assert content(cited) == content(made)


def test_a_new_figure_and_one_with_other_files_are_published(folders):
    made, cited = folders
    (made / "new.svg").write_text("<svg/>")
    (made / "wave.png").unlink()
    assert publish(made, cited) == ["new", "wave"] and content(cited) == content(made)


def test_what_is_not_made_by_the_build_is_left_alone(folders):
    made, cited = folders
    (cited / "photograph.png").write_text("hand-made")
    (cited / "runs").mkdir()
    assert publish(made, cited) == [] and (cited / "photograph.png").exists()


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("changed", [name for name in FILES if name != "wave.png"])
def test_a_publishing_that_is_cut_off_leaves_whole_files_and_is_made_up_for(
    folders, monkeypatch, calls, changed
):
    made, cited = folders
    # The bitmap changes with any of the others, and nothing but them says so.
    (made / "wave.png").write_text("other pixels")
    text = FILES[changed].replace("4", "5").replace("0.5", "0.7").replace("A wave", "Waves")
    assert text != FILES[changed]
    (made / changed).write_text(text)
    replace, done = os.replace, []

    def cut_off(source, target):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            publish(made, cited)
    after = content(cited)
    assert set(after) == set(FILES)  # no temporary file is left
    assert all(after[n] in (FILES[n], content(made)[n]) for n in FILES)
    publish(made, cited)
    assert content(cited) == content(made)
