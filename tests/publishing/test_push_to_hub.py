"""The whole way to a Hub and back, with the real client and a stand-in for the Hub on this machine."""

import copy
import json
import shutil
import socket
import sys
import time

import numpy as np
import pytest
from carded import carded, made_up_report
from hub_server import OTHER_TOKEN, READ_TOKEN, TOKEN

import skinzoo
from skinzoo.errors import OfflineError, PublishError
from skinzoo.evaluation.saved.writing import prediction_table
from skinzoo.files import sha256_of, write_csv, write_json
from skinzoo.hub import FileDigest, HubOptions
from skinzoo.models.digest import weights_digest
from skinzoo.publishing import ModelCard, push_to_hub, replay_golden
from skinzoo.publishing.attachments import SavedAttachment
from skinzoo.publishing.sharing import without_photographs
from skinzoo.publishing.staging import NAMES
from skinzoo.publishing.uploading import Publisher

REPOSITORY = "tester/drawn"
FILES = {*NAMES} - {"external.json"}


def publish(model, report, **options):
    return push_to_hub(model, REPOSITORY, report=report, card=options.pop("card", None) or carded(model), **options)


@pytest.mark.usefixtures("no_page")
def test_published_downloaded_and_equal(logged_in, small, made_up, tmp_path):
    report = copy.copy(made_up)
    report.facts = report.facts | {"weights": weights_digest(small)}
    done = publish(small, report, message="The first")
    repository = logged_in.repository(REPOSITORY)
    assert len(repository.commits) == 2, "the Hub's first commit, and one with everything"
    assert set(logged_in.files(REPOSITORY, done.revision)) == FILES | {".gitattributes"}
    for file in done.files:
        content = logged_in.files(REPOSITORY, done.revision)[file.path]
        (tmp_path / "x").write_bytes(content)
        assert (file.sha256, file.size) == (sha256_of(tmp_path / "x"), len(content))
    assert done.url == f"{logged_in.url}/{REPOSITORY}/commit/{done.revision}"
    assert done.golden_difference <= 1e-4
    assert done.folder is None
    assert done.record is None
    assert str(done).startswith(f"published and verified: hf-hub:{REPOSITORY}@{done.revision}")
    assert "The first" in str(vars(repository.commits[done.revision]))
    assert done.card == logged_in.files(REPOSITORY)["README.md"].decode()
    # anybody gets the same model
    loaded = skinzoo.create_model(f"hf-hub:{REPOSITORY}@{done.revision}", hub=HubOptions(cache_dir=tmp_path / "cache"))
    assert weights_digest(loaded) == weights_digest(small)
    assert loaded.training_record == small.training_record
    (tmp_path / "golden.safetensors").write_bytes(logged_in.files(REPOSITORY)["golden.safetensors"])
    assert replay_golden(loaded, tmp_path / "golden.safetensors") <= 1e-6
    assert "not a medical device" in done.card
    saved = json.loads(logged_in.files(REPOSITORY)["report.json"])
    assert saved["metrics"]["balanced_accuracy"] == made_up["balanced_accuracy"]
    # the second time only what changed is sent, and nothing of the first is left over
    logged_in.log.clear()
    again = publish(small, made_up_report(small, collection_of(made_up), seed=3))
    assert len(repository.commits) == 3
    assert not logged_in.requests("PUT ")
    assert again.revision != done.revision


def collection_of(report):
    """The collection of a report, from its ids."""
    data = skinzoo.load_dataset("synthetic", num_images=168, size=32)
    wanted = set(report.outcome.ids)
    return data.subset([k for k, name in enumerate(data.records.ids.tolist()) if name in wanted])


