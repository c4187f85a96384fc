"""The librdkafka properties a configuration may set, why others are refused, and Java's names.

Tables only: `daemon.config.kafka_properties` reads them. Ranges are librdkafka 2.16's own.
"""

from __future__ import annotations

# Name: the values accepted, as people are told; empty for text. All others are refused.
ALLOWED = {
    "client.id": "",
    "message.max.bytes": "1000 to 1000000000",
    "message.copy.max.bytes": "0 to 1000000000",
    "receive.message.max.bytes": "1000 to 2147483647",
    "metadata.recovery.strategy": "none, rebootstrap",
    "metadata.recovery.rebootstrap.trigger.ms": "0 to 2147483647",
    "topic.metadata.refresh.interval.ms": "-1 to 3600000",
    "metadata.max.age.ms": "1 to 86400000",
    "topic.metadata.refresh.fast.interval.ms": "1 to 60000",
    "topic.metadata.refresh.fast.cnt": "0 to 1000",
    "topic.metadata.refresh.sparse": "true, false",
    "topic.metadata.propagation.max.ms": "0 to 3600000",
    "socket.timeout.ms": "10 to 300000",
    "socket.blocking.max.ms": "1 to 60000",
    "socket.send.buffer.bytes": "0 to 100000000",
    "socket.receive.buffer.bytes": "0 to 100000000",
    "socket.keepalive.enable": "true, false",
    "socket.nagle.disable": "true, false",
    "socket.max.fails": "0 to 1000000",
    "broker.address.ttl": "0 to 86400000",
    "broker.address.family": "any, v4, v6",
    "socket.connection.setup.timeout.ms": "1000 to 2147483647",
    "connections.max.idle.ms": "0 to 2147483647",
    "reconnect.backoff.jitter.ms": "0 to 3600000",
    "reconnect.backoff.ms": "0 to 3600000",
    "reconnect.backoff.max.ms": "0 to 3600000",
    "enable.random.seed": "true, false",
    "api.version.request": "true, false",
    "api.version.request.timeout.ms": "1 to 300000",
    "api.version.fallback.ms": "0 to 604800000",
    "broker.version.fallback": "",
    "security.protocol": "plaintext, ssl, sasl_plaintext, sasl_ssl",
    "ssl.cipher.suites": "",
    "ssl.curves.list": "",
    "ssl.sigalgs.list": "",
    "ssl.key.location": "",
    "ssl.key.password": "",
    "ssl.key.pem": "",
    "ssl.certificate.location": "",
    "ssl.certificate.pem": "",
    "ssl.ca.location": "",
    "https.ca.location": "",
    "https.ca.pem": "",
    "ssl.ca.pem": "",
    "ssl.ca.certificate.stores": "",
    "ssl.crl.location": "",
    "ssl.keystore.location": "",
    "ssl.keystore.password": "",
    "enable.ssl.certificate.verification": "true, false",
    "ssl.endpoint.identification.algorithm": "none, https",
    "sasl.mechanisms": "",
    "sasl.mechanism": "",
    "sasl.kerberos.service.name": "",
    "sasl.kerberos.principal": "",
    "sasl.kerberos.keytab": "",
    "sasl.kerberos.min.time.before.relogin": "0 to 86400000",
    "sasl.username": "",
    "sasl.password": "",
    "sasl.oauthbearer.config": "",
    "enable.sasl.oauthbearer.unsecure.jwt": "true, false",
    "sasl.oauthbearer.method": "default, oidc",
    "sasl.oauthbearer.client.id": "",
    "sasl.oauthbearer.client.credentials.client.id": "",
    "sasl.oauthbearer.client.credentials.client.secret": "",
    "sasl.oauthbearer.client.secret": "",
    "sasl.oauthbearer.scope": "",
    "sasl.oauthbearer.extensions": "",
    "sasl.oauthbearer.token.endpoint.url": "",
    "sasl.oauthbearer.sub.claim.name": "",
    "sasl.oauthbearer.grant.type": (
        "client_credentials, urn:ietf:params:oauth:grant-type:jwt-bearer"
    ),
    "sasl.oauthbearer.assertion.algorithm": "RS256, ES256",
    "sasl.oauthbearer.assertion.private.key.file": "",
    "sasl.oauthbearer.assertion.private.key.passphrase": "",
    "sasl.oauthbearer.assertion.private.key.pem": "",
    "sasl.oauthbearer.assertion.file": "",
    "sasl.oauthbearer.assertion.claim.aud": "",
    "sasl.oauthbearer.assertion.claim.exp.seconds": "1 to 2147483647",
    "sasl.oauthbearer.assertion.claim.iss": "",
    "sasl.oauthbearer.assertion.claim.jti.include": "true, false",
    "sasl.oauthbearer.assertion.claim.nbf.seconds": "0 to 2147483647",
    "sasl.oauthbearer.assertion.claim.sub": "",
    "sasl.oauthbearer.assertion.jwt.template.file": "",
    "sasl.oauthbearer.metadata.authentication.type": "none, azure_imds, aws_iam",
    "session.timeout.ms": "1 to 3600000",
    "heartbeat.interval.ms": "1 to 3600000",
    "group.protocol": "classic, consumer",
    "group.remote.assignor": "",
    "coordinator.query.interval.ms": "1 to 3600000",
    "max.poll.interval.ms": "1 to 86400000",
    "queued.min.messages": "1 to 10000000",
    "queued.max.messages.kbytes": "1 to 2097151",
    "fetch.wait.max.ms": "0 to 300000",
    "fetch.queue.backoff.ms": "0 to 300000",
    "fetch.message.max.bytes": "1 to 1000000000",
    "max.partition.fetch.bytes": "1 to 1000000000",
    "fetch.max.bytes": "0 to 2147483135",
    "fetch.min.bytes": "0 to 2147483647",
    "fetch.error.backoff.ms": "0 to 300000",
    "check.crcs": "true, false",
    "client.rack": "",
    "retry.backoff.ms": "1 to 300000",
    "retry.backoff.max.ms": "1 to 300000",
    "client.dns.lookup": "use_all_dns_ips, resolve_canonical_bootstrap_servers_only",
    "enable.metrics.push": "true, false",
}

