"""``clarion worker``: processes that do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clarion.cli.options import Bounces, Child, DataDir, Insecure, Late, Processes, Project, Queues, Sources

if TYPE_CHECKING:
    import asyncio

#: What takes long to load.
_NEEDS = (
    *("uvloop", "clarion.channels.email.smtp", "clarion.flows.deliver", "clarion.flows.deliver_in_app"),
    *(
        "clarion.flows.expand",
        "clarion.flows.run_schedules",
        "clarion.flows.system_schedules",
        "clarion.worker.duties",
        "clarion.worker.service",
    ),
)


def worker(
    project: Project = None,
    data_dir: DataDir = None,
    processes: Processes = None,
    queues: Queues = None,
    sources: Sources = None,
    bounces: Bounces = None,
    insecure: Insecure = None,
    child: Child = False,
    late: Late = False,
) -> None:
    """Expand triggers and deliver messages.

    With --sources, also take in what comes from brokers; with --bounces, also read mails that came back.
    """
    from clarion.app import open_database, open_worker
    from clarion.cli.database import connect
    from clarion.cli.late import environment
    from clarion.cli.process import run, spare_collector, tell_parent
    from clarion.config import load_settings
    from clarion.wires import refuse
    from clarion.worker.waiting import unless

    settings = load_settings(
        {
            **{"project": project, "data_dir": data_dir, "worker.processes": processes},
            **{"worker.queues": queues, "worker.sources": sources, "worker.bounces": bounces},
            "insecure": insecure,
        },
        environment(*_NEEDS) if late else None,
    )
    refuse(settings)

    async def work(stopping: asyncio.Event) -> None:
        async with open_database(settings) as url:
            async with connect(url):
                pass  # says what is wrong with an address
            async with open_worker(settings, url) as one:
                spare_collector()
                if child:
                    tell_parent(worker=one.name)
                await one.run(stopping, settings.worker.drain_timeout)

    async def several(stopping: asyncio.Event) -> None:
        from datetime import timedelta

        from clarion.cli.child import Child as ChildProcess
        from clarion.cli.family import Family

        async with open_database(settings) as url:
            changes = {"CLARION_DATABASE_URL": url, "CLARION_WORKER_PROCESSES": "1"}
            command = ["worker", "--project", str(settings.project), "--data-dir", str(settings.data_dir)]
            if settings.worker.queues:
                command += ["--queues", ",".join(settings.worker.queues)]
            command += ["--sources"] if settings.worker.sources else []
            command += ["--insecure"] if settings.insecure else []
            numbers = range(1, settings.worker.processes + 1)
            # One reads what came back: only one can listen on a port.
            first = ["--bounces"] if settings.worker.bounces else []
            changes["CLARION_WORKER_BOUNCES"] = "false"
            children = [
                ChildProcess(f"worker {number}", command + (first if number == 1 else []), changes)
                for number in numbers
            ]
            family = Family(settings.worker.drain_timeout + timedelta(seconds=5))
            family.add(*children)
            try:
                if await unless(stopping, family.start(*children)) is not None:
                    await family.watch(stopping)
            finally:
                await family.stop()

    run(work if child or settings.worker.processes == 1 else several, settings, name="worker", child=child)
