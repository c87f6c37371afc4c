import pytest

from physgan.files import replace_folder


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "deep" / "run"
    for text in ("old", "new"):
        with replace_folder(target) as fresh:
            (fresh / f"{text}.txt").write_text(text)
            assert not (target / f"{text}.txt").exists()
    assert [p.name for p in target.iterdir()] == ["new.txt"]
    assert [p.name for p in target.parent.iterdir()] == ["run"]


def test_an_error_leaves_the_old_folder_and_no_trace(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), replace_folder(target) as fresh:
        (fresh / "half.txt").write_text("half")
        raise RuntimeError
    assert [p.name for p in target.iterdir()] == ["old.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