def test_a_dry_run_opens_no_socket(small, made_up, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(socket.socket, "connect", lambda *a: opened.append(a))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **_: opened.append(a))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    events = []
    sys.addaudithook(lambda name, args: events.append(name) if name.startswith("socket.") and watching else None)
    watching = True
    done = publish(small, made_up, dry_run=True, folder=tmp_path / "staged")
    watching = False
    assert not opened
    assert not events
    assert done.revision is None
    assert done.folder == tmp_path / "staged"
    assert {f.path for f in done.files} == FILES == {p.name for p in done.folder.iterdir()}
    for file in done.files:
        digest = FileDigest.of(done.folder / file.path)
        assert (digest.sha256, digest.size) == (file.sha256, file.size)
    assert (done.folder / "README.md").read_text("utf-8") == done.card
    text = str(done)
    assert text.startswith("dry run: nothing was uploaded")
    assert all(f.sha256 in text for f in done.files)
    page = (done.folder / "report.html").read_text("utf-8")
    assert "Confusion matrix" in page
    again = publish(small, made_up, dry_run=True, folder=tmp_path / "staged")
    assert again.files == done.files, "the same bytes, into the same folder"
    (tmp_path / "staged" / "thesis.doc").touch()
    with pytest.raises(PublishError, match=r"holds thesis\.doc, which is not part"):
        publish(small, made_up, dry_run=True, folder=tmp_path / "staged")
    assert (tmp_path / "staged" / "thesis.doc").exists()


@pytest.mark.usefixtures("no_page")
def test_a_dry_run_without_a_folder_keeps_one_to_look_at(small, made_up):
    done = publish(small, made_up, dry_run=True)
    assert done.folder is not None
    assert (done.folder / "README.md").is_file()
    shutil.rmtree(done.folder)


def test_no_photograph_leaves_the_machine(small, drawn, tmp_path):
    """Only charts remain; with photographs=True the pictures are there."""
    from matplotlib.figure import Figure

    class Audit:
        def to_dict(self):
            return {"files": ["/home/someone/lesion.jpg"]}

        def __str__(self):
            return "/home/someone/lesion.jpg"

    report = skinzoo.evaluate(small, drawn[2], examples=2, resampling=skinzoo.Resampling(resamples=200))
    grey, chart = Figure(), Figure()
    grey.subplots().imshow(np.zeros((4, 4)), cmap="gray")
    chart.subplots().plot([1, 2])
    report.add_figure("A photograph in grey", grey)
    report.add_figure("Learning curves", chart)
    report.attach("Shared with the training part", Audit())
    ids = [e.id for e in report.examples]
    done = publish(small, report, dry_run=True, folder=tmp_path / "without")
    texts = {p.name: p.read_bytes().decode("latin-1") for p in done.folder.iterdir()}
    for name, text in texts.items():
        assert "/home/someone" not in text, name
        assert "data:image/jpeg" not in text, name
        assert not any(f"{i}" in text for i in ids), name
    assert "Learning curves" in texts["report.html"]
    assert "A photograph in grey" not in texts["report.html"]
    assert done.left_out == ("2 examples with photographs", "A photograph in grey", "Shared with the training part")
    assert "Shared with the training part" in str(done)
    assert len(report.examples) == 2, "the report itself is as it was"
    assert len(report._pictures) == 2
    with_them = publish(small, report, dry_run=True, folder=tmp_path / "with", photographs=True)
    page = (with_them.folder / "report.html").read_text("utf-8")
    assert "data:image/jpeg" in page
    assert "A photograph in grey" in page
    assert with_them.left_out == ()


def test_faithfulness_names_no_file(made_up):
    report = copy.copy(made_up)
    values = {"method": "grad_cam", "pictures": 3, "values": {"deletion": 0.5}, "intervals": {"deletion": [0.4, 0.6]}}
    report.attachments = {"Maps": SavedAttachment(values | {"failed": [{"id": "/home/someone/x.jpg"}]})}
    shared, left_out = without_photographs(report)
    assert shared.attachments["Maps"].to_dict()["failed"] == []
    assert left_out == []


