"""Three real nodes: each sees all, one may be killed, and it comes back with its data."""

from service.neighbours.elastic_connection import connect


def test_a_killed_node_is_missed_by_nobody_and_comes_back(three_nodes):
    assert [three_nodes.health(position)["number_of_nodes"] for position in range(3)] == [3, 3, 3]
    connection, client = connect({"ELASTICSEARCH_URL": three_nodes.url})
    with client, connection.plain_errors():
        client.indices.create(index="spread", settings={"number_of_shards": 3, "number_of_replicas": 1})
        three_nodes.await_status("green")
        lines = [line for name in range(30) for line in ({"index": {"_id": str(name)}}, {"name": name})]
        assert not client.bulk(index="spread", operations=lines, refresh=True)["errors"]

        three_nodes.kill(1)
        assert not three_nodes.running(1)
        three_nodes.await_nodes()
        three_nodes.await_status("yellow")  # the copies of lost shards have been called to duty
        assert [three_nodes.health(position)["number_of_nodes"] for position in (0, 2)] == [2, 2]
        assert client.count(index="spread")["count"] == 30

        three_nodes.restart(1)
        three_nodes.await_status("green")
        assert three_nodes.health(1)["number_of_nodes"] == 3
        client.indices.delete(index="spread")
