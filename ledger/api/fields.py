"""Converters between protobuf messages and plain data (dicts, lists, words of codes), compiled once per descriptor.
A field's name is the same on both sides, so a converter knows structure only and nothing of any one message.
It validates nothing: a number that the contract does not define becomes a word that no code has."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Plain = dict[str, Any]
Reader = Callable[[Any], Plain]
Writer = Callable[[Plain], Plain]


class EnumWords(dict[int, str]):
    """Number to word of one enumeration; an unknown number is its own word, which validation then refuses."""

    def __missing__(self, number: int) -> str:
        return str(number)


def snake_case(name: str) -> str:
    """`TroopsKilled` as the contract writes it in a field: `troops_killed`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def enum_words(enum: EnumDescriptor) -> EnumWords:
    """`DATE_PRECISION_DAY` is the word `day`; unspecified has no word."""
    prefix = f"{snake_case(enum.name).upper()}_"
    return EnumWords(
        {value.number: value.name.removeprefix(prefix).lower() for value in enum.values if value.number}
    )


def enum_numbers(enum: EnumDescriptor) -> dict[str, int]:
    """The words of an enumeration with their numbers."""
    return {word: number for number, word in enum_words(enum).items()}


def message_of(field: FieldDescriptor) -> Descriptor:
    """The message that a field holds."""
    if field.message_type is None:
        raise TypeError(f"{field.full_name} holds no message")
    return field.message_type


class Converters:
    """Readers and writers of messages, compiled on first use. A message with a structure of its own
    brings its own pair; `special` names it by the message's full name."""

    def __init__(self, special: Mapping[str, tuple[Reader, Writer]]) -> None:
        self._readers: dict[str, Reader] = {name: pair[0] for name, pair in special.items()}
        self._writers: dict[str, Writer | None] = {name: pair[1] for name, pair in special.items()}

    def reader(self, descriptor: Descriptor) -> Reader:
        """Message to plain data: only fields that are set; in order of their numbers."""
        if descriptor.full_name not in self._readers:
            table: dict[int, tuple[str, Callable[[Any], Any] | None]] = {}
            self._readers[descriptor.full_name] = _reader(table)
            table.update({field.number: (field.name, self.read_field(field)) for field in descriptor.fields})
        return self._readers[descriptor.full_name]

    def read_field(self, field: FieldDescriptor) -> Callable[[Any], Any] | None:
        """How a field's value becomes plain; None where it is plain already."""
        if field.message_type is not None:
            read = self.reader(field.message_type)
            return (lambda values: [read(each) for each in values]) if field.is_repeated else read
        if field.enum_type is not None:
            word = enum_words(field.enum_type).__getitem__
            return (lambda values: [word(each) for each in values]) if field.is_repeated else word
        return list if field.is_repeated else None

    def writer(self, descriptor: Descriptor) -> Writer | None:
        """Plain data to a message's keyword arguments; None where plain data is that already."""
        if descriptor.full_name not in self._writers:
            table: dict[str, Callable[[Any], Any]] = {}
            self._writers[descriptor.full_name] = _writer(table)
            writes = {field.name: self.write_field(field) for field in descriptor.fields}
            table.update({name: write for name, write in writes.items() if write is not None})
            if not table:
                self._writers[descriptor.full_name] = None
        return self._writers[descriptor.full_name]

    def write_field(self, field: FieldDescriptor) -> Callable[[Any], Any] | None:
        """How a plain value becomes what a message takes; None where it is that already."""
        if field.message_type is not None:
            write = self.writer(field.message_type)
            if write is None or not field.is_repeated:
                return write
            return lambda values: [write(each) for each in values]
        if field.enum_type is not None:
            number = enum_numbers(field.enum_type).__getitem__
            return (lambda values: [number(each) for each in values]) if field.is_repeated else number
        return None


def _reader(table: Mapping[int, tuple[str, Callable[[Any], Any] | None]]) -> Reader:
    def read(message: Message) -> Plain:
        content = {}
        for field, value in message.ListFields():
            name, convert = table[field.number]
            content[name] = value if convert is None else convert(value)
        return content

    return read


def _writer(table: Mapping[str, Callable[[Any], Any]]) -> Writer:
    def write(content: Plain) -> Plain:
        fields = dict(content)
        for name, convert in table.items():
            if name in fields:
                fields[name] = convert(fields[name])
        return fields

    return write
