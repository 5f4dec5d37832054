"""The stand-in answers the real client as the Hub does, at every supported version of the client."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import huggingface_hub
import pytest
from hub_fixtures import hub_environment
from hub_repository import Blob, git_oid
from hub_server import OTHER_TOKEN, OTHER_USER, READ_TOKEN, TOKEN, USER, HubServer
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

REPOSITORY = f"{USER}/melanoma"
WEIGHTS = bytes(range(256)) * 40
CARD = "---\nlicense: mit\nlibrary_name: skinzoo\ntags:\n- dermoscopy\n---\n# A model\n"
MODEL = {"config.json": b'{"a": 1}', "model.safetensors": WEIGHTS, "README.md": CARD.encode(), "maps/n.csv": b"x,y\n"}


@pytest.fixture
def api(hub: HubServer) -> HfApi:
    return HfApi(endpoint=hub.url, token=TOKEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of `MODEL`."""
    for name, content in MODEL.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "model"


def read(hub, folder, name="config.json", repository=REPOSITORY, **options) -> bytes:
    options = {"token": False, **options}
    return Path(hf_hub_download(repository, name, endpoint=hub.url, cache_dir=folder, **options)).read_bytes()


@pytest.mark.parametrize("redirect", [False, True], ids=["direct", "cdn"])
def test_a_folder_goes_up_and_comes_back(hub, api, folder, tmp_path, redirect):
    hub.content.lfs_redirect = redirect
    assert str(api.create_repo(REPOSITORY)) == f"{hub.url}/{REPOSITORY}"
    commit = api.upload_folder(repo_id=REPOSITORY, folder_path=folder, commit_message="first")
    assert hub.files(REPOSITORY) == {".gitattributes": hub.files(REPOSITORY)[".gitattributes"], **MODEL}
    assert commit.commit_url == f"{hub.url}/{REPOSITORY}/commit/{commit.oid}"

    snapshot = Path(snapshot_download(REPOSITORY, endpoint=hub.url, cache_dir=tmp_path / "cache", token=TOKEN))
    assert snapshot.name == commit.oid
    assert {n: (snapshot / n).read_bytes() for n in MODEL} == MODEL
    some = Path(snapshot_download(REPOSITORY, endpoint=hub.url, local_dir=tmp_path / "some", allow_patterns="*.json"))
    assert {p.name for p in some.iterdir() if p.is_file()} == {"config.json"}
    if redirect:  # the token stays with the Hub
        assert {(r.host, r.token) for r in hub.requests("GET /_lfs/")} == {("localhost", None)}
    else:
        assert not hub.requests("GET /_lfs/")


def test_files_have_the_hashes_that_the_hub_gives_them(hub, api, tmp_path):
    assert git_oid(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(b'a').hexdigest()}\nsize 1\n"
    assert Blob(b"a", lfs=True).pointer.decode() == pointer
    hub.put(REPOSITORY, MODEL)
    read(hub, tmp_path)
    read(hub, tmp_path, "model.safetensors")
    names = {p.name for p in tmp_path.glob("models--*/blobs/*")}
    assert names == {git_oid(MODEL["config.json"]), hashlib.sha256(WEIGHTS).hexdigest()}
    (row,) = api.get_paths_info(REPOSITORY, ["model.safetensors", "absent"])
    assert (row.size, row.lfs.sha256, row.lfs.size) == (len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest(), len(WEIGHTS))
    assert row.blob_id == git_oid(Blob(WEIGHTS, lfs=True).pointer)


def test_what_is_there_is_not_sent_again(hub, api, folder):
    api.create_repo(REPOSITORY)
    first = api.upload_folder(repo_id=REPOSITORY, folder_path=folder)
    sent = len(hub.requests("PUT /_lfs/"))
    api.upload_folder(repo_id=REPOSITORY, folder_path=folder)
    assert api.model_info(REPOSITORY).sha == first.oid
    api.upload_file(repo_id=REPOSITORY, path_or_fileobj=WEIGHTS, path_in_repo="copy.safetensors")
    assert len(hub.requests("PUT /_lfs/")) == sent == 1
    assert hub.files(REPOSITORY)["copy.safetensors"] == WEIGHTS


