"""The contract of object stores; each adapter has a test class that inherits from this one."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewlens.errors import ConflictError, InputError, NotFoundError
from reviewlens.storage.interface import ObjectStore

BAD_KEYS = ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\\b", "a\0b", "\ud800", ".store/x", "a" * 256]
BAD_KEYS += ["/".join(["abcdefg"] * 129)]
GOOD_KEYS = ["a", "a/b/c", "a b/c", "ä/ö.csv", "%41", "a/.hidden", "..a", "a..b", "x" * 255, "#?&", "-", "a:b"]


def keys_under(store: ObjectStore, prefix: str) -> list[str]:
    return [info.key for info in store.list(prefix)]


class ObjectStoreContract:
    """Subclasses define a fixture `store` that yields an empty ObjectStore."""

    def test_put_and_get(self, store: ObjectStore) -> None:
        info = store.put("a/b.bin", b"\x00\xffdata")
        assert (info.key, info.size) == ("a/b.bin", 6)
        assert store.get("a/b.bin") == b"\x00\xffdata"
        assert store.head("a/b.bin") == info
        with store.open("a/b.bin") as file:
            assert file.read(2) == b"\x00\xff"
            assert file.read() == b"data"

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        assert store.put("empty", b"").size == 0
        assert store.get("empty") == b""
        assert keys_under(store, "") == ["empty"]

    def test_streams_and_iterables_are_written_completely(self, store: ObjectStore) -> None:
        big = bytes(range(256)) * 12_000
        assert store.put("stream", io.BytesIO(big)).size == len(big)
        assert store.get("stream") == big
        store.put("parts", (big[i : i + 100_000] for i in range(0, len(big), 100_000)))
        assert store.get("parts") == big
        assert store.put("nothing", iter(())).size == 0

    def test_an_iterable_that_raises_stores_nothing_and_its_error_propagates(self, store: ObjectStore) -> None:
        def broken() -> Iterator[bytes]:
            yield b"first"
            raise OSError("the sender went away")

        store.put("kept", b"old")
        for key in ("kept", "new"):
            with pytest.raises(OSError, match="the sender went away"):
                store.put(key, broken())
        assert store.get("kept") == b"old"
        assert keys_under(store, "") == ["kept"]

    def test_the_etag_changes_with_the_content_and_only_then(self, store: ObjectStore) -> None:
        first = store.put("k", b"one")
        assert store.head("k") == first
        seen = {first.etag}
        for content in (b"two", b"six", b"ten", b"longer"):
            seen.add(store.put("k", content).etag)
        assert len(seen) == 5

    def test_modified_is_the_time_of_the_write(self, store: ObjectStore) -> None:
        before = store.put("a", b"1").modified
        assert 1_600_000_000 < before <= store.put("a", b"2").modified

    def test_missing_objects(self, store: ObjectStore) -> None:
        store.put("folder/x", b"")
        for key in ("nope", "folder", "folder/x/y"):
            assert store.head(key) is None
            with pytest.raises(NotFoundError):
                store.get(key)
            with pytest.raises(NotFoundError):
                store.open(key)
            with pytest.raises(NotFoundError):
                store.copy(key, "target")
            store.delete(key)
        assert keys_under(store, "") == ["folder/x"]

    def test_if_none_match(self, store: ObjectStore) -> None:
        store.put("k", b"first", if_none_match=True)
        with pytest.raises(ConflictError):
            store.put("k", b"second", if_none_match=True)
        assert store.get("k") == b"first"
        store.delete("k")
        store.put("k", b"third", if_none_match=True)
        assert store.get("k") == b"third"

    def test_if_match(self, store: ObjectStore) -> None:
        first = store.put("k", b"1")
        second = store.put("k", b"2", if_match=first.etag)
        with pytest.raises(ConflictError):
            store.put("k", b"3", if_match=first.etag)
        assert store.get("k") == b"2"
        store.delete("k")
        with pytest.raises(ConflictError):
            store.put("k", b"4", if_match=second.etag)
        assert store.head("k") is None

    @pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: repr(key)[:20])
    def test_bad_keys_are_refused_everywhere(self, store: ObjectStore, key: str, tmp_path: Path) -> None:
        store.put("good", b"")
        local = tmp_path / "file"
        local.write_bytes(b"")
        for call in (
            lambda: store.put(key, b""),
            lambda: store.put_file(local, key),
            lambda: store.get(key),
            lambda: store.open(key),
            lambda: store.head(key),
            lambda: store.delete(key),
            lambda: store.copy(key, "x"),
            lambda: store.copy("good", key),
            lambda: store.fetch(key, tmp_path),
            lambda: store.uri(key),
        ):
            with pytest.raises(InputError):
                call()
        assert local.exists()
        assert keys_under(store, "") == ["good"]

    @pytest.mark.parametrize("key", GOOD_KEYS, ids=lambda key: repr(key)[:20])
    def test_good_keys_are_kept_as_they_are(self, store: ObjectStore, key: str) -> None:
        store.put(key, b"x")
        assert keys_under(store, "") == [key]
        assert store.get(key) == b"x"
        assert re.match(r"[a-z0-9]+://", store.uri(key))

    def test_list_is_by_prefix_and_in_key_order(self, store: ObjectStore) -> None:
        keys = ["a", "b/1", "b/10", "b/2", "b.c", "b!/x", "b-/x", "c/d/e", "c/d.e", "ca", "é"]
        for key in keys:
            store.put(key, key.encode())
        assert keys_under(store, "") == sorted(keys)
        assert keys_under(store, "b/") == ["b/1", "b/10", "b/2"]
        assert keys_under(store, "b/1") == ["b/1", "b/10"]
        assert keys_under(store, "b") == ["b!/x", "b-/x", "b.c", "b/1", "b/10", "b/2"]
        assert keys_under(store, "c") == ["c/d.e", "c/d/e", "ca"]
        assert keys_under(store, "zzz/") == []
        assert keys_under(store, "a/") == []
        assert [info.size for info in store.list("c/")] == [5, 5]

    @pytest.mark.parametrize("prefix", ["/", "a//", "../", "a/../", "a\\", "\0"])
    def test_bad_prefixes_are_refused(self, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
        for call in (
            lambda: list(store.list(prefix)),
            lambda: store.delete_prefix(prefix),
            lambda: store.fetch_prefix(prefix, tmp_path),
        ):
            with pytest.raises(InputError):
                call()

    def test_delete_prefix(self, store: ObjectStore, tmp_path: Path) -> None:
        for key in ("p/1", "p/q/2", "p2", "other"):
            store.put(key, b"")
        for prefix in ("", "p"):
            with pytest.raises(InputError):
                store.delete_prefix(prefix)
        assert store.delete_prefix("p/") == 2
        assert store.delete_prefix("p/") == 0
        assert keys_under(store, "") == ["other", "p2"]

    def test_copy(self, store: ObjectStore) -> None:
        store.put("a/b", b"content")
        assert store.copy("a/b", "c").key == "c"
        assert store.get("c") == store.get("a/b") == b"content"

    def test_put_file_stores_the_files_content(self, store: ObjectStore, tmp_path: Path) -> None:
        path = tmp_path / "out.bin"
        path.write_bytes(b"finished")
        assert store.put_file(path, "x/y").size == 8
        assert store.get("x/y") == b"finished"
        with pytest.raises(NotFoundError):
            store.put_file(tmp_path / "absent", "x/z")
        assert keys_under(store, "") == ["x/y"]

    def test_fetch_gives_a_local_file(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put("a/b", b"content")
        assert store.fetch("a/b", tmp_path).read_bytes() == b"content"
        for missing in ("a/c", "a"):
            with pytest.raises(NotFoundError):
                store.fetch(missing, tmp_path)

    def test_fetch_prefix_gives_a_folder(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put("p/1", b"one")
        store.put("p/q/2", b"two")
        folder = store.fetch_prefix("p/", tmp_path)
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert found == {"1": b"one", "q/2": b"two"}
        for bad, error in (("none/", NotFoundError), ("p", InputError)):
            with pytest.raises(error):
                store.fetch_prefix(bad, tmp_path)

    def test_an_open_stream_is_not_affected_by_a_new_write(self, store: ObjectStore) -> None:
        store.put("k", b"old" * 100_000)
        with store.open("k") as file:
            start = file.read(3)
            store.put("k", b"new")
            assert start + file.read() == b"old" * 100_000

    @settings(
        max_examples=25,
        # one test, run by the class of each adapter
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["put", "new", "delete", "prefix"]),
                st.sampled_from(["a", "b/x", "b/y", "b/c/x", "d/x"]),
                st.binary(max_size=4),
            ),
            max_size=25,
        )
    )
    def test_it_behaves_like_a_dictionary(self, store: ObjectStore, steps: list[tuple[str, str, bytes]]) -> None:
        for info in list(store.list("")):
            store.delete(info.key)
        model: dict[str, bytes] = {}
        for action, key, data in steps:
            if action == "put":
                store.put(key, data)
                model[key] = data
            elif action == "new" and key in model:
                with pytest.raises(ConflictError):
                    store.put(key, data, if_none_match=True)
            elif action == "new":
                store.put(key, data, if_none_match=True)
                model[key] = data
            elif action == "delete":
                store.delete(key)
                model.pop(key, None)
            else:
                gone = [name for name in model if name.startswith("b/")]
                assert store.delete_prefix("b/") == len(gone)
                for name in gone:
                    del model[name]
            assert {info.key: store.get(info.key) for info in store.list("")} == model
