"""Write example membership changes to a topic, as a producer of your own would.

What to copy from here: the event (`schemas/membership_change.schema.json`), the key, which is the
same for all changes of one user, so that their order is kept, and the idempotent producer, which
keeps it when the broker is slow.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import KafkaError, KafkaException, Message, Producer

COHORTS = {
    "vip": "VIP customers",
    "cart-abandoners": "Left a full cart",
    "trial-ending": "Trial ends this week",
    "newsletter": "Reads the newsletter",
}


def generate_changes(users: int, chance: random.Random) -> Iterator[dict[str, str]]:
    """Yield changes for ever: a user joins a cohort he is not in, or leaves one he is in."""
    members: set[tuple[str, str]] = set()
    while True:
        membership = (chance.choice(list(COHORTS)), f"user-{chance.randrange(users):06}")
        joins = membership not in members
        members.symmetric_difference_update({membership})
        cohort, user = membership
        yield {
            "cohort_id": cohort,
            "cohort_name": COHORTS[cohort],
            "op": "add" if joins else "remove",
            "external_id": user,
            "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }


def _complain(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        print(f"not written to {message.topic()}: {error.str()}", file=sys.stderr)


def main() -> int:
    """Write changes until `--count` is reached or somebody says stop; return 0 if all arrived."""
    parser = argparse.ArgumentParser(description="Write example membership changes to a topic.")
    parser.add_argument("--bootstrap", default="localhost:9092")
    parser.add_argument("--topic", default="cohort.membership")
    parser.add_argument("--rate", type=float, default=20, help="changes a second")
    parser.add_argument("--count", type=int, default=None, help="stop after so many")
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    producer = Producer(
        {"bootstrap.servers": args.bootstrap, "enable.idempotence": True, "linger.ms": 50}
    )
    changes = generate_changes(args.users, random.Random(args.seed))
    try:
        for change in itertools.islice(changes, args.count):
            producer.produce(
                args.topic,
                key=change["external_id"],
                value=json.dumps(change),
                on_delivery=_complain,
            )
            producer.poll(0)
            time.sleep(1 / args.rate)
    except KeyboardInterrupt:
        pass
    except (BufferError, KafkaException) as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    return 1 if producer.flush(10) else 0


if __name__ == "__main__":
    sys.exit(main())
