"""Airflow in a folder of its own, before anything imports it; a skip with the install line where it is missing."""

import importlib.util
import os

import pytest

from tests.conftest import ROOT

DAGS = ROOT / "dags"


def airflow_words(home):
    """What Airflow is told by its environment: nothing of this machine's own Airflow, if there is one."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **{
            f"VARIANTS_{name}": "" for name in ("FEED", "STORE", "PUBLISH", "SETTINGS", "EXPORT", "BLIND", "JUDGEMENTS")
        },
    }


@pytest.fixture(scope="session")
def airflow_installed():
    """Skips where Airflow is not there."""
    if importlib.util.find_spec("airflow") is None:
        pytest.skip("needs Airflow: pip install 'variant-candidates[airflow]', or make .venv/ready")


@pytest.fixture(scope="session")
def bag(airflow_installed, tmp_path_factory):
    """The DAGs of the repository, and a database for their runs."""
    home = tmp_path_factory.mktemp("airflow")
    os.environ.update(airflow_words(home))
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(DAGS))


@pytest.fixture(scope="session")
def database(bag):
    """Airflow's own tables, made once."""
    from airflow.utils.db import initdb

    initdb()
    return bag
