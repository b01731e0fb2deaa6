"""A recipe on a Spark Connect address: a real server in another process, reached over loopback."""

from __future__ import annotations

import select
import socket
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms import Recipe
from transforms.engines import remote_spark
from transforms.errors import InputError

SERVER = """
import sys
from pyspark.sql import SparkSession
settings = {"spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin", "spark.connect.grpc.binding.port": sys.argv[1],
            "spark.connect.grpc.binding.address": "127.0.0.1", "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1"}
builder = SparkSession.builder.master("local[1]")
for name, value in settings.items():
    builder = builder.config(name, value)
builder.getOrCreate().range(1).count()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        answered, _, _ = select.select([server.stdout], [], [], 120)
        if not answered or server.stdout.readline().strip() != "ready":
            server.kill()
            pytest.fail("the Spark Connect server did not start within two minutes")
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stdin.close()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        server.stdout.close()


@pytest.mark.spark
def test_a_recipe_runs_on_a_spark_connect_address(address, tmp_path):
    pq.write_table(pa.table({"a": [1.0, 3.0, None], "t": ["Ab", "ß", None]}), tmp_path / "in.parquet")
    recipe = Recipe(name="r").add("scale.standard", {"columns": ["a"]}).add("text.trim", {"columns": ["t"]})
    recipe.save(tmp_path / "r.json")
    done = subprocess.run(
        [sys.executable, "-m", "cli", "run", tmp_path / "r.json", "--input", tmp_path / "in.parquet", "--output",
         tmp_path / "out.parquet", "--engine", "spark", "--spark", address, "--workspace", tmp_path / "ws"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert sorted(rows, key=str) == sorted(
        [{"a": -1.0, "t": "Ab"}, {"a": 1.0, "t": "ß"}, {"a": None, "t": None}], key=str
    )


def test_an_address_is_checked():
    with pytest.raises(InputError, match="is not a Spark Connect address"):
        remote_spark("http://localhost")