# Of these a producer knows nothing, and would say so in the log.
CONSUMER_ONLY = frozenset(
    {
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "group.protocol",
        "group.remote.assignor",
        "coordinator.query.interval.ms",
        "max.poll.interval.ms",
        "queued.min.messages",
        "queued.max.messages.kbytes",
        "fetch.wait.max.ms",
        "fetch.queue.backoff.ms",
        "fetch.message.max.bytes",
        "max.partition.fetch.bytes",
        "fetch.max.bytes",
        "fetch.min.bytes",
        "fetch.error.backoff.ms",
        "check.crcs",
    }
)

# What a client is told anew while it lives: a changed file needs no restart.
LIVE = frozenset({"sasl.username", "sasl.password"})

# Shown masked wherever a configuration is shown.
SECRET = frozenset(
    {
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
        "sasl.password",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.extensions",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
    }
)

_COMMIT = "cohortd commits what Braze has taken, and nothing else may move an offset"
_ASSIGN = "cohortd sets how partitions are handed over, since its guarantees rest on it"
_CODE = "it would load or run foreign code"
_LOGS = "cohortd writes librdkafka's log itself; set log.level"
_STORE = "offsets live in Kafka, where their metadata carry what was sent"
_SHARE = "it is for share groups, which keep no order"
_WIRED = "it is a program's callback or pointer, not a setting"

# Name: why it can't be set.
REFUSED = {
    "bootstrap.servers": "set kafka.bootstrap_servers",
    "metadata.broker.list": "set kafka.bootstrap_servers",
    "group.id": "set kafka.group_id",
    "group.instance.id": "a static member's successor gets partitions while the lease still runs",
    "group.protocol.type": _ASSIGN,
    "partition.assignment.strategy": _ASSIGN,
    "enable.auto.commit": _COMMIT,
    "auto.commit.enable": _COMMIT,
    "auto.commit.interval.ms": _COMMIT,
    "enable.auto.offset.store": _COMMIT,
    "auto.offset.reset": "a lost offset is a person's decision; set start for the first start",
    "isolation.level": "only committed records are read",
    "enable.partition.eof": "cohortd sets it, to know the end of a log",
    "allow.auto.create.topics": "cohortd creates no topic, least of all a misspelt one",
    "topic.blacklist": "inputs says which topics are read",
    "offset.store.method": _STORE,
    "offset.store.path": _STORE,
    "offset.store.sync.interval.ms": _STORE,
    "consume.callback.max.messages": "cohortd reads in batches",
    "share.acknowledgement.mode": _SHARE,
    "max.in.flight.requests.per.connection": "the dead letters' order rests on it",
    "max.in.flight": "the dead letters' order rests on it",
    "debug": "it writes records and credentials to the log",
    "log_level": _LOGS,
    "log.queue": _LOGS,
    "log.thread.name": _LOGS,
    "log.connection.close": _LOGS,
    "statistics.interval.ms": "cohortd has metrics of its own",
    "enabled_events": _WIRED,
    "opaque": _WIRED,
    "interceptors": _WIRED,
    "default_topic_conf": _WIRED,
    "default.topic.config": _WIRED,
    "logger": _WIRED,
    "on_commit": _WIRED,
    "on_delivery": _WIRED,
    "ssl_engine_callback_data": _WIRED,
    "ssl_key": "set ssl.key.pem or ssl.key.location",
    "ssl_certificate": "set ssl.certificate.pem or ssl.certificate.location",
    "ssl_ca": "set ssl.ca.pem or ssl.ca.location",
    "internal.termination.signal": "cohortd handles the signals of its process",
    "plugin.library.paths": _CODE,
    "ssl.engine.location": _CODE,
    "ssl.engine.id": _CODE,
    "ssl.providers": _CODE,
    "sasl.kerberos.kinit.cmd": _CODE,
    "builtin.features": "it says what the library was built with",
    "transactional.id": "cohortd writes only dead letters, one by one",
}

