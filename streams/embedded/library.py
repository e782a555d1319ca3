"""Finds librdkafka's mock cluster functions in whatever the installed confluent-kafka brought along.

The functions are librdkafka's own test interface, which its authors may change: only those declared here are used, and
one that is missing is an `Unavailable`, never a crash.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from streams.errors import Unavailable

_SIGNATURES: Final = MappingProxyType(
    {
        "rd_kafka_conf_new": (c_void_p, []),
        "rd_kafka_conf_set": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
        "rd_kafka_new": (c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
        "rd_kafka_destroy": (None, [c_void_p]),
        "rd_kafka_err2str": (c_char_p, [c_int]),
        "rd_kafka_mock_cluster_new": (c_void_p, [c_void_p, c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [c_void_p]),
        "rd_kafka_mock_cluster_bootstraps": (c_char_p, [c_void_p]),
        "rd_kafka_mock_topic_create": (c_int, [c_void_p, c_char_p, c_int, c_int]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [c_void_p, c_int32]),
        "rd_kafka_mock_broker_set_rtt": (c_int, [c_void_p, c_int32, c_int]),
        "rd_kafka_mock_broker_set_down": (c_int, [c_void_p, c_int32]),
        "rd_kafka_mock_broker_set_up": (c_int, [c_void_p, c_int32]),
        "rd_kafka_mock_push_request_errors_array": (None, [c_void_p, c_int16, c_size_t, POINTER(c_int)]),
    }
)


def load_library() -> Any:
    """The first librdkafka found that has the mock cluster, with the types of its functions declared."""
    tried: list[str] = []
    for path in _candidates():
        tried.append(path)
        try:
            return _declared(ctypes.CDLL(path))
        except (OSError, AttributeError) as error:
            tried[-1] += f" ({error})"
    looked = "; ".join(tried) or "no confluent-kafka and no librdkafka on this machine"
    raise Unavailable(f"the embedded broker needs confluent-kafka with librdkafka's mock cluster; looked at: {looked}")


def _candidates() -> Iterator[str]:
    """Paths to try, surest first.

    Asking the extension module for a symbol also asks what it is linked to, so it serves every layout on Linux and
    macOS, a librdkafka of the system included. The wheel's own folders come next, for where it does not.
    """
    try:
        from confluent_kafka import cimpl  # noqa: PLC0415  its absence is an answer here, not an import error
    except ImportError:
        pass
    else:
        extension = Path(cimpl.__file__)
        yield str(extension)
        package = extension.parent
        for folder in (package.with_name(f"{package.name}.libs"), package / ".dylibs", package):
            yield from sorted(str(path) for path in folder.glob("librdkafka*"))
    of_system = ctypes.util.find_library("rdkafka")
    if of_system:
        yield of_system


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
