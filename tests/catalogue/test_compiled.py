from tools.catalogue import COMPILED, compiled


def test_what_is_read_is_what_is_written() -> None:
    assert COMPILED.read_text("utf-8") == compiled(), "type make catalogue"
