"""The commands: their words, options and help, on Typer.

Heavy modules are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from daemon import cli
from daemon.errors import CohortdError
from daemon.tools.dlq.cli import dlq_app
from daemon.tools.offsets.cli import offsets_app
from daemon.tools.schema.cli import schema_app

if TYPE_CHECKING:
    from daemon.config.settings import Settings

CONTRACT_VERSION = "1"


class _Commands(TyperGroup):
    """Whoever interrupts a command has made it fail; Typer would end it with 130."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  Typer's own words for it are private.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise CohortdError(cli.INTERRUPTED) from None


app = typer.Typer(
    name="cohortd",
    cls=_Commands,
    help="Keeps Braze cohorts in step with a Kafka stream.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(offsets_app, name="offsets")
app.add_typer(dlq_app, name="dlq")
app.add_typer(schema_app, name="schema")

ConfigFiles = Annotated[
    list[Path],
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="A configuration file; given again, later files win.",
    ),
]


class Until(StrEnum):
    """Where a plan ends."""

    LATEST = "latest"


class PlanForm(StrEnum):
    """How a plan is printed."""

    TABLE = "table"
    JSON = "json"


class _State:
    """What the options before the command said."""

    debug = False


def _print_version(wanted: bool) -> None:  # noqa: FBT001  Typer calls it so.
    if not wanted:
        return
    import platform  # noqa: PLC0415

    import confluent_kafka  # noqa: PLC0415

    from daemon import __version__  # noqa: PLC0415

    librdkafka = confluent_kafka.libversion()[0]
    print(  # noqa: T201
        f"cohortd {__version__} (contract {CONTRACT_VERSION}, Python {platform.python_version()},"
        f" librdkafka {librdkafka})"
    )
    raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[  # noqa: FBT002
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[  # noqa: ARG001, FBT002
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show versions."),
    ] = False,
) -> None:
    _State.debug = debug


@app.command()
def run(config: ConfigFiles) -> None:
    """Run the daemon."""
    cli.run(config)


@app.command()
def check(
    *,
    config: ConfigFiles,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask Kafka and Braze, changing nothing.")
    ] = False,
    keys: Annotated[
        bool,
        typer.Option("--keys", help="Also read whole topics: is each member in one partition?"),
    ] = False,
) -> None:
    """Validate the configuration and print what it amounts to."""
    settings = _load(config)
    from daemon.tools import check as tool  # noqa: PLC0415

    raise typer.Exit(tool.run(settings, online=online, keys=keys))


@app.command()
def plan(
    *,
    config: ConfigFiles,
    until: Annotated[  # The only one there is, named so that a script can be plain about it.
        Until, typer.Option("--until", help="Where to stop reading.")
    ] = Until.LATEST,
    cohort: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only cohorts whose id matches.")
    ] = None,
    form: Annotated[PlanForm, typer.Option("--format", help="How to print it.")] = PlanForm.TABLE,
    show_ids: Annotated[
        bool, typer.Option("--show-ids", help="Show whom it is about, too.")
    ] = False,
) -> None:
    """Say what run would do with what waits; nothing is sent, committed or joined."""
    assert until is Until.LATEST
    settings = _load(config)
    from daemon.tools import plan as tool  # noqa: PLC0415

    options = tool.PlanOptions(cohort, form is PlanForm.JSON, show_ids)
    raise typer.Exit(tool.run(settings, options))


@app.command()
def init(
    *,
    bootstrap: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Some of the brokers, commas between.")
    ],
    topic: Annotated[str, typer.Option(metavar="TOPIC", help="The topic to look at.")],
    registry: Annotated[
        str | None, typer.Option(metavar="URL", help="A schema registry, for Avro.")
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="NAME=VALUE", help="Of librdkafka; NAME=@FILE too."),
    ] = None,
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="Without TLS, to any broker.")
    ] = False,
) -> None:
    """Look at a topic's last records and print a configuration to start from."""
    from daemon.tools import init as tool  # noqa: PLC0415

    options = tool.InitOptions(bootstrap, topic, registry, tuple(properties or ()), allow_plaintext)
    raise typer.Exit(tool.run(options))


@app.command()
def top(
    *,
    url: Annotated[
        str, typer.Option(metavar="URL", help="A daemon's admin port.")
    ] = "http://127.0.0.1:8080",
    every: Annotated[
        float, typer.Option(min=0.2, max=60, help="Seconds from one picture to the next.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False,
) -> None:
    """Watch a running daemon in the terminal."""
    from daemon.tools.top import TopOptions  # noqa: PLC0415
    from daemon.tools.top import run as watch  # noqa: PLC0415

    raise typer.Exit(watch(TopOptions(url, every, once)))


@app.command()
def demo(
    *,
    seconds: Annotated[int, typer.Option(min=5, max=3600, help="How long events flow.")] = 20,
    faults: Annotated[
        bool, typer.Option("--faults", help="Let the simulated Braze fail in many ways.")
    ] = False,
    tamper: Annotated[
        bool, typer.Option("--tamper", help="Change one member before the comparison.")
    ] = False,
) -> None:
    """Show the daemon at work, killed and restarted, and prove it."""
    from daemon.tools.demo import DemoOptions  # noqa: PLC0415
    from daemon.tools.demo import run as play  # noqa: PLC0415

    raise typer.Exit(play(DemoOptions(seconds=seconds, faults=faults, tamper=tamper)))


@app.command()
def simulator(  # noqa: PLR0913  One option each.
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes any free one.")
    ] = 8090,
    quota: Annotated[int, typer.Option(help="Requests an hour.")] = 250_000,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="FAULT", help="A fault, such as status=503,rate=0.1; repeatable."),
    ] = None,
    partner: Annotated[str | None, typer.Option(help="The only partner known.")] = None,
    partner_api_key_file: Annotated[
        Path | None, typer.Option(help="The only partner API key accepted.")
    ] = None,
    client_secret_file: Annotated[
        Path | None, typer.Option(help="The only data import key accepted.")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="Known external ids, one a line.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the faults' randomness.")] = 0,
) -> None:
    """Serve Braze's cohort endpoints, as documented."""
    from daemon.tools.simulator import SimulatorOptions  # noqa: PLC0415
    from daemon.tools.simulator import run as serve  # noqa: PLC0415

    options = SimulatorOptions(
        host=host,
        port=port,
        quota=quota,
        faults=tuple(fault or ()),
        seed=seed,
        partner=partner,
        partner_api_key_file=partner_api_key_file,
        client_secret_file=client_secret_file,
        users_file=users,
    )
    raise typer.Exit(serve(options))


def _load(paths: Sequence[Path]) -> Settings:
    """Return the settings, or end with every problem of them, a line each."""
    from daemon.config.settings import load  # noqa: PLC0415

    return load(paths, os.environ)


def main() -> None:
    """Run a command; whatever goes wrong is one readable line, and a traceback with `--debug`."""
    try:
        try:
            app(prog_name="cohortd")
        finally:
            cli.flush()  # Where it can still be said that nothing more can be written.
    except Exception as error:  # noqa: BLE001  The top of the process.
        if _State.debug:
            sys.excepthook(*sys.exc_info())  # As Python itself would end.
        cli.fail(error)