@pytest.mark.usefixtures("no_page")
def test_from_saved_files(logged_in, small, made_up, tmp_path):
    """What `Report.save` writes, without the pictures, and a card as JSON."""
    saved = tmp_path / "report"
    heatmaps = {"method": "m", "pictures": 3, "values": {"deletion": 0.5}, "intervals": {"deletion": [0.4, 0.6]}}
    write_json(saved / "report.json", made_up.to_dict() | {"attachments": {"Heatmaps": heatmaps}})
    write_csv(saved / "predictions.csv", *prediction_table(made_up))
    (tmp_path / "card.json").write_text(json.dumps(carded(small).to_dict()))
    done = push_to_hub(small, REPOSITORY, report=saved, card=tmp_path / "card.json", folder=tmp_path / "kept")
    assert "| deletion area (low is good) | 0.500 (0.400\u00a0to\u00a00.600) |" in done.card
    assert done.folder == tmp_path / "kept"
    assert "predictions.csv" not in logged_in.files(REPOSITORY)


@pytest.mark.usefixtures("no_page")
def test_float16_says_what_rounding_does(logged_in, small, made_up):
    done = publish(small, made_up, dtype="float16")
    size = {f.path: f.size for f in done.files}["model.safetensors"]
    assert size < 0.51 * 4 * small.num_parameters() + 10_000
    assert "rounding changes a logit by at most" in done.card
    assert "float16" in done.card
    assert done.golden_difference <= 1e-4


@pytest.mark.usefixtures("no_page")
def test_external_reports_are_uploaded_and_taken_away_again(logged_in, small, made_up):
    other = copy.copy(made_up)
    other.facts = made_up.facts | {"collection": "Clinic B", "part": "all"}
    done = publish(small, made_up, card=carded(small, no_external_test=None), external=other)
    saved = json.loads(logged_in.files(REPOSITORY)["external.json"])["collections"]
    assert saved[0]["metrics"]["macro_f1"] == other["macro_f1"]
    assert "external.json" in {f.path for f in done.files}
    publish(small, made_up)
    assert "external.json" not in logged_in.files(REPOSITORY)


@pytest.mark.usefixtures("no_page")
def test_a_record_for_the_zoo(logged_in, small, made_up):
    recipe = {
        "start": "random weights", "optimizer": "adamw", "learning_rate": 1e-3, "schedule": "constant", "epochs": 1,
        "batch_size": 8, "augmentation": "none", "loss": "cross-entropy", "selection": "the last", "seed": 0,
        "hardware": "one CPU core", "minutes": 0, "versions": {"torch": "2"},
    }  # fmt: skip
    done = publish(small, made_up, facts={"recipe": recipe})
    assert done.record["repository"] == REPOSITORY
    assert done.record["revision"] == done.revision
    assert done.record["name"] == "simple_cnn.drawn"
    assert done.record["synthetic"] is True
    assert {n: d["sha256"] for n, d in done.record["files"].items()} == {f.path: f.sha256 for f in done.files}
    logged_in.log.clear()
    with pytest.raises(PublishError, match="no weights record can be made"):
        publish(small, made_up, facts={"recipe": {"start": "x"}})
    assert not logged_in.log


def test_nobody_is_logged_in(hub, small, made_up, no_page):
    with pytest.raises(PublishError, match=r"nobody is logged in .*nothing was uploaded: run `hf auth login`"):
        publish(small, made_up)
    assert not hub.log
    with pytest.raises(PublishError, match=r"give HubOptions\(token=\.\.\.\) a token of http://localhost"):
        publish(small, made_up, hub=HubOptions(endpoint=hub.url.replace("127.0.0.1", "localhost")))


@pytest.mark.parametrize(
    ("token", "said"),
    [("hf_wrong", r"refuses the token \(401\)"), (READ_TOKEN, r"\(403\).*may only read"), (OTHER_TOKEN, r"\(403\)")],
)
def test_tokens_that_do_not_open(token, said, hub, small, made_up, no_page):
    with pytest.raises(PublishError, match=said) as error:
        publish(small, made_up, hub=HubOptions(token=token))
    assert token not in str(error.value)
    assert "nothing was uploaded" in str(error.value)
    assert not hub.requests("commit")


