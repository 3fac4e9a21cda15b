"""Every record of a catalogue is read, and again at each change of the readers, so that the steps it takes count."""

from __future__ import annotations

from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from tests.samples import every_record
from tests.work import calls_of


def test_the_facts_of_a_record_are_read_in_few_steps():
    models = [parse_record(record).model for record in every_record()]

    def read_all():
        return [extract(model) for model in models]

    read_all()

    assert calls_of(read_all) / len(models) < 550
