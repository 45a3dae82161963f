"""Reading a metrics page keeps every name and every text as the server wrote it."""

import pytest

from testbed.exposition import ExpositionError, Family, Sample, parse


def test_page_is_read_as_it_is_written() -> None:
    """Escapes, empty help, time stamps, special values, and names that other parsers change."""
    page = parse(r"""# HELP calls Calls so far, in \\ and \n.
# TYPE calls counter
calls{path="/a \"b\" {c},\\d\ne",status=""} 1e3 1700000000000

# any other comment
# HELP wait_total 
# TYPE wait_total histogram
wait_total_bucket{le="10.0"} 1
wait_total_bucket{le="1000"} 2
wait_total_bucket{le="+Inf"} 3
wait_total_sum 12.5
wait_total_count 3
alone NaN
""")  # noqa: W291 - the servers end an empty HELP with a space

    assert page["calls"] == Family(
        "calls",
        "counter",
        "Calls so far, in \\ and \n.",
        [Sample("calls", {"path": '/a "b" {c},\\d\ne', "status": ""}, 1000)],
    )
    assert list(page) == ["calls", "wait_total", "alone"]
    assert page["wait_total"].help == ""
    assert page["wait_total"].edges() == ["10.0", "1000", "+Inf"]
    assert page["wait_total"].total("_count") == 3
    assert page["wait_total"].total("_bucket", le="1000") == 2
    assert page["calls"].values("status") == {""}
    assert page["alone"].type == "untyped"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("a 1\na 2", "2: the same sample comes twice: a 2"),
        ("# TYPE a gauge\n# TYPE a gauge", "2: TYPE of a comes twice or too late: # TYPE a gauge"),
        ("a 1\n# TYPE a gauge", "2: TYPE of a comes twice or too late: # TYPE a gauge"),
        ("# TYPE a number", "1: unknown type: # TYPE a number"),
        ("a{b=1} 1", "1: not a sample: a{b=1} 1"),
        ('a{b="c",b="d"} 1', '1: a label comes twice: a{b="c",b="d"} 1'),
        ("a 1_000", "1: 1_000 is not a number: a 1_000"),
        ("a", "1: not a sample: a"),
    ],
)
def test_page_that_breaks_the_format_is_refused(page: str, message: str) -> None:
    """A server whose page Prometheus would refuse must not pass a test."""
    with pytest.raises(ExpositionError) as caught:
        parse(page)

    assert str(caught.value) == message