@pytest.mark.usefixtures("no_page")
def test_offline(logged_in, small, made_up):
    with pytest.raises(OfflineError, match=r"publishing needs the network.*Nothing was uploaded; dry_run=True"):
        publish(small, made_up, hub=HubOptions(offline=True))
    assert not logged_in.log


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config.json": '{"architecture": "resnet18"}', "model.safetensors": "x"}, "of another library"),
        ({"pytorch_model.bin": "x", "config.json": "{}"}, "holds pytorch_model.bin, which skinzoo did not put there"),
        ({"README.md": "# Mine"}, "holds README.md of another library"),
        ({"config.json": "[" * 10_000}, "of another library"),
    ],
)
def test_somebody_elses_files_are_not_overwritten(files, said, logged_in, small, made_up, no_page):
    commit = logged_in.put(REPOSITORY, files)
    with pytest.raises(PublishError, match=said):
        publish(small, made_up)
    assert logged_in.repository(REPOSITORY).branches["main"] == commit


@pytest.mark.usefixtures("no_page")
def test_an_edited_card_is_not_overwritten(logged_in, small, made_up):
    done = publish(small, made_up)
    commit = logged_in.put(REPOSITORY, {"README.md": done.card.replace("Drawn", "Better drawn")})
    with pytest.raises(PublishError, match=r"README\.md of .* was edited after skinzoo wrote it"):
        publish(small, made_up)
    assert logged_in.repository(REPOSITORY).branches["main"] == commit
    logged_in.put(REPOSITORY, {"README.md": None})
    assert publish(small, made_up).revision


@pytest.mark.usefixtures("no_page")
def test_a_change_meanwhile_is_not_overwritten(logged_in, small, made_up, monkeypatch):
    """Somebody commits between the look and the commit."""
    look = Publisher.open

    def then_somebody_commits(self, **options):
        before = look(self, **options)
        logged_in.put(REPOSITORY, {"config.json": "somebody else's"})
        return before

    monkeypatch.setattr(Publisher, "open", then_somebody_commits)
    with pytest.raises(PublishError, match=r"somebody else changed .* \(412\), so nothing was committed"):
        publish(small, made_up)
    assert logged_in.files(REPOSITORY)["config.json"] == b"somebody else's"


@pytest.mark.usefixtures("no_page")
def test_private(logged_in, small, made_up):
    assert publish(small, made_up, private=True).revision
    assert logged_in.repository(REPOSITORY).private
    logged_in.repository(REPOSITORY).private = False
    with pytest.raises(PublishError, match="is public and private=True was asked for, so nothing was uploaded"):
        publish(small, made_up, private=True)


@pytest.mark.usefixtures("no_page", "client_sleeps")
@pytest.mark.parametrize("file", ["model.safetensors", "README.md", "golden.safetensors"])
def test_a_download_that_is_not_what_was_uploaded_is_caught(file, logged_in, small, made_up):
    logged_in.faults.tamper(f"GET .*/{file}", times=None)
    with pytest.raises(PublishError) as error:
        publish(small, made_up)
    commit = logged_in.repository(REPOSITORY).branches["main"]
    for part in (f"the commit {commit} exists", file, "could not be verified", "Publish again"):
        assert part in str(error.value)
    assert not logged_in.faults.waiting
    logged_in.faults.clear()
    assert publish(small, made_up).revision == commit, "what is there already is not committed again"


@pytest.mark.usefixtures("no_page")
def test_a_hub_that_stores_something_else_is_caught(logged_in, small, made_up, monkeypatch):
    upload = Publisher.commit

    def and_then_changed(self, *given):
        upload(self, *given)
        return logged_in.put(REPOSITORY, {"report.json": b"{}"})

    monkeypatch.setattr(Publisher, "commit", and_then_changed)
    with pytest.raises(PublishError, match=r"the commit \w{40} exists .*report\.json is not the file.*expected sha256"):
        publish(small, made_up)


@pytest.mark.usefixtures("no_page")
def test_a_model_that_answers_otherwise_is_caught(logged_in, small, made_up, monkeypatch):
    monkeypatch.setattr("skinzoo.publishing.verifying.replay_golden", lambda *_: 0.5)
    with pytest.raises(PublishError, match=r"exists .*answers otherwise: .* is 0\.5, at most 0\.0001"):
        publish(small, made_up)


