"""When tables are put in order: often enough to stay few files, and so seldom that a byte is written a few times."""

import pytest

from tables.compaction import ONE_IN, SMALL_BYTES, are_scattered

MB = 1 << 20


def files(*sizes: int, part: str = "a") -> list[dict[str, object]]:
    return [{"size_bytes": size, "partition.p": part} for size in sizes]


def test_one_small_file_is_none_too_many() -> None:
    assert not are_scattered([])
    assert not are_scattered(files(10 * MB))
    assert not are_scattered(files(SMALL_BYTES, SMALL_BYTES, 10 * MB))
    assert not are_scattered(files(MB) + files(MB, part="b"), ["p"])


def test_a_tenth_of_the_bytes_in_small_files_is_worth_it() -> None:
    assert are_scattered(files(90 * MB, 10 * MB))
    assert not are_scattered(files(91 * MB, 9 * MB))
    assert not are_scattered(files(SMALL_BYTES * 8, 64 * MB, 64 * MB))
    assert are_scattered(files(MB, MB) + files(MB, part="b"), ["p"])


@pytest.mark.parametrize(("daily", "base"), [(10 * MB, 0), (10 * MB, 900 * MB), (50 * MB, 20_000 * MB), (MB, 0)])
def test_maintained_every_day_a_byte_is_written_a_few_times(daily: int, base: int) -> None:
    data_files, written, most = files(*[2 * SMALL_BYTES] * (base // (2 * SMALL_BYTES))), 0, 0
    for _ in range(1000):
        data_files = [*data_files, *files(daily // 2, daily // 2)]
        most = max(most, len(data_files))
        if are_scattered(data_files):
            total_bytes = sum(int(str(file["size_bytes"])) for file in data_files)
            written += total_bytes
            data_files = files(*[2 * SMALL_BYTES] * (total_bytes // (2 * SMALL_BYTES)), total_bytes % (2 * SMALL_BYTES))
    assert written <= (ONE_IN + 2) * (base + 1000 * daily)
    assert most <= 2 * 1000 * daily / (2 * SMALL_BYTES) + 2 * (base + 1000 * daily) / ONE_IN / daily + 10
