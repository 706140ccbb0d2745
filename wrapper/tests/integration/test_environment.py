"""The execution environment runs every playbook, called as Semaphore and AWX call it; see environment_jobs.py.

AWX and Semaphore themselves can't be installed beside the lab: what they call is here, the services around it are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playbook_cases import CASES, prepare, variables

from ungcuu.lab import Lab

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "wrapper"))

from environment_jobs import Jobs, in_container  # noqa: E402  (not part of the package)

from release import collection, environment  # noqa: E402

pytestmark = pytest.mark.nightly
# Also run for real, after its check mode.
RUN = ("harden", "backup", "baseline", "block", "scan", "collect", "release")


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """The image of this tree."""
    environment.build(environment.IMAGE, ROOT / ".check/environment")


@pytest.fixture(scope="module")
def jobs(fresh: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    lab = fresh("web01", "vault01", "spare01", "intruder01")
    return Jobs.make(lab, tmp_path_factory.mktemp("jobs"))


def test_it_holds_no_wrapper_and_nothing_of_its_own_build() -> None:
    look = "command -v ungcuu || echo none; ls -d /output /build /etc/ungcuu-packages 2>/dev/null"
    assert in_container(["--network=none"], ["bash", "-c", look]).said.split() == ["none", "/etc/ungcuu-packages"]


def test_every_playbook_of_the_collection_is_understood() -> None:
    """Without a project: the collection in the image has them all."""
    names = [f"{collection.NAME}.{name}" for name in CASES]
    done = in_container(["--network=none"], ["ansible-playbook", "--syntax-check", "-i", "localhost,", *names])
    assert done.returncode == 0 and all(f"/{name}.yml" in done.said for name in CASES), done.said[-2000:]


def test_state_that_would_be_lost_is_refused(jobs: Jobs) -> None:
    done = jobs.as_semaphore("playbooks/baseline.yml", "web01", state=False)
    assert done.returncode != 0, "a baseline was signed, and is gone with the job"
    assert "belongs to the container and would be lost with it" in done.said, done.said[-3000:]


def test_an_isolation_goes_on_without_it(jobs: Jobs) -> None:
    done = jobs.as_semaphore("playbooks/isolate.yml", "web01", "--check", state=False)
    assert done.returncode == 0, done.said[-3000:]


def test_a_vault_that_ends_with_the_job_is_refused(jobs: Jobs) -> None:
    """As in an inventory whose controller keeps the backups itself."""
    done = jobs.as_semaphore("playbooks/backup.yml", "web01", "--check", website_backup_vault_host="localhost")
    assert done.returncode != 0 and "it can keep no backups" in " ".join(done.said.split()), done.said[-3000:]


@pytest.mark.parametrize("name", CASES)
def test_every_playbook_runs_in_it(jobs: Jobs, tmp_path: Path, name: str) -> None:
    case, playbook = CASES[name], f"playbooks/{name}.yml"

    def play(verb: str) -> None:
        done = jobs.as_awx(f"playbooks/{verb}.yml", "web01")
        assert done.returncode == 0, done.said[-4000:]
        assert verb != "isolate" or (jobs.state / "hosts/web01/isolation.json").exists()

    prepare(jobs.lab, name, jobs.state, play)
    given = variables(case, jobs.lab, jobs.state, tmp_path)
    checked = jobs.as_semaphore(playbook, case.limit, "--check", "--diff", **given)
    assert checked.returncode == 0, checked.said[-4000:]
    if name in RUN:
        done = jobs.as_semaphore(playbook, case.limit, **given)
        assert done.returncode == 0, done.said[-4000:]
        assert "changed=0 " not in done.said or name in ("scan", "collect", "baseline")


def test_a_project_of_a_sites_own_needs_the_collection_alone(jobs: Jobs, tmp_path: Path) -> None:
    """Its playbook imports one of the collection; roles, plugins and settings come out of the image."""
    tmp_path.chmod(0o755)
    named = (f"- import_playbook: {collection.NAME}.{name}\n" for name in ("harden", "scan"))
    (tmp_path / "site.yml").write_text("".join(named))
    done = jobs.as_semaphore("site.yml", "web01", "--check", "--diff", project=tmp_path)
    assert done.returncode == 0, done.said[-4000:]
