"""The processes that make up a running platform. Imports no Django."""

import os
import sys
from pathlib import Path

from apps.ops.phones import PhoneAddress
from apps.processes.supervisor import Service

LOG_CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "granian-logging.json"
WEB_WORKERS = 2
WEB_THREADS = 2  # per worker: 3 and 4 redeem a tenth and a quarter less (bench/check_in.py)
WEB_STOP_SECONDS = 5
CELERY_QUEUES = "default,notifications,imports"
CELERY_PROCESSES = 2


def platform_services(
    *, host: str, port: int, var: Path, phones: PhoneAddress | None = None
) -> list[Service]:
    """Web servers, workers and scheduler, in the order in which they are stopped: what no request
    asks for any more can end at once."""
    # E-mails and calendars name the port that people use.
    worker_env = {**_worker_env(), "PUBLIC_PORT": str(port)}
    web_env = {"PUBLIC_PORT": str(port)}
    if phones:
        web_env["PHONE_ORIGIN"] = phones.origin
    return [
        Service(name="web", command=_web(host, port), env=web_env),
        *([_phones(phones)] if phones else []),
        Service(
            name="beat",
            command=_celery("beat", f"--schedule={var / 'celerybeat-schedule'}"),
            stage=1,
        ),
        Service(
            name="worker",
            command=_worker("worker", CELERY_QUEUES, processes=CELERY_PROCESSES),
            env=worker_env,
            stage=1,
        ),
        Service(
            name="faces",
            command=_worker("faces", "faces", processes=1),
            # One thread each: spinning threads on a busy core cost ten times the time.
            env={**worker_env, "OMP_NUM_THREADS": "1"},
            stage=1,
        ),
    ]


def _worker_env() -> dict[str, str]:
    if sys.platform == "darwin":  # else the Objective-C runtime ends processes that Celery forks
        return {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"}
    return {}


def _web(host: str, port: int, *, workers: int = WEB_WORKERS) -> list[str]:
    return [
        sys.executable,
        *("-m", "granian", "campus.wsgi:application"),
        *("--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", str(workers), "--blocking-threads", str(WEB_THREADS)),
        *("--workers-kill-timeout", str(WEB_STOP_SECONDS), "--respawn-failed-workers"),
        "--no-ws",
        *("--log-config", str(LOG_CONFIG)),
    ]


def _phones(address: PhoneAddress) -> Service:
    """A second web server, for phones in the network: see `phones`."""
    tls = ["--ssl-certificate", str(address.certificate), "--ssl-keyfile", str(address.key)]
    hosts = [os.environ.get("ALLOWED_HOSTS", ""), address.host]
    return Service(
        name="phones",
        command=[*_web(address.host, address.port, workers=1), *tls],
        env={"PUBLIC_PORT": str(address.port), "ALLOWED_HOSTS": ",".join(filter(None, hosts))},
    )


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-q", "-A", "campus", *arguments, "--loglevel=INFO"]


def _worker(name: str, queues: str, *, processes: int) -> list[str]:
    return _celery(
        "worker",
        f"--hostname={name}@%h",
        f"--queues={queues}",
        "--pool=prefork",
        f"--concurrency={processes}",
        "--without-gossip",
        "--without-mingle",
    )