def test_tags_branches_and_commits_pin_what_is_read(hub, api, tmp_path):
    first = hub.put(REPOSITORY, {"config.json": "1"})
    api.create_tag(REPOSITORY, tag="v1.0")
    api.create_branch(REPOSITORY, branch="trial", revision="v1.0")
    second = api.upload_file(repo_id=REPOSITORY, path_or_fileobj=b"2", path_in_repo="config.json").oid
    third = hub.put(REPOSITORY, {"config.json": "3", "more/a.txt": "a"}, branch="trial")
    seen = {r: read(hub, tmp_path / r, revision=r) for r in ("main", "v1.0", "trial", first, second, third)}
    assert seen == {"main": b"2", "v1.0": b"1", "trial": b"3", first: b"1", second: b"2", third: b"3"}
    references = api.list_repo_refs(REPOSITORY)
    assert {r.name: r.target_commit for r in references.branches} == {"main": second, "trial": third}
    assert {r.name: r.target_commit for r in references.tags} == {"v1.0": first}
    assert [c.commit_id for c in api.list_repo_commits(REPOSITORY)][:2] == [second, first]
    assert api.model_info(REPOSITORY, revision="trial").sha == third
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPOSITORY, tag="v1.0")
    api.delete_tag(REPOSITORY, tag="v1.0")
    api.delete_branch(REPOSITORY, branch="trial")
    assert [list(hub.repository(REPOSITORY).tags), list(hub.repository(REPOSITORY).branches)] == [[], ["main"]]


def test_commits_are_the_same_for_the_same_content(hub):
    with HubServer() as other:
        assert hub.put(REPOSITORY, MODEL) == other.put(REPOSITORY, MODEL)
        assert hub.put(REPOSITORY, {"a": "1"}) != other.put(REPOSITORY, {"a": "2"})


def test_listings(hub, api):
    hub.put(REPOSITORY, MODEL)
    hub.put("skinzoo/other", MODEL)
    hub.put("skinzoo/secret", MODEL, private=True)
    assert [m.id for m in api.list_models(author=USER)] == [REPOSITORY]
    assert [m.id for m in api.list_models(search="Oth")] == ["skinzoo/other"]
    assert set(api.list_repo_files(REPOSITORY)) == {".gitattributes", *MODEL}
    top = {e.path: type(e).__name__ for e in api.list_repo_tree(REPOSITORY)}
    assert top["maps"] == "RepoFolder"
    assert "maps/n.csv" not in top
    assert [e.path for e in api.list_repo_tree(REPOSITORY, "maps")] == ["maps/n.csv"]
    info = api.model_info(REPOSITORY, files_metadata=True)
    assert (info.author, info.library_name, info.tags, info.card_data.license) == (
        USER,
        "skinzoo",
        ["dermoscopy"],
        "mit",
    )
    assert {s.rfilename: s.size for s in info.siblings}["model.safetensors"] == len(WEIGHTS)
    assert api.file_exists(REPOSITORY, "config.json")
    assert not api.file_exists(REPOSITORY, "absent.json")
    assert not api.repo_exists(f"{USER}/absent")


def test_commits_change_and_delete_and_notice_others(hub, api):
    first = hub.put(REPOSITORY, {"a.txt": "a", "old/b.txt": "b"})
    changes = [CommitOperationDelete("old/"), CommitOperationAdd("a.txt", b"new"), CommitOperationAdd("c.bin", b"c")]
    second = api.create_commit(REPOSITORY, changes, commit_message="mixed", parent_commit=first).oid
    files = hub.files(REPOSITORY)
    assert files == {".gitattributes": files[".gitattributes"], "a.txt": b"new", "c.bin": b"c"}
    late = [CommitOperationAdd("a.txt", b"late")]
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(REPOSITORY, late, commit_message="late", parent_commit=first)
    proposal = api.upload_file(repo_id=REPOSITORY, path_or_fileobj=b"p", path_in_repo="p.txt", create_pr=True)
    assert proposal.pr_num == 1
    assert api.model_info(REPOSITORY).sha == second
    assert hub.files(REPOSITORY, "refs/pr/1")["p.txt"] == b"p"


def test_repositories_come_and_go(hub, api):
    api.create_repo(REPOSITORY)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo(REPOSITORY)
    assert str(api.create_repo(REPOSITORY, exist_ok=True)) == f"{hub.url}/{REPOSITORY}"
    api.create_repo("skinzoo/ours", private=True)  # an organisation that the user belongs to
    assert hub.repository("skinzoo/ours").private
    api.update_repo_settings("skinzoo/ours", gated="manual")
    assert hub.repository("skinzoo/ours").gated
    api.delete_repo(REPOSITORY)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(REPOSITORY)


def test_a_card_whose_metadata_cannot_be_read_is_refused(hub, api):
    api.create_repo(REPOSITORY)
    with pytest.raises(ValueError, match="Invalid metadata in README"):
        api.upload_file(repo_id=REPOSITORY, path_or_fileobj=b"---\na: [\n---\n", path_in_repo="README.md")
    with pytest.warns(UserWarning, match="missing yaml metadata"):
        api.upload_file(repo_id=REPOSITORY, path_or_fileobj=b"# no metadata\n", path_in_repo="README.md")