@pytest.mark.usefixtures("no_page")
def test_a_saved_model_that_answers_otherwise_is_never_uploaded(logged_in, small, made_up, monkeypatch):
    monkeypatch.setattr("skinzoo.publishing.staging.replay_golden", lambda *_: float("nan"))
    with pytest.raises(PublishError, match=r"answers otherwise than the one given .* nothing was uploaded"):
        publish(small, made_up)
    assert not logged_in.log


@pytest.mark.usefixtures("no_page", "client_sleeps")
class TestNetworkFailures:
    """What became of the upload is said, whatever fails."""

    def publish(self, model, report):
        return publish(model, report, hub=HubOptions(retries=0, deadline=120))

    def test_nothing_answers(self, logged_in, small, made_up):
        logged_in.stop()
        with pytest.raises(OfflineError, match="the login"):
            self.publish(small, made_up)

    @pytest.mark.parametrize("step", ["POST .*preupload", "PUT ", "POST .*/commit/main"])
    def test_before_the_commit(self, step, logged_in, small, made_up):
        logged_in.faults.status(step, 500, times=None)
        with pytest.raises(OfflineError, match="Nothing was committed, and the repository is as it was"):
            self.publish(small, made_up)
        assert set(logged_in.files(REPOSITORY)) == {".gitattributes"}

    def test_the_answer_to_the_commit_is_lost(self, logged_in, small, made_up):
        logged_in.faults.status("POST .*/commit/main", 500, carried_out=True, times=1)
        with pytest.raises(OfflineError, match=r"There is a new commit, \w{40}, with these files, but it was not"):
            self.publish(small, made_up)

    def test_the_network_goes_away_with_the_commit(self, logged_in, small, made_up):
        logged_in.faults.status("POST .*/commit/main", 500, times=None)
        original = logged_in.faults.answer

        def answer(request, proceed):
            if "revision/main" in request and any("commit/main" in str(entry) for entry in logged_in.log):
                request = "gone"
            return original(request, proceed)

        logged_in.faults.status("^gone$", 503, times=None)
        logged_in.faults.answer = answer
        with pytest.raises(OfflineError, match="Whether there is a commit is not known"):
            self.publish(small, made_up)

    def test_the_deadline(self, logged_in, small, made_up, monkeypatch):
        logged_in.faults.stall("POST .*/commit/main")

        def soon(self, size):
            self.client.end = time.monotonic() + (0.5 if size else 60)

        monkeypatch.setattr(Publisher, "_allow", soon)
        with pytest.raises(OfflineError, match=r"not done within the deadline.* The upload goes on until this program"):
            self.publish(small, made_up)

    def test_after_the_commit(self, logged_in, small, made_up):
        logged_in.faults.status("(HEAD|GET) .*/resolve/", 503, times=None)
        with pytest.raises(PublishError, match=r"the commit \w{40} exists .*could not be verified"):
            self.publish(small, made_up)


def test_a_large_upload_gets_the_time_that_it_takes():
    publisher = Publisher(REPOSITORY, HubOptions(endpoint="http://localhost:1", deadline=100))
    for size, seconds in ((0, 100), (1_000_000, 100), (100_000_000, 2000)):
        publisher._allow(size)
        assert publisher.client.seconds_left() == pytest.approx(seconds, abs=30)


@pytest.mark.usefixtures("no_page")
def test_no_message_shows_the_token(hub, small, made_up):
    hub.faults.status("POST .*/repos/create", 500, times=None, message=f"bad {TOKEN}")
    with pytest.raises(OfflineError) as error:
        publish(small, made_up, hub=HubOptions(token=TOKEN, retries=0))
    assert TOKEN not in str(error.value)


def test_an_empty_card_never_reaches_the_hub(logged_in, small, made_up):
    with pytest.raises(PublishError, match="things are missing"):
        publish(small, made_up, card=ModelCard())
    assert not logged_in.log
