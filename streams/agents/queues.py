"""The queues stage: contact events and staffing in; outcomes, intervals, findings and callback signals out."""

from __future__ import annotations

from streams.domain.directory import Directory
from streams.domain.intake import Facts
from streams.domain.privacy import Pseudonyms, TenantKey
from streams.domain.queues import ClockRules, QueuesCore
from streams.domain.queues_beside import QueuesBeside
from streams.engine.stage import StageSpec
from streams.partitioning import partition_of
from streams.sealing import Sealer
from streams.settings import Settings, milliseconds
from streams.topics import STAGE_INPUTS

NAME = "queues"


def queues_stage(settings: Settings, directory: Directory, sealer: Sealer) -> StageSpec:
    keys = {
        tenant: TenantKey(secrets.token_key, secrets.previous_token_key)
        for tenant, secrets in settings.tenant_keys.items()
    }
    facts = Facts(Pseudonyms(keys) if keys else None, sealer)
    clock = ClockRules(settings.clock.mode, milliseconds(settings.clock.grace_seconds))
    beside = settings.directory_beside(partition_of)
    own_versions = frozenset(queue.policy for queue in settings.queues if queue.policy is not None)

    def make_core(partition: int) -> QueuesCore:
        if beside is None:
            return QueuesCore(partition, directory, facts=facts, clock=clock)
        return QueuesBeside(partition, directory, facts=facts, clock=clock, beside=beside, own_versions=own_versions)

    return StageSpec(name=NAME, inputs=STAGE_INPUTS[NAME], make_core=make_core)
