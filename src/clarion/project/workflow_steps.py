"""The steps of a workflow file: those that send on a channel, and those that wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import yaml

from clarion.domain.binding_value import PlacedFault
from clarion.domain.duration import LONGEST
from clarion.domain.expression import Expression
from clarion.domain.step import Channel, ChannelStep, DelayStep, Step
from clarion.domain.suggest import one_of
from clarion.domain.webhook import check_type
from clarion.domain.webhook_body import Body
from clarion.errors import Invalid
from clarion.project.attached import read_attached
from clarion.project.name import checked_name
from clarion.project.plain_value import Plain, locate
from clarion.project.table import Notes, Table, duration, kind, place_in

STEP_KEYS = frozenset({"key", "channel", "delay", "template", "when", "type", "data", "attachments"})
DELAY_KEYS = frozenset({"until"})

MOST_STEPS = 50
#: A wait of no time at all would be a slip.
_SHORTEST = timedelta(milliseconds=1)

#: What only steps on `webhook` say.
_OF_WEBHOOKS = ("type", "data")
_CHANNELS = {channel.value: channel for channel in Channel}
_DELAY = '`delay` is a length of time such as 2h, or {until: "a time in CEL"}'

Placed = tuple[Step, tuple[int, int]]


def read_steps(table: Table, notes: Notes) -> list[Placed]:
    """The steps, each with its line and column; those that are wrong are left out, with a note."""
    node = table.at("steps")
    if node is None:
        notes.add(table.node, "there are no `steps`", "for example: steps: [{channel: email}]")
        return []
    if not isinstance(node, yaml.SequenceNode) or not 1 <= len(node.value) <= MOST_STEPS:
        notes.add(node, f"`steps` must be a list of 1 to {MOST_STEPS} steps", "begin each with `- channel: …`")
        return []
    found: list[Placed] = []
    seen: dict[str, int] = {}
    for item in node.value:
        step = _step(item, notes)
        if step is None:
            continue
        if step.key in seen:
            hint = "give one of them another `key`"
            notes.add(item, f"two steps have the key `{step.key}`: the other is on line {seen[step.key]}", hint)
        seen.setdefault(step.key, notes.line(item))
        found.append((step, (notes.line(item), item.start_mark.column + 1)))
    _check_end(node.value, found, notes)
    return found


def _check_end(items: Sequence[yaml.Node], found: Sequence[Placed], notes: Notes) -> None:
    if found and isinstance(found[-1][0], DelayStep) and len(found) == len(items):
        hint = "put what shall be sent then behind it, or take it out"
        notes.add(items[-1], f"nothing comes after the delay `{found[-1][0].key}`", hint)


def _step(node: yaml.Node, notes: Notes) -> Step | None:
    table = Table.of(node, notes, STEP_KEYS, "a step")
    if table is None:
        return None
    if table.has("delay"):
        return _delay_step(table, notes)
    if not table.has("channel"):
        notes.add(node, "the step has neither `channel` nor `delay`", f"`channel` is {one_of(_CHANNELS)}; {_DELAY}")
    channel = table.choice("channel", _CHANNELS)
    key, template = table.checked("key", checked_name), table.checked("template", checked_name)
    when = _expression(table, "when", notes)
    if channel is None:
        return None
    if channel is Channel.WEBHOOK:
        return _webhook_step(table, notes, key, template, when)
    for own in _OF_WEBHOOKS:
        if table.has(own):
            notes.add(table.at(own), f"a step on `{channel.value}` has no `{own}`", "only those on `webhook` have")
    if channel is not Channel.EMAIL and table.has("attachments"):
        notes.add(table.at("attachments"), f"a step on `{channel.value}` has no `attachments`", "only mails have files")
    files = read_attached(table, notes) if channel is Channel.EMAIL else ()
    name = channel.value
    return ChannelStep(key=key or name, channel=channel, template=template or name, when=when, attachments=files)


def _webhook_step(table: Table, notes: Notes, key: str | None, template: str | None, when: str | None) -> ChannelStep:
    if template is not None:
        hint = "say in `data` what is posted"
        notes.add(table.at("template"), "a step on `webhook` has no words, so no `template`", hint)
    type, node = table.checked("type", check_type), table.at("data")
    data = None if node is None else Plain(notes).value(node)
    if node is not None:
        if data is None:
            notes.add(node, "`data` is empty", "leave the line out to post all there is to know")
        try:
            Body(type, data)
        except Invalid as error:
            for fault in error.faults:
                assert isinstance(fault, PlacedFault)
                message, _, hint = fault.detail.partition("; ")
                line, column = (int(part) for part in fault.place.split(":"))
                place = place_in(locate(node, fault.pointer)[1], notes, line, column)
                notes.put(*place, f"`data`: {message}", hint or None)
    name = Channel.WEBHOOK.value
    return ChannelStep(key=key or name, channel=Channel.WEBHOOK, template=name, when=when, type=type, data=data)


def _delay_step(table: Table, notes: Notes) -> DelayStep | None:
    for other in ("channel", "template", "attachments", *_OF_WEBHOOKS):
        if table.has(other):
            hint = "make two steps of it: first `- delay: …`, then `- channel: …`"
            notes.add(table.at(other), f"a step with a `delay` has no `{other}`", hint)
    key, when = table.checked("key", checked_name) or "delay", _expression(table, "when", notes)
    node = table.at("delay")
    assert node is not None
    if not isinstance(node, yaml.MappingNode):
        if isinstance(node, yaml.SequenceNode):
            notes.add(node, f"`delay` cannot be {kind(node)}", _DELAY)
            return None
        length = duration(node, "delay", notes, _SHORTEST, LONGEST)
        return None if length is None else DelayStep(key=key, length=length, when=when)
    long = Table(node, notes, DELAY_KEYS)
    if not long.has("until"):
        notes.add(node, "the delay has no `until`", _DELAY)
        return None
    until = _expression(long, "until", notes)
    return None if until is None else DelayStep(key=key, until=until, when=when)


def _expression(table: Table, key: str, notes: Notes) -> str | None:
    text, node = table.text(key), table.at(key)
    if text is None or node is None:
        return None
    try:
        Expression.compile(text)
    except Invalid as error:
        for fault in error.faults:
            line, column = (int(part) for part in fault.pointer.split(":"))
            notes.put(*place_in(node, notes, line, column), f"`{key}`: {fault.detail}")
    return text