def test_who_may_do_what(hub, api, tmp_path):
    assert api.whoami()["name"] == USER
    assert HfApi(endpoint=hub.url, token=OTHER_TOKEN).whoami()["name"] == OTHER_USER
    hub.put(REPOSITORY, MODEL)
    for token, status in ((False, 401), ("hf_unknown", 401), (READ_TOKEN, 403), (OTHER_TOKEN, 403)):
        client = HfApi(endpoint=hub.url, token=token)
        with pytest.raises(HfHubHTTPError) as caught:
            client.create_repo(f"{USER}/new")
        assert caught.value.response.status_code == status
        with pytest.raises(HfHubHTTPError) as caught:
            client.upload_file(repo_id=REPOSITORY, path_or_fileobj=b"x", path_in_repo="config.json")
        assert caught.value.response.status_code == status
    assert hub.files(REPOSITORY)["config.json"] == MODEL["config.json"]
    assert read(hub, tmp_path, token=READ_TOKEN) == MODEL["config.json"]


def test_private_repositories_do_not_exist_for_others(hub, tmp_path):
    hub.put(REPOSITORY, MODEL, private=True)
    for number, token in enumerate((False, OTHER_TOKEN)):
        with pytest.raises(RepositoryNotFoundError) as caught:
            read(hub, tmp_path / str(number), token=token)
        assert not isinstance(caught.value, GatedRepoError)
    assert read(hub, tmp_path, token=TOKEN) == MODEL["config.json"]


def test_gated_repositories_are_seen_but_not_read(hub, tmp_path):
    hub.put(REPOSITORY, MODEL, gated=True)
    assert HfApi(endpoint=hub.url, token=False).model_info(REPOSITORY).gated == "manual"
    for number, (token, status) in enumerate(((False, 401), (OTHER_TOKEN, 403))):
        with pytest.raises(GatedRepoError) as caught:
            read(hub, tmp_path / str(number), token=token)
        assert caught.value.response.status_code == status
    hub.repository(REPOSITORY).granted.add(OTHER_USER)
    assert read(hub, tmp_path, token=OTHER_TOKEN) == MODEL["config.json"]


def test_what_is_absent_has_its_own_error(hub, tmp_path):
    commit = hub.put(REPOSITORY, MODEL)
    with pytest.raises(RepositoryNotFoundError):
        read(hub, tmp_path, repository=f"{USER}/absent")
    with pytest.raises(RevisionNotFoundError):
        read(hub, tmp_path, revision="absent")
    with pytest.raises(EntryNotFoundError):
        read(hub, tmp_path, "absent.json")
    assert (tmp_path / f"models--{REPOSITORY.replace('/', '--')}/.no_exist/{commit}/absent.json").is_file()
    with pytest.raises(LocalEntryNotFoundError):
        read(hub, tmp_path, local_files_only=True)


def test_a_commit_in_the_cache_needs_no_request(hub, tmp_path):
    commit = hub.put(REPOSITORY, MODEL)
    read(hub, tmp_path, revision=commit)
    before = len(hub.log)
    assert read(hub, tmp_path, revision=commit) == MODEL["config.json"]
    assert len(hub.log) == before


def test_one_download_for_many_threads(hub, tmp_path):
    hub.put(REPOSITORY, MODEL)
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(read(hub, tmp_path, "model.safetensors"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [WEIGHTS] * 4
    assert len(hub.requests("GET .*safetensors")) == 1


def test_the_client_with_xet_works_where_all_files_are_regular(hub, api, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", False)
    hub.content.all_regular = True
    api.create_repo(REPOSITORY)
    api.upload_folder(repo_id=REPOSITORY, folder_path=folder)
    assert hub.files(REPOSITORY)["model.safetensors"] == read(hub, tmp_path, "model.safetensors") == WEIGHTS
    assert not hub.requests("lfs|xet")


def test_a_process_with_the_environment_knows_no_other_hub(hub, tmp_path):
    hub.put(REPOSITORY, MODEL)
    code = f"""
import huggingface_hub
print(open(huggingface_hub.hf_hub_download("{REPOSITORY}", "config.json")).read())
print(huggingface_hub.get_token(), huggingface_hub.HfApi().endpoint)
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **hub_environment(hub, tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split("\n")[:2] == ['{"a": 1}', f"None {hub.url}"]
    assert {r.token for r in hub.log} == {None}


def test_the_fixture_leaves_no_way_to_the_real_hub(hub, tmp_path):
    """Without any endpoint, cache or token given."""
    hub.put(REPOSITORY, MODEL)
    path = Path(hf_hub_download(REPOSITORY, "config.json"))
    assert tmp_path in path.parents
    assert huggingface_hub.get_token() is None
    assert HfApi().model_info(REPOSITORY).id == REPOSITORY
