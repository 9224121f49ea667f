"""No field of a proto is without a codec: adding one fails here until an adapter writes it and another one reads it.

Writers are found exactly, by the constructors and assignments of a message. Readers are found by the name of the field,
in adapters of any service and in the dataclasses that adapters fill from whole messages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from pixel.generation.v1.generation_pb2 import ImageWork
from pixel_gateway.adapters.generation_codec import spec_of, work_message
from pixel_generation.adapters.work.image import ImageMessages

from tests.architecture.proto_fields import ROOT, converted, mapped_by, messages

ADAPTERS = ("services/*/src/*/adapters/**/*.py", "deploy/studio/src/**/*.py")
DOMAIN = ("services/*/src/*/domain/**/*.py",)
SERVICES = ("gateway", "generation", "media", "social")
NO_PRODUCER = "an event of a topic that is catalogued for a capability that is not built yet"
STORED_JSON = "stored as JSON with the names of the message's fields, and parsed from it as a whole"
BY_KIND = "written by the messages of its kind (adapters/work), as the member of `work` that has the name of the kind"
BY_NAME = "copied by name in both directions; the round trip below has every field"
EXCEPTIONS = {
    "pixel.generation.v1.Generation.image": BY_KIND,
    "pixel.generation.v1.QuoteGenerationResponse.image": BY_KIND,
    "pixel.generation.v1.AiGenerationRequested": NO_PRODUCER,
    "pixel.generation.v1.VideoGenerationRequested": NO_PRODUCER,
    "pixel.generation.v1.VideoProcessingStatusChanged": NO_PRODUCER,
    "pixel.generation.v1.VideoProcessingCompleted": NO_PRODUCER,
    "pixel.generation.v1.VideoProcessingFailed": NO_PRODUCER,
    "pixel.social.v1.UserNotification": NO_PRODUCER,
    "pixel.social.v1.SocialInteraction": NO_PRODUCER,
    "pixel.generation.v1.Route": STORED_JSON,
    "pixel.generation.v1.RouteCandidate": STORED_JSON,
    "pixel.generation.v1.ImageWork": BY_NAME,
    "pixel.generation.v1.ListUserEventsRequest.page_size": "the gateway takes the service's page size",
    "pixel.generation.v1.GrantCreditsResponse.granted": "a grant that was made before is as good to its caller",
}


def sources(*patterns: str) -> dict[str, str]:
    return {path.as_posix(): path.read_text() for pattern in patterns for path in sorted(ROOT.glob(pattern))}


def of(service: str, found: dict[str, str]) -> dict[str, str]:
    return {path: source for path, source in found.items() if f"/services/{service}/" in path}


def without_codec(found: list[Any], adapters: dict[str, str], domain: dict[str, str]) -> dict[str, str]:
    """Return the fields that no adapter writes or reads, and which of both."""
    mapped = mapped_by(adapters)
    read = set(mapped.read)
    for service in SERVICES:
        read |= converted(of(service, adapters), of(service, domain))
    missing = {}
    for message in found:
        written = mapped.written.get(message.full_name, set())
        for field in message.fields:
            lacks = [word for word, names in (("written", written), ("read", read)) if field.name not in names]
            if lacks:
                missing[f"{message.full_name}.{field.name}"] = " nor ".join(lacks)
    return missing


@pytest.fixture(scope="module")
def missing() -> dict[str, str]:
    return without_codec(list(messages()), sources(*ADAPTERS), sources(*DOMAIN))


def exception_of(field: str) -> str | None:
    return next((name for name in (field, field.rpartition(".")[0]) if name in EXCEPTIONS), None)


def test_every_field_of_every_proto_is_written_and_read_by_an_adapter(missing: dict[str, str]) -> None:
    assert {field: lack for field, lack in missing.items() if exception_of(field) is None} == {}


def test_every_listed_exception_is_needed(missing: dict[str, str]) -> None:
    assert {exception_of(field) for field in missing} - {None} == set(EXCEPTIONS)


def filled(message_type: Any) -> Any:
    """Return a message with every field set to something else than its default."""
    message = message_type()
    for number, field in enumerate(message_type.DESCRIPTOR.fields, 1):
        if field.message_type is None:
            values = {field.CPPTYPE_STRING: f"text {number}", field.CPPTYPE_BOOL: True}
            setattr(message, field.name, values.get(field.cpp_type, number))
        else:
            assert field.message_type.full_name == "google.protobuf.Struct"
            getattr(message, field.name).update({"background": "opaque"})
    return message


@pytest.mark.parametrize(
    ("read", "write"), [(spec_of, work_message), (ImageMessages().read, ImageMessages().write)], ids=SERVICES[:2]
)
def test_no_field_of_the_work_is_lost_between_message_and_domain(read: Any, write: Any) -> None:
    message = filled(ImageWork)
    assert {field.name for field, _ in message.ListFields()} == set(ImageWork.DESCRIPTOR.fields_by_name)
    assert write(read(message)) == message


def test_a_new_proto_field_without_a_codec_is_found() -> None:
    file = FileDescriptorProto(name="t.proto", package="pixel.media.v1", syntax="proto3")
    message = file.message_type.add(name="Rendition")
    for number, name in enumerate(("kind", "url", "brand_new"), 1):
        message.field.add(name=name, number=number, type=9, label=1)
    pool = DescriptorPool()
    pool.Add(file)
    added = pool.FindMessageTypeByName("pixel.media.v1.Rendition")
    found = without_codec([added], sources(*ADAPTERS), sources(*DOMAIN))
    assert found == {"pixel.media.v1.Rendition.brand_new": "written nor read"}


@pytest.mark.parametrize(
    ("code", "lack"),
    [
        ("pb.Rendition(brand_new=1)\nprint(message.brand_new)", ""),
        ("pb.Rendition(brand_new=fact.brand_new)", "read"),
        ("def read(message: pb.Rendition): return message.brand_new", "written"),
        ("written = pb.Rendition()\nwritten.brand_new.extend(facts)\nmessage.HasField('brand_new')", ""),
        ("Rendition(brand_new=1)", "written nor read"),
    ],
)
def test_writing_and_reading_are_distinguished(code: str, lack: str) -> None:
    file = FileDescriptorProto(name="t.proto", package="pixel.media.v1", syntax="proto3")
    file.message_type.add(name="Rendition").field.add(name="brand_new", number=1, type=9, label=1)
    pool = DescriptorPool()
    pool.Add(file)
    message = pool.FindMessageTypeByName("pixel.media.v1.Rendition")
    source = f"from pixel.media.v1 import assets_service_pb2 as pb\n{code}"
    assert "".join(without_codec([message], {str(Path("codec.py")): source}, {}).values()) == lack
