import os

from fourplane_worker.engine.log import EngineLog, telling_lines

CHATTER = """W1124 10:20:20.770141 2797 memory.cc:273] "Unable to allocate pinned system memory"
I1124 10:20:20.770202 2797 memory.cc:117] "CUDA memory pool disabled"
+--------+---------+
| Model  | Version |
+--------+---------+

"""


def test_what_triton_always_says_is_left_out():
    text = f'{CHATTER}E1124 10:20:20.797427 2797 a.cc:1] "failed to load"\n{CHATTER}error: creating server\n'
    assert telling_lines(text, 5) == (
        'E1124 10:20:20.797427 2797 a.cc:1] "failed to load"',
        "error: creating server",
    )


def test_chatter_is_better_than_nothing():
    assert len(telling_lines(CHATTER, 2)) == 2


def test_the_old_log_is_kept_at_a_new_start(tmp_path):
    log = EngineLog(tmp_path / "run" / "triton.log", 100)
    for text in (b"first", b"second"):
        handle = log.open_new()
        os.write(handle, text)
        os.close(handle)
    assert (log.previous.read_bytes(), log.path.read_bytes()) == (b"first", b"second")


def test_a_log_stays_within_its_bound_while_it_is_written(tmp_path):
    log = EngineLog(tmp_path / "triton.log", 100)
    handle = log.open_new()
    os.write(handle, b"x" * 150)
    log.trim()
    os.write(handle, b"after")
    os.close(handle)
    assert log.path.read_bytes() == b"after"
    assert log.previous.read_bytes() == b"x" * 100


def test_a_log_that_is_not_there_has_no_end(tmp_path):
    log = EngineLog(tmp_path / "triton.log", 100)
    log.trim()
    assert log.tail(3) == ()