# Only these values, whatever the library would take.
REQUIRED = {
    "enable.ssl.certificate.verification": ("true", "a broker that is not checked can be anybody"),
    "ssl.endpoint.identification.algorithm": (
        "https",
        "a certificate for another host proves nothing",
    ),
}

_TRUST = "librdkafka reads PEM: set ssl.ca.location (a file of CA certificates)"
_KEYSTORE = (
    "librdkafka reads PEM or PKCS#12: set ssl.certificate.location and ssl.key.location,"
    " or ssl.keystore.location with a .p12 file"
)
_LOGIN = (
    "librdkafka takes it apart: set sasl.username and sasl.password;"
    " for OAUTHBEARER sasl.oauthbearer.method: oidc with its properties;"
    " for Amazon MSK's IAM kafka.oauth"
)
_DECODE = "the formats of inputs decode the records"

# Java's name: what to do instead.
JAVA = {
    "ssl.truststore.location": _TRUST,
    "ssl.truststore.password": _TRUST,
    "ssl.truststore.type": _TRUST,
    "ssl.truststore.certificates": "set ssl.ca.pem",
    "ssl.keystore.type": _KEYSTORE,
    "ssl.keystore.key": "set ssl.key.pem",
    "ssl.keystore.certificate.chain": "set ssl.certificate.pem",
    "ssl.protocol": "librdkafka chooses the newest TLS both sides have; leave it out",
    "ssl.enabled.protocols": "librdkafka chooses the newest TLS both sides have; leave it out",
    "ssl.secure.random.implementation": "leave it out",
    "ssl.provider": "leave it out",
    "ssl.engine.factory.class": "leave it out",
    "sasl.jaas.config": _LOGIN,
    "sasl.client.callback.handler.class": _LOGIN,
    "sasl.login.class": _LOGIN,
    "sasl.login.callback.handler.class": _LOGIN,
    "sasl.oauthbearer.scope.claim.name": "leave it out",
    "sasl.kerberos.ticket.renew.jitter": "set sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.ticket.renew.window.factor": "set sasl.kerberos.min.time.before.relogin",
    "key.deserializer": _DECODE,
    "value.deserializer": _DECODE,
    "key.serializer": _DECODE,
    "value.serializer": _DECODE,
    "max.poll.records": "cohortd takes records in batches of its own size; leave it out",
    "default.api.timeout.ms": "set socket.timeout.ms",
    "request.timeout.ms": "set socket.timeout.ms",
    "fetch.max.wait.ms": "set fetch.wait.max.ms",
    "send.buffer.bytes": "set socket.send.buffer.bytes",
    "receive.buffer.bytes": "set socket.receive.buffer.bytes",
    "socket.connection.setup.timeout.max.ms": "set socket.connection.setup.timeout.ms",
    "metadata.max.age": "set metadata.max.age.ms",
    "metric.reporters": "cohortd has metrics of its own",
    "interceptor.classes": "leave it out",
    "exclude.internal.topics": "inputs says which topics are read",
    "internal.leave.group.on.close": "cohortd leaves the group when it stops",
    "security.providers": "leave it out",
    "auto.include.jmx.reporter": "leave it out",
}
